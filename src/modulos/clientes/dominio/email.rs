//! El e-mail de un usuario.

use std::fmt;

use email_address::{EmailAddress, Options};

use crate::seedwork::dominio::objetos_valor::Texto;
use crate::seedwork::dominio::reglas::{ReglaNegocio, ReglaRota, exigir};

/// Una dirección de correo válida (RFC 5322, sin nombre visible, con dominio con punto).
#[derive(Clone, PartialEq, Eq)]
pub struct Email(Texto);

impl Email {
    /// Una dirección, tal como llegó.
    ///
    /// # Errors
    /// `EmailValido` o `TextoValido`.
    pub fn nuevo(texto: impl Into<String>) -> Result<Self, ReglaRota> {
        let texto = Texto::nuevo(texto)?;
        exigir(&EmailValido(texto.como_str()))?;
        Ok(Self(texto))
    }

    /// Una dirección que ya se comprobó al guardarla.
    #[must_use]
    pub const fn reconstituir(texto: String) -> Self {
        Self(Texto::reconstituir(texto))
    }

    /// La dirección.
    #[must_use]
    pub fn como_str(&self) -> &str {
        self.0.como_str()
    }

    /// La forma con que se compara: dos direcciones que sólo difieren en mayúsculas son la misma.
    #[must_use]
    pub fn clave(&self) -> String {
        self.como_str().to_lowercase()
    }
}

impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Email(***)")
    }
}

struct EmailValido<'a>(&'a str);

impl ReglaNegocio for EmailValido<'_> {
    const NOMBRE: &'static str = "EmailValido";

    fn mensaje(&self) -> String {
        "El e-mail no es válido".into()
    }

    fn es_valida(&self) -> bool {
        let opciones = Options::default().without_display_text().without_domain_literal().with_required_tld();
        EmailAddress::parse_with_options(self.0, opciones).is_ok()
    }
}

#[cfg(test)]
mod pruebas {
    use super::*;

    #[test]
    fn se_compara_sin_mayusculas_y_se_conserva_como_llego() {
        let email = Email::nuevo("Ana.Pérez@Ejemplo.co").unwrap();
        assert_eq!((email.como_str(), email.clave().as_str()), ("Ana.Pérez@Ejemplo.co", "ana.pérez@ejemplo.co"));
    }

    #[test]
    fn una_direccion_mal_formada_se_rechaza() {
        for malo in ["", "ana", "ana@", "@x.co", "ana@x", "ana@@x.co", "a b@x.co", "Ana <ana@x.co>", "ana@[1.2.3.4]"] {
            assert_eq!(Email::nuevo(malo).unwrap_err().regla, "EmailValido", "{malo}");
        }
        assert_eq!(Email::nuevo("ana\0@x.co").unwrap_err().regla, "TextoValido");
    }

    #[test]
    fn debug_no_lo_muestra() {
        assert!(!format!("{:?}", Email::nuevo("ana@x.co").unwrap()).contains("ana"));
    }
}
