//! La contraseña en claro, que vive lo justo, y su forma cifrada.

use std::fmt;
use std::sync::Arc;

use zeroize::Zeroizing;

use crate::seedwork::dominio::reglas::{ReglaNegocio, ReglaRota, exigir};

/// Una contraseña en claro. No se muestra nunca y al soltarla se borra de la memoria.
#[derive(Clone)]
pub struct Contrasena(Arc<Zeroizing<String>>);

impl Contrasena {
    /// Una contraseña nueva, de 8 a 128 caracteres sin ninguno de control.
    ///
    /// # Errors
    /// `ContrasenaValida`.
    pub fn nueva(texto: Zeroizing<String>) -> Result<Self, ReglaRota> {
        exigir(&ContrasenaValida(&texto))?;
        Ok(Self(Arc::new(texto)))
    }

    /// El texto en claro, sólo para cifrarlo o compararlo.
    #[must_use]
    pub fn en_claro(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Contrasena {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Contrasena(***)")
    }
}

/// Una contraseña cifrada, en formato PHC. Tampoco se muestra.
#[derive(Clone, PartialEq, Eq)]
pub struct ContrasenaCifrada(String);

impl ContrasenaCifrada {
    /// La forma cifrada, tal como se guarda.
    #[must_use]
    pub const fn nueva(phc: String) -> Self {
        Self(phc)
    }

    /// El texto PHC, sólo para guardarlo o compararlo.
    #[must_use]
    pub fn phc(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ContrasenaCifrada {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ContrasenaCifrada(***)")
    }
}

struct ContrasenaValida<'a>(&'a str);

impl ReglaNegocio for ContrasenaValida<'_> {
    const NOMBRE: &'static str = "ContrasenaValida";

    fn mensaje(&self) -> String {
        "La contraseña debe tener de 8 a 128 caracteres y ninguno de control".into()
    }

    fn es_valida(&self) -> bool {
        (8..=128).contains(&self.0.chars().count()) && !self.0.chars().any(char::is_control)
    }
}

#[cfg(test)]
mod pruebas {
    use super::*;

    fn nueva(texto: &str) -> Result<Contrasena, ReglaRota> {
        Contrasena::nueva(Zeroizing::new(texto.into()))
    }

    #[test]
    fn tiene_de_8_a_128_caracteres_sin_ninguno_de_control() {
        for mala in ["1234567", &"a".repeat(129), "12345678\n"] {
            assert_eq!(nueva(mala).unwrap_err().regla, "ContrasenaValida");
        }
        assert!(nueva("ñandú 88").is_ok() && nueva(&"ñ".repeat(128)).is_ok());
    }

    #[test]
    fn ni_ella_ni_su_cifrado_se_muestran() {
        assert!(!format!("{:?}", nueva("secreto-88").unwrap()).contains("secreto"));
        assert!(!format!("{:?}", ContrasenaCifrada::nueva("$argon2id$x".into())).contains("argon"));
    }
}
