//! Versión 1: la que registra el sistema original, crecida de forma compatible.

pub mod comandos;
pub mod eventos;
