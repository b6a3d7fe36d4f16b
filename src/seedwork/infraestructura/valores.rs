//! Los valores de una fila, y su columna: los de varias filas juntos, en una matriz de PostgreSQL.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use sqlx::types::Json;
use sqlx::{Postgres, QueryBuilder};
use time::{Date, OffsetDateTime};
use uuid::Uuid;

use crate::seedwork::dominio::repositorios::Falla;

macro_rules! valores {
    ($($variante:ident($tipo:ty) = $nombre_pg:literal,)+) => {
        /// Lo que se guarda en una columna de una fila.
        #[derive(Debug)]
        pub enum Valor {
            $(#[doc = concat!("Un `", $nombre_pg, "`, o nulo.")] $variante(Option<$tipo>),)+
        }

        $(
            impl From<$tipo> for Valor {
                fn from(valor: $tipo) -> Self {
                    Self::$variante(Some(valor))
                }
            }

            impl From<Option<$tipo>> for Valor {
                fn from(valor: Option<$tipo>) -> Self {
                    Self::$variante(valor)
                }
            }
        )+

        /// Añade a la sentencia los valores de una columna en varias filas, como un solo parámetro.
        ///
        /// # Errors
        /// [`Falla::Interna`] si no son todos del mismo tipo, o no hay ninguno.
        pub fn enlazar(sql: &mut QueryBuilder<Postgres>, columna: &[&Valor]) -> Result<(), Falla> {
            match columna {
                $([Valor::$variante(_), ..] => {
                    let suyo = |valor: &&'_ Valor| match valor {
                        Valor::$variante(valor) => Ok(valor.clone()),
                        otro => Err(Falla::interna(format!("{otro:?} en una columna de {}", $nombre_pg))),
                    };
                    let valores: Vec<Option<$tipo>> = columna.iter().map(suyo).collect::<Result<_, _>>()?;
                    sql.push_bind(valores).push(concat!("::", $nombre_pg, "[]"));
                })+
                [] => return Err(Falla::interna("una columna sin valores")),
            }
            Ok(())
        }
    };
}

valores! {
    Identidad(Uuid) = "uuid",
    Texto(Cow<'static, str>) = "text",
    Entero(i64) = "bigint",
    Booleano(bool) = "boolean",
    Bytes(Vec<u8>) = "bytea",
    Momento(OffsetDateTime) = "timestamptz",
    Fecha(Date) = "date",
    Documento(Json<Box<RawValue>>) = "jsonb",
}

impl From<&'static str> for Valor {
    fn from(texto: &'static str) -> Self {
        Self::Texto(Some(Cow::Borrowed(texto)))
    }
}

impl From<String> for Valor {
    fn from(texto: String) -> Self {
        Self::Texto(Some(Cow::Owned(texto)))
    }
}

impl From<Option<String>> for Valor {
    fn from(texto: Option<String>) -> Self {
        Self::Texto(texto.map(Cow::Owned))
    }
}

/// Un documento, ya escrito como JSON.
///
/// # Errors
/// [`Falla::Interna`] si no se deja escribir.
pub fn documento(documento: &impl Serialize) -> Result<Json<Box<RawValue>>, Falla> {
    to_raw_value(documento).map(Json).map_err(Falla::interna)
}
