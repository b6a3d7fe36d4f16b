//! El comando `ValidarUsuario`.

use crate::modulos::clientes::aplicacion::dto::UsuarioVista;
use crate::modulos::clientes::aplicacion::errores::ErrorClientes;
use crate::modulos::clientes::aplicacion::puertos::{CodigosValidacion, RepositorioUsuarios};
use crate::modulos::clientes::dominio::usuario::IdUsuario;
use crate::seedwork::aplicacion::mensajes::{Comando, Handler};
use crate::seedwork::aplicacion::unidad_trabajo::UnidadTrabajo;
use crate::seedwork::dominio::repositorios::Bloqueo;

/// Confirma un registro con el código que recibió el usuario.
#[derive(Clone)]
pub struct ValidarUsuario {
    /// El usuario.
    pub id: IdUsuario,
    /// El código recibido.
    pub codigo: String,
}

impl Comando for ValidarUsuario {
    const NOMBRE: &'static str = "ValidarUsuario";
    type Salida = UsuarioVista;
    type Error = ErrorClientes;
}

impl<U: UnidadTrabajo + RepositorioUsuarios + CodigosValidacion> Handler<U> for ValidarUsuario {
    async fn manejar(self, udt: &mut U) -> Result<UsuarioVista, ErrorClientes> {
        // Optimista: casi siempre nadie más toca a quien se está validando, y esperar no serviría de nada.
        let leido = udt.obtener(self.id, Bloqueo::Optimista).await?;
        let mut usuario = leido.ok_or(ErrorClientes::UsuarioNoExiste(self.id))?;
        if !udt.es_su_codigo(self.id, usuario.guardado().fecha_creacion, &self.codigo) {
            return Err(ErrorClientes::CodigoIncorrecto);
        }
        usuario.validar(udt.contexto().momento)?;
        udt.guardar(&mut usuario).await?;
        Ok(UsuarioVista::from(&usuario))
    }
}
