//! Anotar un correo cuando ocurre lo que lo causa; escribirlo y enviarlo, después.

pub mod cartero;
pub mod comandos;
pub mod errores;
pub mod puertos;
pub mod queries;
pub mod redaccion;
