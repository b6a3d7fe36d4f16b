//! Reservas en PostgreSQL y en los mensajes.

mod consultas;
mod documento;
mod repositorios;
mod schema;
