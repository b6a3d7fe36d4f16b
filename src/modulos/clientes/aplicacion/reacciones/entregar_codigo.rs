//! La reacción `EntregarCodigo`: quien se registra recibe el código con que se valida.

use crate::modulos::clientes::aplicacion::puertos::{CodigosValidacion, EntregaCodigos};
use crate::modulos::clientes::dominio::eventos::UsuarioRegistrado;
use crate::seedwork::aplicacion::reacciones::{Negativa, Reaccion};

/// Calcula el código y lo entrega.
pub struct EntregarCodigo;

impl<U: CodigosValidacion + EntregaCodigos + Send> Reaccion<UsuarioRegistrado, U> for EntregarCodigo {
    async fn reaccionar(UsuarioRegistrado(hecho): &UsuarioRegistrado, udt: &mut U) -> Result<(), Negativa> {
        // Antes de confirmar: así todo el que quede registrado lo recibió. Si no se confirma, el código no abre nada.
        let codigo = udt.codigo(hecho.id_usuario, hecho.fecha_creacion);
        Ok(udt.entregar(hecho.id_usuario, &codigo)?)
    }
}
