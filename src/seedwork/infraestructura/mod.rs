//! PostgreSQL y mensajería: las implementaciones de los puertos.

pub mod averias;
pub mod certificados;
pub mod claves;
pub mod conexiones;
pub mod despacho;
pub mod errores_pg;
pub mod estado;
pub mod fabrica_pg;
pub mod grupo;
pub mod idempotencia;
pub mod lector_pg;
pub mod lecturas;
pub mod mensajeria;
pub mod migraciones;
pub mod observador;
pub mod postgres_embebido;
pub mod purga;
pub mod sentencias;
pub mod servicios;
pub mod tandas;
pub mod transaccion_pg;
pub mod trazas;
pub mod unidad_trabajo_pg;
pub mod valores;
