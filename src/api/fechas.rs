//! Fechas en la red: entran en RFC 3339 y salen como `2022-11-22T13:10:00Z`, o con milisegundos donde se miden tiempos.

use std::num::TryFromIntError;

use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize, Serializer};
use time::format_description::StaticFormatDescription;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{Date, OffsetDateTime, UtcOffset};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, Schema, SchemaFormat, Type};
use utoipa::{PartialSchema, ToSchema};

const MILISEGUNDOS: StaticFormatDescription =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
const DIA: StaticFormatDescription = format_description!("[year]-[month]-[day]");

/// Un instante. Entra con zona horaria y con fracción si la tiene (RFC 3339, sección 5.6); sale en UTC y sin fracción.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ToSchema)]
#[schema(value_type = String, format = DateTime, example = "2022-11-22T13:10:00Z")]
pub struct Fecha(pub OffsetDateTime);

impl Fecha {
    fn de_texto(texto: &str) -> Option<Self> {
        let fecha = OffsetDateTime::parse(texto, &Rfc3339).ok()?.checked_to_offset(UtcOffset::UTC)?;
        // Sale sin fracción: lo que se guarda es lo que se devolverá.
        fecha.replace_nanosecond(0).ok().map(Self)
    }
}

impl<'de> Deserialize<'de> for Fecha {
    fn deserialize<D: Deserializer<'de>>(origen: D) -> Result<Self, D::Error> {
        origen.deserialize_str(DeTexto("una fecha RFC 3339, como 2022-11-22T13:10:00Z", Self::de_texto))
    }
}

impl Serialize for Fecha {
    fn serialize<S: Serializer>(&self, destino: S) -> Result<S::Ok, S::Error> {
        let texto = escribir(self.0).map_err(serde::ser::Error::custom)?;
        destino.serialize_str(str::from_utf8(&texto).map_err(serde::ser::Error::custom)?)
    }
}

/// A mano: con una descripción de formato, las fechas eran la quinta parte del trabajo de una página de reservas.
fn escribir(fecha: OffsetDateTime) -> Result<[u8; 20], TryFromIntError> {
    let mut texto = *b"0000-00-00T00:00:00Z";
    let (hora, minuto, segundo) = fecha.to_hms();
    cifras(&mut texto[..4], fecha.year().try_into()?);
    let demas = [fecha.month().into(), fecha.day(), hora, minuto, segundo];
    for (destino, valor) in texto[5..].chunks_mut(3).zip(demas) {
        cifras(destino.get_mut(..2).unwrap_or_default(), valor.into());
    }
    Ok(texto)
}

fn cifras(destino: &mut [u8], mut valor: u32) {
    for cifra in destino.iter_mut().rev() {
        *cifra += u8::try_from(valor % 10).unwrap_or_default();
        valor /= 10;
    }
}

/// Un instante que sale con milisegundos, para saber cuánto pasó entre dos.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Instante(pub OffsetDateTime);

impl Serialize for Instante {
    fn serialize<S: Serializer>(&self, destino: S) -> Result<S::Ok, S::Error> {
        let utc = self.0.to_offset(UtcOffset::UTC);
        destino.serialize_str(&utc.format(&MILISEGUNDOS).map_err(serde::ser::Error::custom)?)
    }
}

impl PartialSchema for Instante {
    fn schema() -> RefOr<Schema> {
        let esquema = ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
            .pattern(Some(r"\.\d{3}Z$"))
            .examples(["2022-11-22T13:10:00.123Z"]);
        esquema.into()
    }
}

impl ToSchema for Instante {}

/// Un día, sin hora. Entra como `1990-05-17` o como un instante RFC 3339, del que se toma el día.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ToSchema)]
#[schema(value_type = String, format = Date, example = "1990-05-17")]
pub struct Dia(pub Date);

impl Dia {
    fn de_texto(texto: &str) -> Option<Self> {
        let dia = Date::parse(texto, &DIA).ok();
        let dia = dia.or_else(|| OffsetDateTime::parse(texto, &Rfc3339).ok().map(OffsetDateTime::date));
        dia.filter(|dia| (1..=9999).contains(&dia.year())).map(Self)
    }
}

impl<'de> Deserialize<'de> for Dia {
    fn deserialize<D: Deserializer<'de>>(origen: D) -> Result<Self, D::Error> {
        origen.deserialize_str(DeTexto("un día, como 1990-05-17", Self::de_texto))
    }
}

/// Lee un valor de un texto y, si no se puede, dice qué se esperaba.
pub struct DeTexto<T>(pub &'static str, pub fn(&str) -> Option<T>);

impl<T> Visitor<'_> for DeTexto<T> {
    type Value = T;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }

    fn visit_str<E: de::Error>(self, texto: &str) -> Result<T, E> {
        self.1(texto).ok_or_else(|| E::invalid_value(de::Unexpected::Str(texto), &self))
    }
}

#[cfg(test)]
mod pruebas {
    use super::*;

    fn ida_y_vuelta(texto: &str) -> Option<String> {
        let fecha: Fecha = serde_json::from_value(texto.into()).ok()?;
        Some(serde_json::to_value(fecha).unwrap().as_str().unwrap().to_owned())
    }

    #[test]
    fn todo_sale_en_utc_y_sin_fraccion() {
        for (entra, sale) in [
            ("2022-11-22T13:10:00Z", "2022-11-22T13:10:00Z"),
            ("2022-11-22T13:10:00.999999Z", "2022-11-22T13:10:00Z"),
            ("2022-11-22T08:10:00-05:00", "2022-11-22T13:10:00Z"),
            ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
            ("9999-12-31T23:59:59Z", "9999-12-31T23:59:59Z"),
        ] {
            assert_eq!(ida_y_vuelta(entra).as_deref(), Some(sale));
        }
    }

    #[test]
    fn lo_que_no_es_una_fecha_se_rechaza() {
        for malo in [
            "",
            "ayer",
            "2022-11-22",
            "2022-11-22T13:10:00",
            "2022-02-30T00:00:00Z",
            "10000-01-01T00:00:00Z",
            "9999-12-31T23:59:59-05:00",
            "2022-11-22T25:00:00Z",
        ] {
            assert_eq!(ida_y_vuelta(malo), None, "{malo}");
        }
    }

    #[test]
    fn un_dia_se_acepta_solo_o_con_hora() {
        for texto in ["1990-05-17", "1990-05-17T10:00:00Z"] {
            let dia: Dia = serde_json::from_value(texto.into()).unwrap();
            assert_eq!(dia.0, time::macros::date!(1990 - 05 - 17));
        }
        for malo in ["1990-02-30", "-0001-01-01", "-9999-01-01", "0000-05-17", "+10000-01-01", "0000-05-17T10:00:00Z"] {
            assert!(serde_json::from_value::<Dia>(malo.into()).is_err(), "{malo}");
        }
    }
}
