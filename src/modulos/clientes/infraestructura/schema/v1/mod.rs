//! Versión 1.

pub mod eventos;
