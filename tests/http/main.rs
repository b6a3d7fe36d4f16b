//! El servicio visto desde fuera: el programa de verdad, por HTTP, sobre un PostgreSQL de verdad.

#[path = "../comun/mod.rs"]
mod comun;

mod abuso;
mod apagado;
mod apagado_dificil;
mod apoyo;
mod base_caida;
mod base_cifrada;
mod bloqueos;
mod borrado;
mod cabeceras;
mod cerrado;
mod clientes_reservas;
mod codigos;
mod conexiones;
mod entrada;
mod especificacion;
mod esquemas;
mod estado;
mod fichas;
mod idempotencia;
mod intentos;
mod letras_muertas;
mod limites;
mod modos;
mod multitudes;
mod ordenes;
mod permisos;
mod presion;
mod problemas;
mod purga;
mod reintentos;
mod secretos;
mod secretos_de_configuracion;
mod sesiones;
mod solicitudes;
mod usuarios;
mod usuarios_listas;
mod vuelos_crear;
mod vuelos_cuerpos;
mod vuelos_estados;
mod vuelos_listas;
mod vuelos_reglas;
