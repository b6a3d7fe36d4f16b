//! Miembros que pueden faltar o ser `null`, con un error que dice en español qué se esperaba.

use std::fmt;

use serde::Deserializer;
use serde::de::{self, Visitor};
use uuid::Uuid;

/// Un UUID o `null`.
///
/// # Errors
/// Los de serde, si es otra cosa.
pub fn id<'de, D: Deserializer<'de>>(origen: D) -> Result<Option<Uuid>, D::Error> {
    origen.deserialize_option(Opcional("un UUID o null", |texto| Uuid::parse_str(texto).ok()))
}

/// Un texto o `null`.
///
/// # Errors
/// Los de serde, si es otra cosa.
pub fn texto<'de, D: Deserializer<'de>>(origen: D) -> Result<Option<String>, D::Error> {
    origen.deserialize_option(Opcional("un texto o null", |texto| Some(texto.to_owned())))
}

struct Opcional<T>(&'static str, fn(&str) -> Option<T>);

impl<'de, T> Visitor<'de> for Opcional<T> {
    type Value = Option<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }

    fn visit_none<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_some<D: Deserializer<'de>>(self, origen: D) -> Result<Self::Value, D::Error> {
        origen.deserialize_str(self)
    }

    fn visit_str<E: de::Error>(self, texto: &str) -> Result<Self::Value, E> {
        match self.1(texto) {
            Some(valor) => Ok(Some(valor)),
            None => Err(E::invalid_value(de::Unexpected::Str(texto), &self)),
        }
    }
}
