//! Comandos de notificaciones: cada uno con su handler en su archivo.

mod anotar_correo;

pub use anotar_correo::AnotarCorreo;
