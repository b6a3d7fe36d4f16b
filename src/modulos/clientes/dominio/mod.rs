//! El dominio de los usuarios.

pub mod contrasena;
pub mod email;
pub mod eventos;
pub mod identificacion;
pub mod usuario;
