//! Los errores del módulo y su explicación.

use thiserror::Error;

use crate::modulos::clientes::dominio::codigo::{CodigoIncorrecto, ErrorCodigo};
use crate::modulos::clientes::dominio::estado::CambioNoPermitido;
use crate::modulos::clientes::dominio::usuario::IdUsuario;
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
    /// El código no es el suyo.
    #[error(transparent)]
    CodigoIncorrecto(#[from] CodigoIncorrecto),
    /// No se admite ningún código, o todavía no se puede pedir otro.
    #[error(transparent)]
    Codigo(#[from] ErrorCodigo),
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
            Self::CodigoIncorrecto(_) => (Clase::Invalido, "codigo-incorrecto"),
            Self::CredencialesIncorrectas => (Clase::NoAutenticado, "credenciales-incorrectas"),
            Self::FichaInvalida => (Clase::NoAutenticado, "ficha-invalida"),
            Self::Cambio(_) | Self::Codigo(ErrorCodigo::Cambio(_)) => (Clase::Conflicto, "cambio-no-permitido"),
            Self::Codigo(ErrorCodigo::Caducado) => (Clase::Conflicto, "codigo-caducado"),
            Self::Codigo(ErrorCodigo::Agotado) => (Clase::Conflicto, "codigo-agotado"),
            Self::Codigo(ErrorCodigo::Reciente { .. }) => (Clase::DemasiadoFrecuente, "codigo-reciente"),
            Self::Rechazo(rechazo) => return rechazo.clone(),
            Self::Falla(falla) => return falla.into(),
        };
        let rechazo = Rechazo::nuevo(clase, codigo, self.to_string());
        match self {
            Self::EmailEnUso => rechazo.en("/email").por_regla("EmailUnico"),
            Self::CodigoIncorrecto(_) => rechazo.en("/codigo").por_regla("CodigoValido"),
            Self::Cambio(_) | Self::Codigo(ErrorCodigo::Cambio(_)) => rechazo.por_regla("CambioPermitido"),
            Self::Codigo(ErrorCodigo::Caducado) => rechazo.por_regla("CodigoVigente"),
            Self::Codigo(ErrorCodigo::Agotado) => rechazo.por_regla("CodigoConIntentos"),
            Self::Codigo(ErrorCodigo::Reciente { segundos }) => rechazo.tras(*segundos).por_regla("EsperaEntreCodigos"),
            _ => rechazo,
        }
    }
}
