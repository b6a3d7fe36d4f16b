//! Usuarios en PostgreSQL y en los mensajes, y los servicios que el módulo pide fuera.

mod argon2id;
mod codigos;
mod consultas;
mod repositorios;
pub mod rutas;
pub mod schema;
pub mod servicios;
