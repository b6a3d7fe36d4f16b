//! Propiedades de lo público: las rutas enteras con solicitudes cualesquiera, y los mensajes, los nuestros y los ajenos.

mod mensajes;
mod rutas;
mod sin_base;
mod solicitudes;
