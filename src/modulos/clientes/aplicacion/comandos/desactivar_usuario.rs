//! El comando `DesactivarUsuario`.

use crate::modulos::clientes::aplicacion::dto::UsuarioVista;
use crate::modulos::clientes::aplicacion::errores::ErrorClientes;
use crate::modulos::clientes::aplicacion::puertos::RepositorioUsuarios;
use crate::modulos::clientes::dominio::usuario::IdUsuario;
use crate::seedwork::aplicacion::mensajes::{Comando, Handler};
use crate::seedwork::aplicacion::unidad_trabajo::UnidadTrabajo;
use crate::seedwork::dominio::bloqueo::Bloqueo;

/// Desactiva a un usuario, de forma definitiva: ya no puede reservar.
#[derive(Debug, Clone, Copy)]
pub struct DesactivarUsuario {
    /// El usuario.
    pub id: IdUsuario,
}

impl Comando for DesactivarUsuario {
    const NOMBRE: &'static str = "DesactivarUsuario";
    type Salida = UsuarioVista;
    type Error = ErrorClientes;
}

impl<U: UnidadTrabajo + RepositorioUsuarios> Handler<U> for DesactivarUsuario {
    async fn manejar(self, udt: &mut U) -> Result<UsuarioVista, ErrorClientes> {
        // Pesimista: quien esté creando una reserva suya va del todo antes o del todo después.
        let leido = udt.obtener(self.id, Bloqueo::Pesimista).await?;
        let mut usuario = leido.ok_or(ErrorClientes::UsuarioNoExiste(self.id))?;
        usuario.desactivar(udt.contexto().momento)?;
        udt.guardar(&mut usuario).await?;
        Ok(UsuarioVista::from(&usuario))
    }
}
