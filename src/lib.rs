//! AeroAlpes: reservas de una aerolínea con CQRS, unidad de trabajo y eventos.
//!
//! `api` despacha comandos y consultas por el mediador de `seedwork` hacia los módulos de `modulos`, cada uno en
//! las capas dominio, aplicacion e infraestructura. `arranque` es el único lugar donde se componen.

#![warn(clippy::expect_used, clippy::unwrap_used)]

pub mod api;
pub mod arranque;
mod arranque_mensajes;
pub mod config;
pub mod modulos;
pub mod prueba_final;
pub mod registros;
pub mod seedwork;
pub mod servicios;
