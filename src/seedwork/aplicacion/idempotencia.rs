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
        match self.comando.manejar(udt).await {
            Ok(salida) => {
                let recuerdo = (self.recordar)(salida)?;
                udt.recordar(&self.solicitud, recuerdo.clone());
                Ok(recuerdo)
            }
            Err(error) if error.falla().is_some() => Err(error),
            // Pudo cumplirse justo antes de tomar la clave, y el «no» ser por eso mismo.
            Err(error) => {
                let recordado = udt.reclamar(&self.solicitud).await.map_err(C::Error::de_negativa)?;
                recordado.ok_or(error)
            }
        }
    }
}

#[cfg(test)]
mod pruebas {
    use super::*;
    use crate::seedwork::aplicacion::resultados::ErrorResultados;

    /// Da lo recordado a partir de la segunda vez que se le pregunta, como si otra confirmara entretanto.
    #[derive(Default)]
    struct Udt {
        preguntas: usize,
        recordado: Option<Recuerdo>,
    }

    impl Solicitudes for Udt {
        async fn reclamar(&mut self, _: &Solicitud) -> Result<Option<Recuerdo>, Negativa> {
            self.preguntas += 1;
            Ok(self.recordado.clone().filter(|_| self.preguntas > 1))
        }

        fn recordar(&mut self, _: &Solicitud, recuerdo: Recuerdo) {
            self.recordado = Some(recuerdo);
        }
    }

    #[derive(Debug, Clone)]
    struct Rehusarse;

    impl Comando for Rehusarse {
        const NOMBRE: &'static str = "Rehusarse";
        type Salida = ();
        type Error = ErrorResultados;
    }

    impl Handler<Udt> for Rehusarse {
        async fn manejar(self, _: &mut Udt) -> Result<(), ErrorResultados> {
            Err(ErrorResultados::NoExiste)
        }
    }

    async fn rehusarse(udt: &mut Udt) -> Result<Recuerdo, ErrorResultados> {
        let solicitud = Solicitud { ambito: String::new(), clave: "k".into(), huella: [0; 32] };
        UnaSolaVez { solicitud, comando: Rehusarse, recordar: |()| Ok(Recuerdo::new()) }.manejar(udt).await
    }

    #[tokio::test]
    async fn si_otra_la_cumplio_entretanto_se_responde_lo_suyo_y_no_el_no_que_causo() {
        let mut udt = Udt { recordado: Some(b"lo suyo".to_vec()), ..Udt::default() };
        assert_eq!(rehusarse(&mut udt).await.unwrap(), b"lo suyo");
        assert!(matches!(rehusarse(&mut Udt::default()).await, Err(ErrorResultados::NoExiste)));
    }
}
