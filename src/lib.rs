//! AeroAlpes: reservas de una aerolínea con CQRS, unidad de trabajo y eventos.
//!
//! `api` despacha comandos y consultas por el mediador de `seedwork` hacia los módulos de `modulos`, cada uno en
//! las capas dominio, aplicacion e infraestructura. `arranque` es el único lugar donde se componen.

// Nada de lo que llega de fuera puede hacer entrar en pánico al servicio.
#![warn(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::panic_in_result_fn)]
#![warn(clippy::unreachable, clippy::unwrap_used)]
#![cfg_attr(not(test), warn(clippy::string_slice))]

pub mod api;
pub mod arranque;
mod arranque_mensajes;
pub mod config;
pub mod metricas;
pub mod modulos;
pub mod prueba_final;
pub mod registros;
pub mod seedwork;
pub mod servicios;
pub mod telemetria;
