//! El comando `BorrarUsuario`.

use crate::modulos::clientes::aplicacion::errores::ErrorClientes;
use crate::modulos::clientes::aplicacion::puertos::RepositorioUsuarios;
use crate::modulos::clientes::dominio::usuario::IdUsuario;
use crate::seedwork::aplicacion::mensajes::{Comando, Handler};
use crate::seedwork::aplicacion::unidad_trabajo::UnidadTrabajo;
use crate::seedwork::dominio::bloqueo::Bloqueo;

/// Borra a un usuario con sus datos personales, esté como esté. Sus reservas quedan: son hechos de la aerolínea.
#[derive(Debug, Clone, Copy)]
pub struct BorrarUsuario {
    /// El usuario.
    pub id: IdUsuario,
}

impl Comando for BorrarUsuario {
    const NOMBRE: &'static str = "BorrarUsuario";
    type Salida = ();
    type Error = ErrorClientes;
}

impl<U: UnidadTrabajo + RepositorioUsuarios> Handler<U> for BorrarUsuario {
    async fn manejar(self, udt: &mut U) -> Result<(), ErrorClientes> {
        // Pesimista: una reserva suya en curso va del todo antes, y su anotación se borra con él, o ya no lo encuentra.
        let leido = udt.obtener(self.id, Bloqueo::Pesimista).await?;
        let usuario = leido.ok_or(ErrorClientes::UsuarioNoExiste(self.id))?;
        let borrado = usuario.borrar(udt.contexto().momento);
        Ok(udt.borrar(borrado).await?)
    }
}
