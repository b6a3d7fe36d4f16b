//! El dominio de las reservas.

pub mod eventos;
pub mod itinerario;
pub mod reglas;
pub mod reserva;
