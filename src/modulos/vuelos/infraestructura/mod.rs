//! Reservas en PostgreSQL y en los mensajes.

mod consultas;
mod documento;
mod repositorios;
pub mod rutas;
pub mod schema;
