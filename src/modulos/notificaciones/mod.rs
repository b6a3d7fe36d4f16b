//! Módulo de notificaciones: los correos que provocan los eventos de los demás. Esta es su fachada.

mod aplicacion;
mod dominio;
mod infraestructura;

pub use aplicacion::comandos::AnotarCorreo;
pub use aplicacion::errores::ErrorNotificaciones;
pub use infraestructura::reparto::Reparto;
pub use infraestructura::rutas::rutas;
pub use infraestructura::smtp::{Cifrado, Credenciales, DatosSmtp, ErrorSmtp, Remitente};
