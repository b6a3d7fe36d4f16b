//! Lo que el módulo pide fuera del dominio: dónde anotar los correos y quién los lleva.

use std::future::Future;
use std::time::Duration;

use secrecy::SecretString;
use thiserror::Error;

use crate::modulos::notificaciones::dominio::correo::{Asunto, CorreoPendiente, Desenlace, IdCorreo};
use crate::seedwork::dominio::repositorios::Falla;

/// La parte de la unidad de trabajo que anota correos.
pub trait RepositorioCorreos: Send {
    /// Anota un correo, para escribirlo al confirmar. Al confirmar, [`Falla::Duplicado`] si ya estaba anotado.
    fn anotar_correo(&mut self, id: IdCorreo, asunto: Asunto) -> impl Future<Output = Result<(), Falla>> + Send;
}

/// Los correos por enviar, que comparten todas las instancias.
pub trait Buzon: Send + Sync {
    /// Toma hasta tantos de los que ya toca intentar. Nadie más los toma mientras dure el arriendo; si entonces no se
    /// ha dicho cómo terminaron, otro los tomará.
    ///
    /// # Errors
    /// Las del almacén.
    fn tomar(&self, cuantos: usize) -> impl Future<Output = Result<Vec<CorreoPendiente>, Falla>> + Send;

    /// Anota cómo terminó uno.
    ///
    /// # Errors
    /// Las del almacén.
    fn terminar(
        &self,
        correo: &CorreoPendiente,
        desenlace: Desenlace,
    ) -> impl Future<Output = Result<(), Falla>> + Send;

    /// Devuelve uno, para intentarlo otra vez pasado ese rato. Si otra instancia ya lo tomó, no hace nada.
    ///
    /// # Errors
    /// Las del almacén.
    fn aplazar(&self, correo: &CorreoPendiente, espera: Duration) -> impl Future<Output = Result<(), Falla>> + Send;
}

/// Un correo ya escrito. Sin `Debug`: lleva datos personales, y puede llevar un código.
pub struct Carta {
    /// Su identidad, la misma cada vez que se envía.
    pub id: IdCorreo,
    /// El nombre de quien la recibe, si se dice.
    pub nombre: Option<String>,
    /// Su e-mail.
    pub email: String,
    /// El asunto, en una línea.
    pub asunto: String,
    /// El texto.
    pub texto: SecretString,
}

/// Por qué no se entregó una carta. Nunca lleva datos de ella ni lo que dijo el servidor, que suele repetirlos.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ErrorEnvio {
    /// El servidor no la quiere, ni la querrá (RFC 5321: 5yz después de `MAIL`).
    #[error("el servidor rechazó la carta: {0}")]
    Rechazada(u16),
    /// La dirección no se puede escribir, o este servidor no la admite.
    #[error("la dirección no sirve para este servidor")]
    Direccion,
    /// El servidor no la quiere ahora (4yz).
    #[error("el servidor pidió intentarlo más tarde: {0}")]
    Aplazada(u16),
    /// No se llegó a ofrecer la carta, o se perdió el contacto: el motivo, sin datos.
    #[error("el servidor de correo no está disponible: {0}")]
    Servidor(&'static str),
    /// El servidor no deja enviar a este servicio.
    #[error("el servidor de correo no admite a este servicio: {0}")]
    Acceso(u16),
}

/// Quien hace llegar una carta.
pub trait Correo: Send + Sync {
    /// Entrega la carta a quien se hace cargo de ella. Si falla, pudo haberla recibido.
    ///
    /// # Errors
    /// [`ErrorEnvio`].
    fn enviar(&self, carta: &Carta) -> impl Future<Output = Result<(), ErrorEnvio>> + Send;
}
