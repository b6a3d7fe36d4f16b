//! Consultas de usuarios: cada una con su handler en su archivo.

mod autenticar_usuario;
mod listar_usuarios;
mod obtener_usuario;
mod reservas_de_usuario;

pub use autenticar_usuario::AutenticarUsuario;
pub use listar_usuarios::ListarUsuarios;
pub use obtener_usuario::{ClaveUsuario, ObtenerUsuario};
pub use reservas_de_usuario::{ReservaDeUsuario, ReservasDeUsuario};

#[cfg(test)]
mod pruebas;
