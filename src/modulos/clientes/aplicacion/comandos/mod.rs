//! Comandos de usuarios: cada uno con su handler en su archivo.

mod borrar_usuario;
mod desactivar_usuario;
mod pedir_codigo;
mod registrar_usuario;
mod validar_usuario;

pub use borrar_usuario::BorrarUsuario;
pub use desactivar_usuario::DesactivarUsuario;
pub use pedir_codigo::PedirCodigo;
pub use registrar_usuario::RegistrarUsuario;
pub use validar_usuario::ValidarUsuario;

#[cfg(test)]
mod pruebas;
