//! El servicio visto desde fuera: el programa de verdad, por HTTP, sobre un PostgreSQL de verdad.

#[path = "../comun/mod.rs"]
mod comun;

mod apagado;
mod apoyo;
mod base_caida;
mod bloqueos;
mod borrado;
mod clientes_reservas;
mod codigos;
mod conexiones;
mod especificacion;
mod idempotencia;
mod letras_muertas;
mod limites;
mod ordenes;
mod problemas;
mod purga;
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
