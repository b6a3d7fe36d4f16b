//! Los errores del módulo y su explicación.

use thiserror::Error;

use crate::modulos::vuelos::dominio::reserva::{IdReserva, TransicionNoPermitida};
use crate::seedwork::aplicacion::mensajes::ErrorModulo;
use crate::seedwork::aplicacion::rechazo::{Clase, Rechazo};
use crate::seedwork::dominio::repositorios::Falla;

/// Por qué no se cumplió un comando o una consulta de reservas.
#[derive(Debug, Error)]
pub enum ErrorVuelos {
    /// Nadie creó esa reserva.
    #[error("No existe la reserva {0}")]
    ReservaNoExiste(IdReserva),
    /// El estado de la reserva no lo permite.
    #[error(transparent)]
    Transicion(#[from] TransicionNoPermitida),
    /// Lo impidió otro módulo.
    #[error(transparent)]
    Rechazo(#[from] Rechazo),
    /// Falló el almacén.
    #[error(transparent)]
    Falla(#[from] Falla),
}

impl ErrorModulo for ErrorVuelos {
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
            Self::ReservaNoExiste(_) => Rechazo::nuevo(Clase::NoEncontrado, "reserva-no-existe", self.to_string()),
            Self::Transicion(_) => Rechazo::nuevo(Clase::Conflicto, "transicion-no-permitida", self.to_string())
                .por_regla("TransicionPermitida"),
            Self::Rechazo(rechazo) => rechazo.clone(),
            Self::Falla(falla) => falla.into(),
        }
    }
}
