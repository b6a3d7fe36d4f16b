//! A qué eventos reacciona el módulo, suyos o de otros.

mod agregar_reserva_usuario;
mod entregar_codigo;

pub use agregar_reserva_usuario::AgregarReservaUsuario;
pub use entregar_codigo::EntregarCodigo;

use super::puertos::{CodigosValidacion, EntregaCodigos, RepositorioUsuarios};
use crate::modulos::clientes::dominio::eventos::UsuarioRegistrado;
use crate::modulos::vuelos::ReservaCreada;
use crate::seedwork::aplicacion::reacciones::Reacciones;
use crate::seedwork::aplicacion::unidad_trabajo::UnidadTrabajo;

/// Las reacciones del módulo, para que `arranque` las junte con las de los demás.
#[must_use]
pub fn reacciones<U>() -> Reacciones<U>
where
    U: UnidadTrabajo + RepositorioUsuarios + CodigosValidacion + EntregaCodigos,
{
    Reacciones::default()
        .reacciona::<ReservaCreada, AgregarReservaUsuario>()
        .reacciona::<UsuarioRegistrado, EntregarCodigo>()
}
