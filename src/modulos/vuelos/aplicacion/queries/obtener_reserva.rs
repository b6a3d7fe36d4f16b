//! La consulta `ObtenerReserva`.

use crate::modulos::vuelos::aplicacion::dto::ReservaDetalle;
use crate::modulos::vuelos::aplicacion::errores::ErrorVuelos;
use crate::modulos::vuelos::aplicacion::puertos::ConsultasReservas;
use crate::modulos::vuelos::dominio::reserva::IdReserva;
use crate::seedwork::aplicacion::mensajes::{HandlerQuery, Query};

/// Una reserva por su identidad.
#[derive(Debug, Clone, Copy)]
pub struct ObtenerReserva {
    /// La reserva.
    pub id: IdReserva,
}

impl Query for ObtenerReserva {
    const NOMBRE: &'static str = "ObtenerReserva";
    type Resultado = ReservaDetalle;
    type Error = ErrorVuelos;
}

impl<L: ConsultasReservas> HandlerQuery<L> for ObtenerReserva {
    async fn responder(self, lector: &mut L) -> Result<ReservaDetalle, ErrorVuelos> {
        lector.detalle(self.id).await?.ok_or(ErrorVuelos::ReservaNoExiste(self.id))
    }
}
