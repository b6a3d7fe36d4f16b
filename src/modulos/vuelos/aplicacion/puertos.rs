//! Lo que las consultas de reservas piden fuera del dominio.

use std::future::Future;

use super::dto::{ReservaDetalle, ReservaResumen};
use super::queries::{EventoEnHistoria, FiltroReservas};
use crate::modulos::vuelos::dominio::reserva::IdReserva;
use crate::seedwork::aplicacion::paginas::Pedido;
use crate::seedwork::dominio::repositorios::Falla;

/// Lo que las consultas de reservas leen. Nunca espera a quien está escribiendo.
pub trait ConsultasReservas: Send + Sync {
    /// Una reserva completa.
    fn detalle(&self, id: IdReserva) -> impl Future<Output = Result<Option<ReservaDetalle>, Falla>> + Send;

    /// Las reservas que cumplen el filtro, de la más nueva a la más vieja: una más que el límite, si las hay.
    fn lista(
        &self,
        filtro: FiltroReservas,
        pedido: Pedido,
    ) -> impl Future<Output = Result<Vec<ReservaResumen>, Falla>> + Send;

    /// Los resúmenes de las reservas dadas que existan, en cualquier orden.
    fn resumenes(&self, ids: Vec<IdReserva>) -> impl Future<Output = Result<Vec<ReservaResumen>, Falla>> + Send;

    /// Los eventos de una reserva, en orden.
    fn historia(&self, id: IdReserva) -> impl Future<Output = Result<Vec<EventoEnHistoria>, Falla>> + Send;
}
