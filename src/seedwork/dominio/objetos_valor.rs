//! Objetos valor que usan varios módulos.

use std::fmt;

use super::reglas::{ReglaNegocio, ReglaRota, exigir};

/// Un texto de hasta 255 caracteres sin caracteres de control; puede estar vacío.
#[derive(Clone, PartialEq, Eq)]
pub struct Texto(String);

impl Texto {
    /// Longitud máxima, en caracteres.
    pub const MAXIMO: usize = 255;

    /// Un texto que puede estar vacío.
    ///
    /// # Errors
    /// `TextoValido` si es demasiado largo o tiene caracteres de control.
    pub fn nuevo(texto: impl Into<String>) -> Result<Self, ReglaRota> {
        let texto = texto.into();
        exigir(&TextoValido(&texto))?;
        Ok(Self(texto))
    }

    /// Un texto con al menos un carácter visible.
    ///
    /// # Errors
    /// `TextoValido` o `TextoObligatorio`.
    pub fn obligatorio(texto: impl Into<String>) -> Result<Self, ReglaRota> {
        let texto = Self::nuevo(texto)?;
        exigir(&TextoObligatorio(&texto.0))?;
        Ok(texto)
    }

    /// Un texto que ya se comprobó al guardarlo: una regla más estricta no debe impedir leer lo que ya había.
    #[must_use]
    pub const fn reconstituir(texto: String) -> Self {
        Self(texto)
    }

    /// El texto, tal como llegó.
    #[must_use]
    pub fn como_str(&self) -> &str {
        &self.0
    }
}

impl From<Texto> for String {
    fn from(texto: Texto) -> Self {
        texto.0
    }
}

/// No muestra el contenido: muchos textos son datos personales y `Debug` acaba en los registros.
impl fmt::Debug for Texto {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Texto({} bytes)", self.0.len())
    }
}

struct TextoValido<'a>(&'a str);

impl ReglaNegocio for TextoValido<'_> {
    const NOMBRE: &'static str = "TextoValido";

    fn mensaje(&self) -> String {
        format!("El texto admite hasta {} caracteres y ninguno de control", Texto::MAXIMO)
    }

    fn es_valida(&self) -> bool {
        self.0.chars().count() <= Texto::MAXIMO && !self.0.chars().any(char::is_control)
    }
}

struct TextoObligatorio<'a>(&'a str);

impl ReglaNegocio for TextoObligatorio<'_> {
    const NOMBRE: &'static str = "TextoObligatorio";

    fn mensaje(&self) -> String {
        "El texto no puede estar vacío".into()
    }

    fn es_valida(&self) -> bool {
        !self.0.trim().is_empty()
    }
}

#[cfg(test)]
mod pruebas {
    use super::*;

    #[test]
    fn el_limite_se_cuenta_en_caracteres_y_no_en_bytes() {
        assert!(Texto::nuevo("ñ".repeat(255)).is_ok());
        assert_eq!(Texto::nuevo("ñ".repeat(256)).unwrap_err().regla, "TextoValido");
    }

    #[test]
    fn los_caracteres_de_control_se_rechazan() {
        for texto in ["a\0b", "a\nb", "\u{7f}", "\u{85}"] {
            assert_eq!(Texto::nuevo(texto).unwrap_err().regla, "TextoValido");
        }
    }

    #[test]
    fn un_texto_obligatorio_no_admite_solo_espacios() {
        assert_eq!(Texto::obligatorio("  ").unwrap_err().regla, "TextoObligatorio");
        assert_eq!(Texto::obligatorio(" Ana ").unwrap().como_str(), " Ana ");
    }

    #[test]
    fn debug_no_muestra_el_contenido() {
        assert!(!format!("{:?}", Texto::nuevo("secreto").unwrap()).contains("secreto"));
    }
}
