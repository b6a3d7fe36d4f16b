//! La consulta `ObtenerUsuario` (paso 5 del tutorial).

use crate::modulos::clientes::aplicacion::dto::UsuarioVista;
use crate::modulos::clientes::aplicacion::errores::ErrorClientes;
use crate::modulos::clientes::aplicacion::puertos::ConsultasUsuarios;
use crate::modulos::clientes::dominio::email::Email;
use crate::modulos::clientes::dominio::usuario::IdUsuario;
use crate::seedwork::aplicacion::mensajes::{HandlerQuery, Query};

/// Por qué se busca a un usuario.
#[derive(Debug, Clone)]
pub enum ClaveUsuario {
    /// Por su identidad.
    Id(IdUsuario),
    /// Por su e-mail, sin distinguir mayúsculas.
    Email(Email),
}

/// Un usuario por su identidad o su e-mail.
#[derive(Debug, Clone)]
pub struct ObtenerUsuario(pub ClaveUsuario);

impl Query for ObtenerUsuario {
    const NOMBRE: &'static str = "ObtenerUsuario";
    type Resultado = UsuarioVista;
    type Error = ErrorClientes;
}

impl<L: ConsultasUsuarios> HandlerQuery<L> for ObtenerUsuario {
    async fn responder(self, lector: &mut L) -> Result<UsuarioVista, ErrorClientes> {
        lector.usuario(&self.0).await?.ok_or(match self.0 {
            ClaveUsuario::Id(id) => ErrorClientes::UsuarioNoExiste(id),
            ClaveUsuario::Email(_) => ErrorClientes::EmailNoExiste,
        })
    }
}
