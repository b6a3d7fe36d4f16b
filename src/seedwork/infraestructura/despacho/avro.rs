//! El formato de los mensajes: un registro de Avro con la carga (`data`) y la envoltura del sistema original.

use std::sync::LazyLock;

use apache_avro::Schema;
use apache_avro::writer::datum::GenericDatumWriter;
use serde::ser::{Serialize, SerializeStruct, Serializer};
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

/// El miembro que el sistema original registra siempre, y sin valor por defecto.
const DATA: &str = "data";

/// Un mensaje por escribir: una carga, y lo que dice su envoltura.
pub struct Mensaje<'a, C> {
    /// En qué miembro va la carga.
    pub miembro: &'static str,
    /// La carga.
    pub carga: &'a C,
    /// La identidad.
    pub id: Uuid,
    /// El nombre del evento o comando.
    pub tipo: &'static str,
    /// Cuándo ocurrió.
    pub ocurrido_en: OffsetDateTime,
}

impl<'a, C: Serialize> Mensaje<'a, C> {
    /// Lo escribe como dato de Avro sin cabecera, que es lo que llevan los mensajes de Pulsar.
    ///
    /// # Errors
    /// [`ErrorAvro`] si no corresponde al esquema.
    pub fn escribir(&'a self, esquema: &Schema) -> Result<Vec<u8>, ErrorAvro> {
        let con_data = matches!(esquema, Schema::Record(registro) if registro.lookup.contains_key(DATA));
        let escritor = GenericDatumWriter::builder(esquema).build().map_err(Box::new)?;
        Ok(escritor.write_ser_to_vec(&Miembros { mensaje: self, con_data }).map_err(Box::new)?)
    }
}

/// Los miembros del registro. Los que no se nombran toman su valor por defecto, que es nulo.
struct Miembros<'a, C> {
    mensaje: &'a Mensaje<'a, C>,
    con_data: bool,
}

impl<C: Serialize> Serialize for Miembros<'_, C> {
    fn serialize<S: Serializer>(&self, serializador: S) -> Result<S::Ok, S::Error> {
        let Mensaje { miembro, carga, id, tipo, ocurrido_en } = self.mensaje;
        let mut registro = serializador.serialize_struct("Mensaje", 9)?;
        if *miembro != DATA && self.con_data {
            registro.serialize_field(DATA, &None::<()>)?;
        }
        registro.serialize_field(miembro, &Some(carga))?;
        registro.serialize_field("id", &Some(id.to_string()))?;
        registro.serialize_field("time", &Some(milisegundos(*ocurrido_en)))?;
        registro.serialize_field("ingestion", &Some(milisegundos(OffsetDateTime::now_utc())))?;
        registro.serialize_field("specversion", &Some(VERSION))?;
        registro.serialize_field("type", &Some(tipo))?;
        registro.serialize_field("datacontenttype", &Some(FORMATO))?;
        registro.serialize_field("service_name", &Some(SERVICIO))?;
        registro.end()
    }
}

/// El esquema de un tópico: `data` primero, como lo registra el sistema original, y después la envoltura.
///
/// Todo campo añadido admite nulo y lo tiene por defecto: es lo que la compatibilidad FULL deja crecer.
///
/// # Errors
/// El motivo, si `campos` no describe un registro de Avro.
pub fn esquema(registro: &str, carga: &str, campos: &[Value]) -> Result<Esquema, String> {
    let data = json!({"name": DATA, "type": ["null", {"type": "record", "name": carga, "fields": campos}]});
    let campos: Vec<_> = std::iter::once(data).chain(campos_de_envoltura()).collect();
    armar(registro, &campos)
}

/// El esquema de un tópico de comandos: `data`, la envoltura y un miembro por cada comando más, en orden.
///
/// # Errors
/// El motivo, si las cargas no describen registros de Avro.
pub fn esquema_de_comandos(registro: &str, miembros: &[(&str, Value)]) -> Result<Esquema, String> {
    let (data, otros): (Vec<_>, Vec<_>) = miembros.iter().partition(|(nombre, _)| *nombre == DATA);
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

/// Escribe un evento.
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
    Mensaje { miembro: DATA, carga, id, tipo, ocurrido_en }.escribir(&esquema.avro)
}

/// Milisegundos desde el 1 de enero de 1970 (UTC).
#[must_use]
pub fn milisegundos(momento: OffsetDateTime) -> i64 {
    momento.unix_timestamp() * 1_000 + i64::from(momento.millisecond())
}
