//! El dominio de los usuarios.

pub mod contrasena;
pub mod email;
pub mod eventos;
pub mod identificacion;
#[cfg(test)]
mod propiedades;
pub mod usuario;
