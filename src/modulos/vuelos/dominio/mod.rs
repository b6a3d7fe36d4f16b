//! El dominio de las reservas.

pub mod eventos;
pub mod itinerario;
#[cfg(test)]
mod propiedades;
pub mod reglas;
pub mod reserva;
