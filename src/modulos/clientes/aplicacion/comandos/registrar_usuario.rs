//! El comando `RegistrarUsuario` (paso 4 del tutorial).

use crate::modulos::clientes::aplicacion::dto::UsuarioVista;
use crate::modulos::clientes::aplicacion::errores::ErrorClientes;
use crate::modulos::clientes::aplicacion::puertos::{CifradoContrasenas, RepositorioUsuarios};
use crate::modulos::clientes::dominio::contrasena::Contrasena;
use crate::modulos::clientes::dominio::usuario::{DatosUsuario, IdUsuario, Usuario};
use crate::seedwork::aplicacion::mensajes::{Comando, Handler};
use crate::seedwork::aplicacion::unidad_trabajo::UnidadTrabajo;

/// Registra un usuario. Nunca viaja por el bróker: lleva la contraseña.
#[derive(Debug, Clone)]
pub struct RegistrarUsuario {
    /// La identidad que tendrá.
    pub id: IdUsuario,
    /// Sus datos.
    pub datos: DatosUsuario,
    /// Su contraseña, en claro.
    pub contrasena: Contrasena,
}

impl Comando for RegistrarUsuario {
    const NOMBRE: &'static str = "RegistrarUsuario";
    type Salida = UsuarioVista;
    type Error = ErrorClientes;
}

impl<U: UnidadTrabajo + RepositorioUsuarios + CifradoContrasenas> Handler<U> for RegistrarUsuario {
    async fn manejar(self, udt: &mut U) -> Result<UsuarioVista, ErrorClientes> {
        let cifrada = udt.cifrar(self.contrasena).await?;
        let mut usuario = Usuario::registrar(self.id, self.datos, cifrada, udt.contexto().momento);
        udt.guardar(&mut usuario).await?;
        Ok(UsuarioVista::from(&usuario))
    }
}
