//! Consultas de notificaciones: cada una con su handler en su archivo.

mod escribir_carta;

pub use escribir_carta::EscribirCarta;
