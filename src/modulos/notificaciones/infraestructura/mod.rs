//! La tabla de correos, el servidor SMTP y el reparto.

pub mod buzon;
pub mod reparto;
pub mod repositorios;
pub mod rutas;
pub mod smtp;
