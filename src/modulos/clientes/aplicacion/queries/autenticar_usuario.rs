//! La consulta `AutenticarUsuario`.

use super::ClaveUsuario;
use crate::modulos::clientes::aplicacion::dto::UsuarioVista;
use crate::modulos::clientes::aplicacion::errores::ErrorClientes;
use crate::modulos::clientes::aplicacion::puertos::{CifradoContrasenas, ConsultasUsuarios};
use crate::modulos::clientes::dominio::contrasena::Contrasena;
use crate::modulos::clientes::dominio::email::Email;
use crate::seedwork::aplicacion::mensajes::{HandlerQuery, Query};

/// Comprueba un e-mail y una contraseña. No cambia nada.
#[derive(Debug, Clone)]
pub struct AutenticarUsuario {
    /// El e-mail, si es que tiene forma de e-mail.
    pub email: Option<Email>,
    /// La contraseña, si es que tiene forma de contraseña.
    pub contrasena: Option<Contrasena>,
}

impl Query for AutenticarUsuario {
    const NOMBRE: &'static str = "AutenticarUsuario";
    type Resultado = UsuarioVista;
    type Error = ErrorClientes;
}

impl<L: ConsultasUsuarios + CifradoContrasenas> HandlerQuery<L> for AutenticarUsuario {
    async fn responder(self, lector: &mut L) -> Result<UsuarioVista, ErrorClientes> {
        let (Some(email), Some(contrasena)) = (self.email, self.contrasena) else {
            return Err(ErrorClientes::CredencialesIncorrectas);
        };
        let (id, cifrada) = lector.credencial(&email).await?.map(|c| (c.id, c.contrasena)).unzip();
        // También sin usuario se calcula: el tiempo de la respuesta no dice si el e-mail existe.
        let coincide = lector.coincide(contrasena, cifrada).await?;
        let id = id.filter(|_| coincide).ok_or(ErrorClientes::CredencialesIncorrectas)?;
        lector.usuario(&ClaveUsuario::Id(id)).await?.ok_or(ErrorClientes::CredencialesIncorrectas)
    }
}
