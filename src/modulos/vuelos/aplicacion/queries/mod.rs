//! Consultas de reservas: cada una con su handler en su archivo.

mod listar_reservas;
mod obtener_historia;
mod obtener_reserva;
mod resumir_reservas;

pub use listar_reservas::{FiltroReservas, ListarReservas};
pub use obtener_historia::{EventoEnHistoria, ObtenerHistoria};
pub use obtener_reserva::ObtenerReserva;
pub use resumir_reservas::ResumirReservas;
