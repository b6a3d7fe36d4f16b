//! Casos de uso de las reservas: un archivo por comando y por consulta.

pub mod comandos;
pub mod dto;
pub mod errores;
pub mod puertos;
pub mod queries;
