//! Consultas de usuarios: cada una con su handler en su archivo.

mod autenticar_usuario;
mod codigo_por_entregar;
mod emitir_ficha;
mod listar_usuarios;
mod obtener_usuario;
mod reconocer_portador;
mod reservas_de_usuario;

pub use autenticar_usuario::AutenticarUsuario;
pub use codigo_por_entregar::{CodigoPorEntregar, ObtenerCodigoPorEntregar};
pub use emitir_ficha::EmitirFicha;
pub use listar_usuarios::ListarUsuarios;
pub use obtener_usuario::{ClaveUsuario, ObtenerUsuario};
pub use reconocer_portador::{Portador, ReconocerPortador};
pub use reservas_de_usuario::{ReservaDeUsuario, ReservasDeUsuario};

#[cfg(test)]
mod pruebas;
