//! La consulta `ReconocerPortador`.

use secrecy::{ExposeSecret, SecretString};

use crate::modulos::clientes::aplicacion::errores::ErrorClientes;
use crate::modulos::clientes::aplicacion::puertos::{ConsultasUsuarios, FichasSesion};
use crate::modulos::clientes::dominio::usuario::IdUsuario;
use crate::seedwork::aplicacion::mensajes::{HandlerQuery, Query};

/// Quién trae una ficha. Quien ya no está activo no es nadie, aunque su ficha no haya caducado.
#[derive(Debug, Clone)]
pub struct ReconocerPortador {
    /// La ficha, tal como llegó.
    pub ficha: SecretString,
}

/// Un usuario activo, y lo que puede.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Portador {
    /// El usuario.
    pub id: IdUsuario,
    /// Si además administra.
    pub administra: bool,
}

impl Query for ReconocerPortador {
    const NOMBRE: &'static str = "ReconocerPortador";
    type Resultado = Portador;
    type Error = ErrorClientes;
}

impl<L: FichasSesion + ConsultasUsuarios> HandlerQuery<L> for ReconocerPortador {
    async fn responder(self, lector: &mut L) -> Result<Portador, ErrorClientes> {
        let portador = lector.portador(self.ficha.expose_secret()).await?;
        let id = portador.ok_or(ErrorClientes::FichaInvalida)?;
        lector.activo(id).await?.ok_or(ErrorClientes::FichaInvalida)
    }
}
