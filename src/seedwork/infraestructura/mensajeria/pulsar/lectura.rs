//! De un mensaje de Pulsar a una llegada: con qué esquema se lee, quién es y de qué clave.

use pulsar::consumer::Message;
use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use uuid::Uuid;

use super::Topico;
use super::esquemas_ajenos::Escritor;
use crate::seedwork::infraestructura::mensajeria::comandos::{Leido, reescribir};
use crate::seedwork::infraestructura::mensajeria::enrutador::SUSCRIPCION_COMANDOS;
use crate::seedwork::infraestructura::mensajeria::llegadas::Llegada;

/// Lo más grande que se conserva ya leído hasta atenderlo, en bytes: leído ocupa muchas veces lo que escrito.
const CORTO: usize = 4 * 1024;
/// Lo más largo que se guarda de un texto ajeno, en bytes de una identidad o en caracteres de lo demás.
const TEXTO_MAXIMO: usize = 255;

/// Un mensaje, como lo da el cliente de Pulsar.
pub type Mensaje = Message<Vec<u8>>;

/// Lo que dice un mensaje, leído con el esquema de quien lo escribió. El que no se puede leer también es una llegada, y dice por qué.
pub fn llegada(topico: &Topico, mensaje: &Mensaje, escritor: Escritor) -> Llegada {
    let datos = &mensaje.payload.data;
    let nuestro = &topico.esquema.avro;
    let leido = escritor.and_then(|ajeno| {
        let leido = Leido::de(datos, ajeno.as_deref().unwrap_or(nuestro), nuestro);
        leido.map(|leido| (leido, ajeno.is_some())).map_err(|error| error.to_string())
    });
    let nuestros = match &leido {
        Ok((_, false)) => Ok(datos.clone()),
        Ok((leido, true)) => reescribir(nuestro, leido).map_err(|error| error.to_string()),
        Err(motivo) => Err(motivo.clone()),
    };
    let miembro = |nombre| leido.as_ref().ok().and_then(|(leido, _)| leido.texto(nombre));
    let propiedad = |nombre: &str| {
        let propiedades = &mensaje.metadata().properties;
        propiedades.iter().find(|propiedad| propiedad.key == nombre).map(|propiedad| propiedad.value.as_str())
    };
    let conviene_conservarlo = topico.suscripcion == SUSCRIPCION_COMANDOS && datos.len() <= CORTO;
    let id_mensaje = identidad(mensaje, miembro("id").or(propiedad("id")));
    let clave = clave(mensaje.key().as_deref().unwrap_or(&id_mensaje));
    Llegada {
        suscripcion: topico.suscripcion.to_owned(),
        clave,
        topico: topico.nombre.to_owned(),
        tipo: limpio(miembro("type").or(propiedad("type")).unwrap_or_default()),
        correlacion: limpio(propiedad("correlacion").unwrap_or(&id_mensaje)),
        traceparent: limpio(propiedad("traceparent").unwrap_or_default()),
        publicado_en: publicado_en(mensaje),
        ilegible: nuestros.as_ref().err().map(|motivo| limpio(motivo)),
        datos: nuestros.unwrap_or_else(|_| datos.clone()),
        reintentada_en: None,
        recibida_en: OffsetDateTime::now_utc(),
        id_mensaje,
        leido: leido.ok().filter(|(_, es_ajeno)| !es_ajeno && conviene_conservarlo).map(|(leido, _)| leido),
    }
}

/// La identidad de un mensaje: un UUID en su forma canónica, otra que quepa en un índice o, si no, la del bróker.
fn identidad(mensaje: &Mensaje, dicha: Option<&str>) -> String {
    let dicha = dicha.filter(|id| (1..=TEXTO_MAXIMO).contains(&id.len()) && !id.chars().any(char::is_control));
    match dicha {
        Some(id) => Uuid::parse_str(id).map_or_else(|_| id.to_owned(), |id| id.to_string()),
        None => id_del_broker(mensaje),
    }
}

/// Un texto ajeno que la base de datos puede guardar: corto y sin caracteres de control.
fn limpio(texto: &str) -> String {
    texto.chars().filter(|c| !c.is_control()).take(TEXTO_MAXIMO).collect()
}

fn id_del_broker(mensaje: &Mensaje) -> String {
    let id = mensaje.message_id();
    let (particion, indice) = (id.partition.unwrap_or(-1), id.batch_index.unwrap_or(-1));
    format!("{}:{}:{particion}:{indice}", id.ledger_id, id.entry_id)
}

/// La clave de orden: la del mensaje si es un UUID; si no, uno que sale de ella.
fn clave(texto: &str) -> Uuid {
    Uuid::parse_str(texto).unwrap_or_else(|_| {
        let resumen: [u8; 32] = Sha256::digest(texto.as_bytes()).into();
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&resumen[..16]);
        uuid::Builder::from_custom_bytes(bytes).into_uuid()
    })
}

fn publicado_en(mensaje: &Mensaje) -> OffsetDateTime {
    let milisegundos = i128::from(mensaje.metadata().publish_time);
    OffsetDateTime::from_unix_timestamp_nanos(milisegundos * 1_000_000).unwrap_or_else(|_| OffsetDateTime::now_utc())
}
