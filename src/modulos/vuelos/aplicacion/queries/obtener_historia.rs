//! La consulta `ObtenerHistoria`: qué le pasó a una reserva, y qué fue de la noticia.

use time::OffsetDateTime;

use crate::modulos::vuelos::aplicacion::errores::ErrorVuelos;
use crate::modulos::vuelos::aplicacion::puertos::ConsultasReservas;
use crate::modulos::vuelos::dominio::reserva::IdReserva;
use crate::seedwork::aplicacion::mensajes::{HandlerQuery, Query};

/// Un evento de una reserva y sus momentos.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventoEnHistoria {
    /// El nombre del evento.
    pub tipo: String,
    /// Cuándo ocurrió.
    pub ocurrido_en: OffsetDateTime,
    /// Cuándo confirmó el bus que lo tenía.
    pub publicado_en: Option<OffsetDateTime>,
    /// Cuándo lo recibió nuestro propio consumidor.
    pub recibido_en: Option<OffsetDateTime>,
}

/// Los eventos de una reserva, en orden.
#[derive(Debug, Clone, Copy)]
pub struct ObtenerHistoria {
    /// La reserva.
    pub id: IdReserva,
}

impl Query for ObtenerHistoria {
    const NOMBRE: &'static str = "ObtenerHistoria";
    type Resultado = Vec<EventoEnHistoria>;
    type Error = ErrorVuelos;
}

impl<L: ConsultasReservas> HandlerQuery<L> for ObtenerHistoria {
    async fn responder(self, lector: &mut L) -> Result<Vec<EventoEnHistoria>, ErrorVuelos> {
        lector.detalle(self.id).await?.ok_or(ErrorVuelos::ReservaNoExiste(self.id))?;
        Ok(lector.historia(self.id).await?)
    }
}
