//! El comando `ValidarUsuario`.

use crate::modulos::clientes::aplicacion::dto::UsuarioVista;
use crate::modulos::clientes::aplicacion::errores::ErrorClientes;
use crate::modulos::clientes::aplicacion::puertos::{CodigosValidacion, RepositorioUsuarios};
use crate::modulos::clientes::dominio::codigo::CodigoIncorrecto;
use crate::modulos::clientes::dominio::usuario::IdUsuario;
use crate::seedwork::aplicacion::mensajes::{Comando, Handler};
use crate::seedwork::aplicacion::unidad_trabajo::UnidadTrabajo;
use crate::seedwork::dominio::bloqueo::Bloqueo;

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
    /// Un código que no es el suyo es una salida y no un error: con un error se desharía la cuenta del intento.
    type Salida = Result<UsuarioVista, CodigoIncorrecto>;
    type Error = ErrorClientes;
}

impl<U: UnidadTrabajo + RepositorioUsuarios + CodigosValidacion> Handler<U> for ValidarUsuario {
    async fn manejar(self, udt: &mut U) -> Result<Self::Salida, ErrorClientes> {
        // Pesimista: cada intento ve los anteriores, y dos simultáneos cuentan como dos.
        let leido = udt.obtener(self.id, Bloqueo::Pesimista).await?;
        let mut usuario = leido.ok_or(ErrorClientes::UsuarioNoExiste(self.id))?;
        let momento = udt.contexto().momento;
        let emitido_en = usuario.admitir_intento(udt.vigencia(), momento)?;
        if !udt.es_su_codigo(self.id, emitido_en, &self.codigo) {
            usuario.anotar_fallo();
            udt.guardar(&mut usuario).await?;
            return Ok(Err(CodigoIncorrecto));
        }
        usuario.validar(momento)?;
        udt.guardar(&mut usuario).await?;
        Ok(Ok(UsuarioVista::from(&usuario)))
    }
}
