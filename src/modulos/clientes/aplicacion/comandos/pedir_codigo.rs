//! El comando `PedirCodigo`.

use crate::modulos::clientes::aplicacion::errores::ErrorClientes;
use crate::modulos::clientes::aplicacion::puertos::{CodigosValidacion, EntregaCodigos, RepositorioUsuarios};
use crate::modulos::clientes::dominio::usuario::IdUsuario;
use crate::seedwork::aplicacion::mensajes::{Comando, Handler};
use crate::seedwork::aplicacion::unidad_trabajo::UnidadTrabajo;
use crate::seedwork::dominio::bloqueo::Bloqueo;

/// Entrega a un usuario recién registrado otro código con que confirmar; los anteriores dejan de valer.
#[derive(Debug, Clone, Copy)]
pub struct PedirCodigo {
    /// El usuario.
    pub id: IdUsuario,
}

impl Comando for PedirCodigo {
    const NOMBRE: &'static str = "PedirCodigo";
    type Salida = ();
    type Error = ErrorClientes;
}

impl<U: UnidadTrabajo + RepositorioUsuarios + CodigosValidacion + EntregaCodigos> Handler<U> for PedirCodigo {
    async fn manejar(self, udt: &mut U) -> Result<(), ErrorClientes> {
        // Pesimista: de dos que lo pidan a la vez, sólo a uno se le entrega; y el que se entrega es el que vale.
        let leido = udt.obtener(self.id, Bloqueo::Pesimista).await?;
        let mut usuario = leido.ok_or(ErrorClientes::UsuarioNoExiste(self.id))?;
        let emitido_en = usuario.emitir_otro_codigo(udt.contexto().momento)?;
        udt.guardar(&mut usuario).await?;
        // Antes de confirmar, como el del registro: si no se confirma, sigue valiendo el anterior y este no abre nada.
        Ok(udt.entregar(self.id, &udt.codigo(self.id, emitido_en))?)
    }
}
