//! Lo que los clientes envían, y cómo debe quedar guardado.

use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use serde_json::{Value, json};
use uuid::Uuid;

const AEROPUERTOS: [&str; 8] = ["BOG", "JFK", "MDE", "SKCL", "CTG", "MIA", "LIM", "EZE"];

/// El 1 de enero de 2027, en segundos.
const BASE: i64 = 1_798_761_600;

/// Un cuerpo y lo que debe constar después en la base.
#[derive(Debug, Clone)]
pub struct Contenido {
    /// El cuerpo de la solicitud.
    pub cuerpo: Value,
    /// Las columnas que debe tener la fila.
    pub guardado: Value,
}

/// Una reserva distinta de todas las demás: la marca va en los nombres de los aeropuertos.
pub fn reserva(azar: &mut StdRng, marca: Uuid, id_cliente: Option<Uuid>) -> Contenido {
    let (mut itinerarios, mut documento) = (Vec::new(), Vec::new());
    for _ in 0..azar.random_range(1..=3) {
        let (enviado, guardado) = vuelo(azar, marca);
        itinerarios.push(json!({"odos": [{"segmentos": [{"legs": [enviado]}]}]}));
        documento.push(json!([[[guardado]]]));
    }
    Contenido {
        cuerpo: json!({"itinerarios": itinerarios, "id_cliente": id_cliente}),
        guardado: json!({"itinerarios": documento, "id_cliente": id_cliente}),
    }
}

fn vuelo(azar: &mut StdRng, marca: Uuid) -> (Value, Value) {
    let lugares: Vec<_> = AEROPUERTOS.sample(azar, 2).copied().collect();
    let lugar = |codigo: &str| json!({"codigo": codigo, "nombre": format!("{codigo} de {marca}")});
    let salida = BASE + azar.random_range(0..31_536_000);
    let llegada = salida + azar.random_range(1_800..50_000);
    let (origen, destino) = (lugar(lugares[0]), lugar(lugares[1]));
    let enviado = json!({"fecha_salida": fecha(salida), "fecha_llegada": fecha(llegada),
        "origen": origen, "destino": destino});
    let guardado = json!({"salida": salida * 1_000_000, "llegada": llegada * 1_000_000,
        "origen": origen, "destino": destino});
    (enviado, guardado)
}

fn fecha(segundos: i64) -> String {
    let formato = time::macros::format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");
    let instante = time::OffsetDateTime::from_unix_timestamp(segundos).unwrap_or(time::OffsetDateTime::UNIX_EPOCH);
    instante.format(formato).unwrap_or_default()
}

/// Un usuario distinto de todos los demás.
pub fn usuario(azar: &mut StdRng, marca: Uuid) -> Contenido {
    let es_empresarial = azar.random_bool(0.3);
    let datos = json!({"nombres": format!("Nombres {marca}"), "apellidos": format!("Apellidos {marca}"),
        "email": format!("caos-{marca}@ejemplo.co"), "es_empresarial": es_empresarial});
    let mut cuerpo = datos.clone();
    cuerpo["password"] = format!("clave-{marca}").into();
    Contenido { cuerpo, guardado: datos }
}
