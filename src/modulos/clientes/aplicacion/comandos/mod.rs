//! Comandos de usuarios: cada uno con su handler en su archivo.

mod desactivar_usuario;
mod registrar_usuario;
mod validar_usuario;

pub use desactivar_usuario::DesactivarUsuario;
pub use registrar_usuario::RegistrarUsuario;
pub use validar_usuario::ValidarUsuario;
