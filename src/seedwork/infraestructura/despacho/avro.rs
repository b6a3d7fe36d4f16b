//! El formato de los mensajes: un registro de Avro con la carga (`data`) y la envoltura del sistema original.

use std::sync::LazyLock;

use apache_avro::Schema;
use apache_avro::writer::datum::GenericDatumWriter;
use serde::Serialize;
use serde_json::{Value, json};
use thiserror::Error;
use time::OffsetDateTime;
use uuid::Uuid;

/// Nombre con que este servicio firma sus mensajes.
const SERVICIO: &str = "aeroalpes";

/// El dato no se dejó escribir con su esquema, o el esquema no es válido.
#[derive(Debug, Error)]
pub enum ErrorAvro {
    /// El esquema escrito en el código no es válido.
    #[error("el esquema de Avro no es válido: {0}")]
    Esquema(String),
    /// El dato no corresponde al esquema.
    #[error("el mensaje no se puede escribir en Avro")]
    Dato(#[from] Box<apache_avro::Error>),
}

/// Un esquema que se analiza una vez, la primera vez que hace falta.
pub type EsquemaAvro = LazyLock<Result<Schema, String>>;

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
pub fn esquema(registro: &str, carga: &str, campos: &[Value]) -> Result<Schema, String> {
    let data = json!({"name": "data", "type": ["null", {"type": "record", "name": carga, "fields": campos}]});
    let envoltura = [
        ("id", "string"),
        ("time", "long"),
        ("ingestion", "long"),
        ("specversion", "string"),
        ("type", "string"),
        ("datacontenttype", "string"),
        ("service_name", "string"),
    ];
    let fields: Vec<Value> = std::iter::once(data).chain(envoltura.map(|(n, t)| campo_nuevo(n, t))).collect();
    Schema::parse(&json!({"type": "record", "name": registro, "fields": fields})).map_err(|error| error.to_string())
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
        specversion: Some("v1"),
        r#type: Some(tipo),
        datacontenttype: Some("AVRO"),
        service_name: Some(SERVICIO),
    };
    let escritor = GenericDatumWriter::builder(esquema).build().map_err(Box::new)?;
    Ok(escritor.write_ser_to_vec(&mensaje).map_err(Box::new)?)
}

/// Milisegundos desde el 1 de enero de 1970 (UTC).
#[must_use]
pub fn milisegundos(momento: OffsetDateTime) -> i64 {
    momento.unix_timestamp() * 1_000 + i64::from(momento.millisecond())
}
