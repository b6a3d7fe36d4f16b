//! Módulo de vuelos: reservas de itinerarios. Esta es su fachada; sus capas son privadas.

mod aplicacion;
mod dominio;
mod infraestructura;

pub use aplicacion::comandos::{AprobarReserva, CancelarReserva, CrearReserva, PagarReserva};
pub use aplicacion::dto::{ReservaDetalle, ReservaResumen};
pub use aplicacion::errores::ErrorVuelos;
pub use aplicacion::queries::{FiltroReservas, ListarReservas, ObtenerReserva, ResumirReservas};
pub use dominio::eventos::ReservaCreada;
pub use dominio::itinerario::{Aeropuerto, Itinerario, Itinerarios, Leg, Odo, Segmento};
pub use dominio::reserva::{EstadoReserva, IdCliente, IdReserva};
