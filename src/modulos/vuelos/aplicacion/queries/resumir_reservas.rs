//! La consulta `ResumirReservas`: lo que otro módulo, que sólo conoce identidades, necesita para mostrarlas.

use crate::modulos::vuelos::aplicacion::dto::ReservaResumen;
use crate::modulos::vuelos::aplicacion::errores::ErrorVuelos;
use crate::modulos::vuelos::aplicacion::puertos::ConsultasReservas;
use crate::modulos::vuelos::dominio::reserva::IdReserva;
use crate::seedwork::aplicacion::mensajes::{HandlerQuery, Query};

/// Los resúmenes de unas reservas, en el orden en que se piden; las que no existen no aparecen.
#[derive(Debug, Clone)]
pub struct ResumirReservas {
    /// Las reservas.
    pub ids: Vec<IdReserva>,
}

impl Query for ResumirReservas {
    const NOMBRE: &'static str = "ResumirReservas";
    type Resultado = Vec<ReservaResumen>;
    type Error = ErrorVuelos;
}

impl<L: ConsultasReservas> HandlerQuery<L> for ResumirReservas {
    async fn responder(self, lector: &mut L) -> Result<Vec<ReservaResumen>, ErrorVuelos> {
        let leidas = lector.resumenes(self.ids.clone()).await?;
        Ok(self.ids.iter().filter_map(|id| leidas.iter().find(|leida| leida.id == *id).copied()).collect())
    }
}
