//! Usuarios en PostgreSQL y en los mensajes, y los servicios que el módulo pide fuera.

pub mod administradores;
mod argon2id;
mod argon2id_memoria;
mod codigos;
mod consultas;
pub mod fichas;
mod repositorios;
pub mod rutas;
pub mod schema;
pub mod servicios;
