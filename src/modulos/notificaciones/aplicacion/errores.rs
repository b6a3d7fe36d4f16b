//! Los errores del módulo: los de los demás, y las fallas del almacén.

use thiserror::Error;

use crate::seedwork::aplicacion::mensajes::ErrorModulo;
use crate::seedwork::aplicacion::rechazo::Rechazo;
use crate::seedwork::dominio::repositorios::Falla;

/// Por qué no se anotó un correo o no se pudo escribir.
#[derive(Debug, Error)]
pub enum ErrorNotificaciones {
    /// Lo impidió otro módulo.
    #[error(transparent)]
    Rechazo(#[from] Rechazo),
    /// Falló el almacén.
    #[error(transparent)]
    Falla(#[from] Falla),
}

impl ErrorModulo for ErrorNotificaciones {
    fn falla(&self) -> Option<&Falla> {
        match self {
            Self::Falla(falla) => Some(falla),
            Self::Rechazo(_) => None,
        }
    }

    fn rechazo(&self) -> Rechazo {
        match self {
            Self::Rechazo(rechazo) => rechazo.clone(),
            Self::Falla(falla) => falla.into(),
        }
    }

    fn en_falla(self) -> Result<Falla, Rechazo> {
        match self {
            Self::Falla(falla) => Ok(falla),
            Self::Rechazo(rechazo) => Err(rechazo),
        }
    }
}
