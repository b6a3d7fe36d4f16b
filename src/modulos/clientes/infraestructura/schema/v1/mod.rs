//! Versión 1.

pub mod comandos;
pub mod eventos;
