//! El dominio de los usuarios.

pub mod codigo;
pub mod contrasena;
pub mod email;
pub mod estado;
pub mod eventos;
pub mod identificacion;
pub mod usuario;
