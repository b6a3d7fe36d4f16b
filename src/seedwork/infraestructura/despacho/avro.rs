//! El formato de los mensajes: un registro de Avro con la carga (`data`) y la envoltura del sistema original.

use std::sync::LazyLock;

use apache_avro::Schema;
use apache_avro::types::Value as Avro;
use apache_avro::writer::datum::GenericDatumWriter;
use serde::Serialize;
use serde_json::{Value, json};
use thiserror::Error;
use time::OffsetDateTime;
use uuid::Uuid;

/// Nombre con que este servicio firma sus mensajes.
const SERVICIO: &str = "aeroalpes";
/// Versión de la envoltura.
const VERSION: &str = "v1";
/// Formato de los datos.
const FORMATO: &str = "AVRO";

/// El dato no se dejó escribir con su esquema, o el esquema no es válido.
#[derive(Debug, Error)]
pub enum ErrorAvro {
    /// El esquema escrito en el código no es válido.
    #[error("el esquema de Avro no es válido: {0}")]
    Esquema(String),
    /// El mensaje no se puede leer, o nadie lo atiende.
    #[error("{0}")]
    Ilegible(String),
    /// El dato no corresponde al esquema.
    #[error("el mensaje no corresponde a su esquema de Avro")]
    Dato(#[from] Box<apache_avro::Error>),
}

/// Un esquema que se analiza una vez, la primera vez que hace falta.
pub type EsquemaAvro = LazyLock<Result<Esquema, String>>;

/// Un esquema analizado y el texto con que se registra.
#[derive(Debug, Clone)]
pub struct Esquema {
    /// El esquema.
    pub avro: Schema,
    /// El mismo, como JSON.
    pub json: String,
}

/// El mensaje entero, con los miembros en el orden en que los declara el esquema.
#[derive(Debug, Serialize)]
struct Mensaje<'a, C> {
    data: Option<&'a C>,
    id: Option<String>,
    time: Option<i64>,
    ingestion: Option<i64>,
    specversion: Option<&'static str>,
    r#type: Option<&'static str>,
    datacontenttype: Option<&'static str>,
    service_name: Option<&'static str>,
}

/// El esquema de un tópico: `data` primero, como lo registra el sistema original, y después la envoltura.
///
/// Todo campo añadido admite nulo y lo tiene por defecto: es lo que la compatibilidad FULL deja crecer.
///
/// # Errors
/// El motivo, si `campos` no describe un registro de Avro.
pub fn esquema(registro: &str, carga: &str, campos: &[Value]) -> Result<Esquema, String> {
    let data = json!({"name": "data", "type": ["null", {"type": "record", "name": carga, "fields": campos}]});
    let campos: Vec<_> = std::iter::once(data).chain(campos_de_envoltura()).collect();
    armar(registro, &campos)
}

/// El esquema de un tópico de comandos: `data`, la envoltura y un miembro por cada comando más, en orden.
///
/// # Errors
/// El motivo, si las cargas no describen registros de Avro.
pub fn esquema_de_comandos(registro: &str, miembros: &[(&str, Value)]) -> Result<Esquema, String> {
    let (data, otros): (Vec<_>, Vec<_>) = miembros.iter().partition(|(nombre, _)| *nombre == "data");
    let data = data.into_iter().map(|(nombre, carga)| json!({"name": nombre, "type": ["null", carga]}));
    let otros =
        otros.into_iter().map(|(nombre, carga)| json!({"name": nombre, "type": ["null", carga], "default": null}));
    let campos: Vec<_> = data.chain(campos_de_envoltura()).chain(otros).collect();
    armar(registro, &campos)
}

fn armar(registro: &str, campos: &[Value]) -> Result<Esquema, String> {
    let json = json!({"type": "record", "name": registro, "fields": campos});
    let avro = Schema::parse(&json).map_err(|error| error.to_string())?;
    Ok(Esquema { avro, json: json.to_string() })
}

fn campos_de_envoltura() -> impl Iterator<Item = Value> {
    let campos = [
        ("id", "string"),
        ("time", "long"),
        ("ingestion", "long"),
        ("specversion", "string"),
        ("type", "string"),
        ("datacontenttype", "string"),
        ("service_name", "string"),
    ];
    campos.into_iter().map(|(nombre, tipo)| campo_nuevo(nombre, tipo))
}

/// Los valores de la envoltura de un mensaje, con los nombres que les da el esquema.
pub fn envoltura(id: Uuid, tipo: &str, ocurrido_en: OffsetDateTime) -> Vec<(String, Avro)> {
    let texto = |texto: &str| Avro::String(texto.to_owned());
    let valores = [
        ("id", Avro::String(id.to_string())),
        ("time", Avro::Long(milisegundos(ocurrido_en))),
        ("ingestion", Avro::Long(milisegundos(OffsetDateTime::now_utc()))),
        ("specversion", texto(VERSION)),
        ("type", texto(tipo)),
        ("datacontenttype", texto(FORMATO)),
        ("service_name", texto(SERVICIO)),
    ];
    valores.into_iter().map(|(nombre, valor)| (nombre.to_owned(), Avro::Union(1, Box::new(valor)))).collect()
}

/// Un campo que el sistema original ya registraba: admite nulo, sin valor por defecto.
#[must_use]
pub fn campo_original(nombre: &str, tipo: &str) -> Value {
    json!({"name": nombre, "type": ["null", tipo]})
}

/// Un campo que añadimos nosotros: admite nulo y lo tiene por defecto.
#[must_use]
pub fn campo_nuevo(nombre: &str, tipo: &str) -> Value {
    json!({"name": nombre, "type": ["null", tipo], "default": null})
}

/// Escribe un mensaje como dato de Avro sin cabecera, que es lo que llevan los mensajes de Pulsar.
///
/// # Errors
/// [`ErrorAvro`].
pub fn escribir(
    esquema: &'static EsquemaAvro,
    id: Uuid,
    tipo: &'static str,
    ocurrido_en: OffsetDateTime,
    carga: &impl Serialize,
) -> Result<Vec<u8>, ErrorAvro> {
    let esquema = esquema.as_ref().map_err(|motivo| ErrorAvro::Esquema(motivo.clone()))?;
    let mensaje = Mensaje {
        data: Some(carga),
        id: Some(id.to_string()),
        time: Some(milisegundos(ocurrido_en)),
        ingestion: Some(milisegundos(OffsetDateTime::now_utc())),
        specversion: Some(VERSION),
        r#type: Some(tipo),
        datacontenttype: Some(FORMATO),
        service_name: Some(SERVICIO),
    };
    let escritor = GenericDatumWriter::builder(&esquema.avro).build().map_err(Box::new)?;
    Ok(escritor.write_ser_to_vec(&mensaje).map_err(Box::new)?)
}

/// Milisegundos desde el 1 de enero de 1970 (UTC).
#[must_use]
pub fn milisegundos(momento: OffsetDateTime) -> i64 {
    momento.unix_timestamp() * 1_000 + i64::from(momento.millisecond())
}
