//! La unidad de trabajo (*Unit of Work*): lo que se leyó y cambió en una orden, confirmado junto o nada.

use std::future::Future;

use super::contexto::Contexto;
use super::recepcion::{Fin, Recepcion};
use crate::seedwork::dominio::eventos::EventoDominio;
use crate::seedwork::dominio::repositorios::Falla;

/// Una transacción de negocio en curso. Tiene un solo dueño; soltarla sin confirmar la deshace.
pub trait UnidadTrabajo: Send + 'static {
    /// Un lugar al que se puede volver sin deshacer lo anterior.
    type Punto: Send;

    /// Cuándo y a raíz de qué se pidió la orden.
    fn contexto(&self) -> &Contexto;

    /// Entrega los eventos anotados desde la última vez, para que otros reaccionen antes de confirmar.
    fn tomar_eventos(&mut self) -> Vec<Box<dyn EventoDominio>>;

    /// Marca un punto de guarda (*savepoint*).
    ///
    /// # Errors
    /// Las del almacén.
    fn marcar_punto(&mut self) -> impl Future<Output = Result<Self::Punto, Falla>> + Send;

    /// Deshace lo hecho y anotado después del punto; lo anterior sigue en pie.
    ///
    /// # Errors
    /// Las del almacén.
    fn volver_a(&mut self, punto: Self::Punto) -> impl Future<Output = Result<(), Falla>> + Send;

    /// Anota que la orden viene de un mensaje y cómo termina, para que quede en la misma transacción.
    ///
    /// # Errors
    /// Las del almacén. Al confirmar, [`Falla::YaRecibido`] si el mensaje ya se había recibido.
    fn anotar_recepcion(&mut self, recepcion: &Recepcion, fin: Fin) -> impl Future<Output = Result<(), Falla>> + Send;

    /// Consigue lo que hará falta para confirmar. Es lo último que el plazo de la orden puede cortar.
    ///
    /// # Errors
    /// Las del almacén.
    fn preparar(&mut self) -> impl Future<Output = Result<(), Falla>> + Send;

    /// Escribe todo lo anotado, junto con la bandeja de salida, y lo confirma.
    ///
    /// # Errors
    /// Con [`Falla::Desconectada`] no se sabe si quedó guardado; con cualquier otra no quedó nada.
    fn confirmar(self) -> impl Future<Output = Result<(), Falla>> + Send;

    /// Deshace todo y devuelve los recursos. Soltar la unidad de trabajo también deshace, pero gasta una conexión.
    fn deshacer(self) -> impl Future<Output = ()> + Send;
}

/// Abre unidades de trabajo y lectores.
pub trait Fabrica: Send + Sync + 'static {
    /// Las unidades de trabajo que abre.
    type Udt: UnidadTrabajo;
    /// Los lectores que abre, para las consultas.
    type Lector: Send + 'static;

    /// Abre una unidad de trabajo. No ocupa recursos hasta que lee o escribe.
    fn abrir(&self, contexto: Contexto) -> Self::Udt;

    /// Abre un lector. No ocupa recursos hasta que lee.
    fn lector(&self) -> Self::Lector;
}
