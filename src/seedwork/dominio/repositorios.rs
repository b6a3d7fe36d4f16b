//! El puerto de los repositorios: leer bloqueando y guardar, sin decir dónde.

use std::error::Error as ErrorEstandar;
use std::future::Future;
use std::sync::Arc;

use thiserror::Error;

use super::bloqueo::Bloqueo;
use super::entidades::AgregacionRaiz;

/// Acceso a las agregaciones de un tipo dentro de una unidad de trabajo.
pub trait Repositorio<A: AgregacionRaiz>: Send {
    /// Lee la agregación, o nada si no existe. Con [`Bloqueo::Pesimista`] espera a que la fila quede libre.
    ///
    /// # Errors
    /// [`Falla::Bloqueada`] si la fila no se libera a tiempo; las demás, si falla el almacén.
    fn obtener(&mut self, id: A::Id, bloqueo: Bloqueo) -> impl Future<Output = Result<Option<A>, Falla>> + Send;

    /// Anota la agregación y sus eventos para escribirlos al confirmar.
    ///
    /// # Errors
    /// Las del almacén, cuando antes hay que escribir lo que ya estaba anotado de la misma agregación.
    fn guardar(&mut self, agregacion: &mut A) -> impl Future<Output = Result<(), Falla>> + Send;
}

/// Por qué falló. Compartida: lo que se hace junto falla junto.
type Causa = Arc<dyn ErrorEstandar + Send + Sync>;

/// Lo que puede salir mal al leer o guardar, y que no es asunto del dominio.
#[derive(Debug, Clone, Error)]
pub enum Falla {
    /// Otra transacción cambió antes la misma agregación (bloqueo optimista).
    #[error("otra operación cambió antes los mismos datos")]
    Conflicto,
    /// La fila siguió bloqueada por otra transacción más que el `lock_timeout`.
    #[error("otra operación tiene bloqueados los datos")]
    Bloqueada,
    /// Interbloqueo o fallo de serialización: repetir la orden entera puede funcionar.
    #[error("la operación chocó con otra y se deshizo")]
    Interbloqueo,
    /// Un valor que debía ser único ya existía.
    #[error("ya existe un valor igual ({restriccion})")]
    Duplicado {
        /// La restricción de la base de datos que lo impidió.
        restriccion: String,
    },
    /// El mensaje que provocó la orden ya se había recibido: su efecto ya está.
    #[error("el mensaje ya se había recibido")]
    YaRecibido,
    /// No hubo recursos (conexión, turno) a tiempo.
    #[error("el servicio está saturado")]
    Saturada,
    /// No se pudo llegar al almacén: no se guardó nada.
    #[error("no se pudo conectar con la base de datos")]
    Inaccesible(#[source] Causa),
    /// Se perdió el contacto con el almacén; si ocurrió al confirmar, no se sabe si quedó guardado.
    #[error("no hay contacto con la base de datos")]
    Desconectada(#[source] Causa),
    /// Venció el plazo de la orden; no se guardó nada.
    #[error("venció el plazo de la operación")]
    PlazoVencido,
    /// Un defecto o una situación imprevista.
    #[error("error interno")]
    Interna(#[source] Causa),
}

impl Falla {
    /// Una falla interna con su causa.
    pub fn interna(causa: impl Into<Box<dyn ErrorEstandar + Send + Sync>>) -> Self {
        Self::Interna(causa.into().into())
    }

    /// Si repetir la orden entera, desde el principio, es seguro y puede funcionar.
    #[must_use]
    pub const fn es_reintentable(&self) -> bool {
        matches!(self, Self::Interbloqueo)
    }
}
