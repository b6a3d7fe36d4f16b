//! Por qué no sirvió el certificado de un servidor, en palabras.

use std::fmt::Debug;

use thiserror::Error;

/// Por qué no se confía en el servidor con el que se iba a hablar por TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ErrorCertificado {
    /// No lo firma nadie en quien se confíe.
    #[error("el certificado del servidor no lo firma una autoridad conocida")]
    Autoridad,
    /// Es de otro servidor.
    #[error("el certificado del servidor no es para el nombre con que se le llama")]
    Nombre,
    /// Ya no vale, o todavía no.
    #[error("el certificado del servidor está fuera de su plazo")]
    Vigencia,
    /// No sirve por otra razón.
    #[error("el certificado del servidor no sirve")]
    Otro,
}

impl ErrorCertificado {
    /// Lo busca en un error ajeno. Se mira su `Debug` y no su tipo: el cliente de Pulsar sólo da el texto.
    #[must_use]
    pub fn en(error: &impl Debug) -> Option<Self> {
        let texto = format!("{error:?}");
        let dice = |textos: &[&str]| textos.iter().any(|parte| texto.contains(parte));
        if dice(&["UnknownIssuer", "InvalidCertificate(BadSignature)"]) {
            Some(Self::Autoridad)
        } else if dice(&["NotValidForName", "InvalidDnsName"]) {
            Some(Self::Nombre)
        } else if dice(&["InvalidCertificate(Expired", "InvalidCertificate(NotValidYet"]) {
            Some(Self::Vigencia)
        } else {
            dice(&["InvalidCertificate("]).then_some(Self::Otro)
        }
    }
}
