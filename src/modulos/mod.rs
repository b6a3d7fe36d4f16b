//! Los módulos del negocio. Cada uno muestra sólo lo que su `mod.rs` exporta.

pub mod clientes;
pub mod notificaciones;
pub mod vuelos;
