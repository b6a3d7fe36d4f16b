//! La consulta del resultado de un comando aceptado.

use std::future::Future;

use thiserror::Error;
use time::OffsetDateTime;
use uuid::Uuid;

use super::mensajes::{ErrorModulo, HandlerQuery, Query};
use super::recepcion::Fin;
use super::rechazo::{Clase, Rechazo};
use crate::seedwork::dominio::repositorios::Falla;

/// Lo que se sabe de un comando aceptado.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resultado {
    /// Aún no ha terminado.
    Pendiente,
    /// Ya terminó.
    Terminado(Terminado),
}

/// Cómo va un comando, y cuándo pasó por cada punto.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seguimiento {
    /// Cómo va, o cómo terminó.
    pub resultado: Resultado,
    /// Cuándo.
    pub tiempos: Tiempos,
}

/// Cuándo pasó un comando por cada punto; nada, si aún no pasó o no se sabe.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tiempos {
    /// Cuándo se aceptó.
    pub aceptado_en: Option<OffsetDateTime>,
    /// Cuándo guardó nuestro consumidor el mensaje que lo traía.
    pub recibido_en: Option<OffsetDateTime>,
    /// Cuándo se guardó su resultado.
    pub cumplido_en: Option<OffsetDateTime>,
}

impl Seguimiento {
    /// Si ya terminó: no cambiará más.
    #[must_use]
    pub const fn terminado(&self) -> bool {
        matches!(self.resultado, Resultado::Terminado(_))
    }
}

/// Un comando que terminó.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terminado {
    /// El nombre del comando.
    pub comando: String,
    /// La dirección de lo que creó o cambió.
    pub recurso: Option<String>,
    /// Cómo terminó.
    pub fin: Fin,
}

/// Qué dice de sí misma la identidad de un comando.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Procedencia {
    /// La dio este servicio hace poco.
    Vigente,
    /// La dio este servicio, hace más de lo que se guardan los resultados.
    Caducada,
    /// No la dio este servicio.
    Ajena,
}

/// Lo que esta consulta lee.
pub trait ConsultasResultados: Send + Sync {
    /// Qué dice de sí misma esa identidad.
    fn procedencia(&self, id: Uuid) -> Procedencia;

    /// El usuario que lo pidió, si fue uno que no administra.
    fn dueno(&self, id: Uuid) -> impl Future<Output = Result<Option<Uuid>, Falla>> + Send;

    /// Lo que hay guardado de ese comando; si no hay nada, está pendiente.
    fn seguimiento(&self, id: Uuid) -> impl Future<Output = Result<Seguimiento, Falla>> + Send;
}

/// El resultado de un comando aceptado.
#[derive(Debug, Clone, Copy)]
pub struct ObtenerResultado {
    /// El comando.
    pub id: Uuid,
}

/// De qué usuario es un comando aceptado, si lo pidió uno que no administra.
#[derive(Debug, Clone, Copy)]
pub struct DuenoDeComando {
    /// El comando.
    pub id: Uuid,
}

/// Por qué no se puede decir el resultado.
#[derive(Debug, Error)]
pub enum ErrorResultados {
    /// Nadie aceptó ese comando.
    #[error("No existe un comando con esa identidad")]
    NoExiste,
    /// Su resultado ya no se guarda.
    #[error("El resultado de ese comando ya no se guarda")]
    Caducado,
    /// Otra negativa.
    #[error(transparent)]
    Rechazo(#[from] Rechazo),
    /// Falló el almacén.
    #[error(transparent)]
    Falla(#[from] Falla),
}

impl ErrorModulo for ErrorResultados {
    fn falla(&self) -> Option<&Falla> {
        match self {
            Self::Falla(falla) => Some(falla),
            _ => None,
        }
    }

    fn en_falla(self) -> Result<Falla, Rechazo> {
        match self {
            Self::Falla(falla) => Ok(falla),
            otro => Err(otro.rechazo()),
        }
    }

    fn rechazo(&self) -> Rechazo {
        match self {
            Self::NoExiste => Rechazo::nuevo(Clase::NoEncontrado, "comando-no-existe", self.to_string()),
            Self::Caducado => Rechazo::nuevo(Clase::Caducado, "resultado-caducado", self.to_string()),
            Self::Rechazo(rechazo) => rechazo.clone(),
            Self::Falla(falla) => falla.into(),
        }
    }
}

impl Query for ObtenerResultado {
    const NOMBRE: &'static str = "ObtenerResultado";
    type Resultado = Seguimiento;
    type Error = ErrorResultados;
}

impl<L: ConsultasResultados> HandlerQuery<L> for ObtenerResultado {
    async fn responder(self, lector: &mut L) -> Result<Seguimiento, ErrorResultados> {
        let seguimiento = lector.seguimiento(self.id).await?;
        match lector.procedencia(self.id) {
            _ if seguimiento.terminado() => Ok(seguimiento),
            Procedencia::Vigente => Ok(seguimiento),
            Procedencia::Caducada => Err(ErrorResultados::Caducado),
            Procedencia::Ajena => Err(ErrorResultados::NoExiste),
        }
    }
}

impl Query for DuenoDeComando {
    const NOMBRE: &'static str = "DuenoDeComando";
    type Resultado = Option<Uuid>;
    type Error = ErrorResultados;
}

impl<L: ConsultasResultados> HandlerQuery<L> for DuenoDeComando {
    async fn responder(self, lector: &mut L) -> Result<Option<Uuid>, ErrorResultados> {
        Ok(lector.dueno(self.id).await?)
    }
}
