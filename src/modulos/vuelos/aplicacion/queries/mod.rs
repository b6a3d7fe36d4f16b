//! Consultas de reservas y el puerto de lectura que necesitan.

mod listar_reservas;
mod obtener_reserva;
mod resumir_reservas;

use std::future::Future;

pub use listar_reservas::{FiltroReservas, ListarReservas};
pub use obtener_reserva::ObtenerReserva;
pub use resumir_reservas::ResumirReservas;

use super::dto::{ReservaDetalle, ReservaResumen};
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
}
