//! Los errores del módulo y su explicación.

use thiserror::Error;

use crate::modulos::clientes::dominio::usuario::{CambioNoPermitido, IdUsuario};
use crate::seedwork::aplicacion::mensajes::ErrorModulo;
use crate::seedwork::aplicacion::rechazo::{Clase, Rechazo};
use crate::seedwork::dominio::repositorios::Falla;

/// La restricción de la base de datos que hace único el e-mail.
pub const EMAIL_UNICO: &str = "usuarios_email_unico";

/// Por qué no se cumplió un comando o una consulta de usuarios.
#[derive(Debug, Error)]
pub enum ErrorClientes {
    /// Nadie registró ese usuario.
    #[error("No existe el usuario {0}")]
    UsuarioNoExiste(IdUsuario),
    /// Ningún usuario tiene ese e-mail.
    #[error("No existe un usuario con ese e-mail")]
    EmailNoExiste,
    /// Otro usuario ya tiene ese e-mail.
    #[error("Ya existe un usuario con ese e-mail")]
    EmailEnUso,
    /// El código no es el del registro.
    #[error("El código de validación no es correcto")]
    CodigoIncorrecto,
    /// El e-mail o la contraseña no son correctos; a propósito, no dice cuál.
    #[error("El e-mail o la contraseña no son correctos")]
    CredencialesIncorrectas,
    /// La ficha no es de ningún usuario activo, o caducó; a propósito, no dice cuál.
    #[error("La ficha no sirve: inicie sesión de nuevo")]
    FichaInvalida,
    /// El estado del usuario no lo permite.
    #[error(transparent)]
    Cambio(#[from] CambioNoPermitido),
    /// Lo impidió otro módulo.
    #[error(transparent)]
    Rechazo(#[from] Rechazo),
    /// Falló el almacén.
    #[error(transparent)]
    Falla(Falla),
}

impl From<Falla> for ErrorClientes {
    fn from(falla: Falla) -> Self {
        match falla {
            Falla::Duplicado { restriccion } if restriccion == EMAIL_UNICO => Self::EmailEnUso,
            otra => Self::Falla(otra),
        }
    }
}

impl ErrorModulo for ErrorClientes {
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
        let (clase, codigo) = match self {
            Self::UsuarioNoExiste(_) | Self::EmailNoExiste => (Clase::NoEncontrado, "usuario-no-existe"),
            Self::EmailEnUso => (Clase::Conflicto, "email-en-uso"),
            Self::CodigoIncorrecto => (Clase::Invalido, "codigo-incorrecto"),
            Self::CredencialesIncorrectas => (Clase::NoAutenticado, "credenciales-incorrectas"),
            Self::FichaInvalida => (Clase::NoAutenticado, "ficha-invalida"),
            Self::Cambio(_) => (Clase::Conflicto, "cambio-no-permitido"),
            Self::Rechazo(rechazo) => return rechazo.clone(),
            Self::Falla(falla) => return falla.into(),
        };
        let rechazo = Rechazo::nuevo(clase, codigo, self.to_string());
        match self {
            Self::EmailEnUso => rechazo.en("/email").por_regla("EmailUnico"),
            Self::CodigoIncorrecto => rechazo.en("/codigo").por_regla("CodigoValido"),
            Self::Cambio(_) => rechazo.por_regla("CambioPermitido"),
            _ => rechazo,
        }
    }
}
