//! El servicio visto desde fuera: el programa de verdad, por HTTP, sobre un PostgreSQL de verdad.

#[path = "../comun/mod.rs"]
mod comun;

mod abuso;
mod apagado;
mod apoyo;
mod base_caida;
mod bloqueos;
mod clientes_reservas;
mod conexiones;
mod especificacion;
mod limites;
mod multitudes;
mod ordenes;
mod problemas;
mod secretos;
mod sesiones;
mod solicitudes;
mod usuarios;
mod usuarios_listas;
mod vuelos_crear;
mod vuelos_cuerpos;
mod vuelos_estados;
mod vuelos_listas;
mod vuelos_reglas;
