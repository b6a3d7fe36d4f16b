//! El dominio de los usuarios.

pub mod codigo;
pub mod contrasena;
pub mod email;
pub mod estado;
pub mod eventos;
pub mod identificacion;
#[cfg(test)]
mod propiedades;
pub mod usuario;
