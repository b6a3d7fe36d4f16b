//! Casos de uso de los usuarios: un archivo por comando, por consulta y por reacción.

pub mod comandos;
pub mod dto;
pub mod errores;
pub mod puertos;
pub mod queries;
pub mod reacciones;

#[cfg(test)]
mod pruebas;
