//! Comandos de reservas: cada uno con su handler en su archivo.

mod aprobar_reserva;
mod cancelar_reserva;
mod crear_reserva;
mod pagar_reserva;

pub use aprobar_reserva::AprobarReserva;
pub use cancelar_reserva::CancelarReserva;
pub use crear_reserva::CrearReserva;
pub use pagar_reserva::PagarReserva;

#[cfg(test)]
mod pruebas;
