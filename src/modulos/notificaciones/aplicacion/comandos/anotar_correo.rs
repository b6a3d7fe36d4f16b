//! El comando `AnotarCorreo`: lo provoca un evento, y se cumple en la transacción que anota que ese evento llegó.

use crate::modulos::notificaciones::aplicacion::errores::ErrorNotificaciones;
use crate::modulos::notificaciones::aplicacion::puertos::RepositorioCorreos;
use crate::modulos::notificaciones::dominio::correo::{Asunto, IdCorreo};
use crate::seedwork::aplicacion::mensajes::{Comando, Handler};

/// Deja anotado que hay que enviar un correo. Qué dice y a quién va se averigua al enviarlo.
#[derive(Debug, Clone, Copy)]
pub struct AnotarCorreo {
    /// La identidad del correo, que es la del evento.
    pub id: IdCorreo,
    /// De qué trata.
    pub asunto: Asunto,
}

impl Comando for AnotarCorreo {
    const NOMBRE: &'static str = "AnotarCorreo";
    type Salida = ();
    type Error = ErrorNotificaciones;
}

impl<U: RepositorioCorreos> Handler<U> for AnotarCorreo {
    async fn manejar(self, udt: &mut U) -> Result<(), ErrorNotificaciones> {
        Ok(udt.anotar_correo(self.id, self.asunto).await?)
    }
}
