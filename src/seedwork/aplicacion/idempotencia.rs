//! Cumplir una sola vez lo que un cliente puede pedir varias (`Idempotency-Key`, borrador 07 del IETF).

use std::future::Future;

use super::mensajes::{Comando, ErrorModulo, Handler};
use super::reacciones::Negativa;
use super::rechazo::{Clase, Rechazo};
use crate::seedwork::dominio::repositorios::Falla;

/// Una solicitud que su cliente sabe reconocer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Solicitud {
    /// De quién es la clave.
    pub ambito: String,
    /// La clave que le puso.
    pub clave: String,
    /// Lo que distingue su contenido del de cualquier otra.
    pub huella: [u8; 32],
}

/// La respuesta a una solicitud, como la quiera recordar quien la atiende.
pub type Recuerdo = Vec<u8>;

/// Recuerda solicitudes dentro de una unidad de trabajo: la respuesta queda si queda el efecto, y sólo entonces.
pub trait Solicitudes: Send {
    /// Toma la clave hasta el final de la unidad de trabajo. Si su solicitud ya se cumplió, devuelve lo recordado.
    ///
    /// # Errors
    /// [`en_curso`] si otra unidad de trabajo tiene la clave; [`de_otra`] si fue de una solicitud distinta; las del
    /// almacén.
    fn reclamar(&mut self, solicitud: &Solicitud) -> impl Future<Output = Result<Option<Recuerdo>, Negativa>> + Send;

    /// Anota la respuesta, para que quede en la misma transacción que el efecto.
    fn recordar(&mut self, solicitud: &Solicitud, recuerdo: Recuerdo);
}

/// La solicitud todavía se está cumpliendo.
#[must_use]
pub fn en_curso() -> Rechazo {
    let mensaje = "Una solicitud con esa Idempotency-Key todavía se está cumpliendo. Repita en un momento.";
    Rechazo::nuevo(Clase::Ocupado, "solicitud-en-curso", mensaje)
}

/// La clave ya se usó para otra cosa.
#[must_use]
pub fn de_otra() -> Rechazo {
    let mensaje = "Esa Idempotency-Key ya se usó en una solicitud distinta. Use una clave nueva.";
    Rechazo::nuevo(Clase::NoProcesable, "clave-de-otra-solicitud", mensaje)
}

/// Un comando que se cumple a lo sumo una vez por solicitud. La primera vez y las demás responden lo mismo: lo recordado.
#[derive(Debug, Clone)]
pub struct UnaSolaVez<C, R> {
    /// A qué solicitud responde.
    pub solicitud: Solicitud,
    /// Lo que hay que cumplir.
    pub comando: C,
    /// Qué se recuerda de lo que quede.
    pub recordar: R,
}

impl<C, R> Comando for UnaSolaVez<C, R>
where
    C: Comando,
    R: Fn(C::Salida) -> Result<Recuerdo, Falla> + Clone + Send + Sync + 'static,
{
    const NOMBRE: &'static str = C::NOMBRE;
    type Salida = Recuerdo;
    type Error = C::Error;
}

impl<U, C, R> Handler<U> for UnaSolaVez<C, R>
where
    U: Solicitudes,
    C: Handler<U>,
    R: Fn(C::Salida) -> Result<Recuerdo, Falla> + Clone + Send + Sync + 'static,
{
    async fn manejar(self, udt: &mut U) -> Result<Recuerdo, C::Error> {
        let recordado = udt.reclamar(&self.solicitud).await.map_err(C::Error::de_negativa)?;
        if let Some(recordado) = recordado {
            return Ok(recordado);
        }
        let recuerdo = (self.recordar)(self.comando.manejar(udt).await?)?;
        udt.recordar(&self.solicitud, recuerdo.clone());
        Ok(recuerdo)
    }
}
