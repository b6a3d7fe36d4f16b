//! Los esquemas con que escriben los demás: se piden al bróker, se recuerdan y se desconfía de ellos.

use std::collections::HashMap;
use std::time::Duration;

use apache_avro::Schema;
use tokio::time::{Instant, sleep};

use super::conexion::{Cliente, a_tiempo, observador};
use super::{ErrorPulsar, Topico, completo};

/// El esquema más grande que se acepta, en bytes.
const MAXIMO: usize = 64 * 1024;
/// Niveles de registros y listas que se aceptan en un esquema.
const NIVELES: usize = 32;
/// Veces que se pregunta por un esquema que el bróker dice no tener.
const INTENTOS: u32 = 3;
/// Cuánto se espera entre dos preguntas.
const ESPERA: Duration = Duration::from_millis(500);

/// Cuánto se recuerda que el bróker no tiene un esquema: lo bastante para que mil mensajes sin él no sean mil preguntas.
const OLVIDO: Duration = Duration::from_secs(30);

/// Los esquemas de un tópico, por la versión que dicen los mensajes.
#[derive(Default)]
pub struct EsquemasAjenos {
    por_version: HashMap<Vec<u8>, Result<Schema, String>>,
    ausentes: HashMap<Vec<u8>, Instant>,
}

impl EsquemasAjenos {
    /// El esquema de una versión, o por qué no se puede usar.
    ///
    /// # Errors
    /// [`ErrorPulsar`] si el bróker no contesta: se puede repetir.
    pub async fn de(
        &mut self,
        cliente: &Cliente,
        topico: &Topico,
        version: &[u8],
    ) -> Result<Result<Schema, String>, ErrorPulsar> {
        if let Some(conocido) = self.por_version.get(version) {
            return Ok(conocido.clone());
        }
        let ausente = || Ok(Err("el bróker no tiene el esquema con que se escribió".into()));
        if self.ausentes.get(version).is_some_and(|visto| visto.elapsed() < OLVIDO) {
            return ausente();
        }
        let Some(json) = preguntar(cliente, topico, version).await? else {
            self.ausentes.insert(version.to_vec(), Instant::now());
            return ausente();
        };
        let esquema = interpretar(&json);
        self.por_version.insert(version.to_vec(), esquema.clone());
        Ok(esquema)
    }
}

/// Pregunta con un consumidor aparte: el que recibe no contesta mientras su cola esté llena.
async fn preguntar(cliente: &Cliente, topico: &Topico, version: &[u8]) -> Result<Option<Vec<u8>>, ErrorPulsar> {
    let mut observador = observador(cliente, topico.nombre).await?;
    let (nombre, mut hallado) = (completo(topico.nombre), None);
    for _ in 0..INTENTOS {
        let pregunta = observador.get_schema(&nombre, Some(version.to_vec()));
        hallado = a_tiempo(pregunta).await?.map(|esquema| esquema.schema_data);
        if hallado.is_some() {
            break;
        }
        sleep(ESPERA).await;
    }
    a_tiempo(observador.close()).await?;
    Ok(hallado)
}

fn interpretar(json: &[u8]) -> Result<Schema, String> {
    if json.len() > MAXIMO {
        return Err("el esquema con que se escribió es demasiado grande".into());
    }
    let texto = std::str::from_utf8(json).map_err(|_| "el esquema con que se escribió no es texto".to_owned())?;
    let esquema = Schema::parse_str(texto).map_err(|_| "el esquema con que se escribió no es de Avro".to_owned())?;
    if es_acotado(&esquema, &mut Vec::new()) {
        Ok(esquema)
    } else {
        Err("el esquema con que se escribió no acota lo que puede ocupar un mensaje".into())
    }
}

/// Si un dato pequeño no puede crecer sin medida al leerlo: ni esquemas que se contienen a sí mismos, ni listas de nada.
fn es_acotado(esquema: &Schema, antepasados: &mut Vec<String>) -> bool {
    let nombre = match esquema {
        Schema::Ref { name } => return !antepasados.contains(&name.to_string()),
        Schema::Record(registro) => registro.name.to_string(),
        _ => String::new(),
    };
    if antepasados.len() >= NIVELES {
        return false;
    }
    antepasados.push(nombre);
    let acotado = match esquema {
        Schema::Record(registro) => registro.fields.iter().all(|campo| es_acotado(&campo.schema, antepasados)),
        Schema::Union(union) => union.variants().iter().all(|variante| es_acotado(variante, antepasados)),
        Schema::Array(lista) => ocupa_algo(&lista.items) && es_acotado(&lista.items, antepasados),
        Schema::Map(mapa) => es_acotado(&mapa.types, antepasados),
        _ => true,
    };
    antepasados.pop();
    acotado
}

/// Si cada elemento de una lista ocupa al menos un byte.
fn ocupa_algo(elemento: &Schema) -> bool {
    match elemento {
        Schema::Null => false,
        Schema::Record(registro) => registro.fields.iter().any(|campo| ocupa_algo(&campo.schema)),
        Schema::Fixed(fijo) => fijo.size > 0,
        _ => true,
    }
}

#[cfg(test)]
mod pruebas {
    use super::*;

    fn acepta(json: &str) -> bool {
        interpretar(json.as_bytes()).is_ok()
    }

    #[test]
    fn un_esquema_que_se_contiene_a_si_mismo_se_rechaza() {
        assert!(!acepta(r#"{"type":"record","name":"N","fields":[{"name":"n","type":["null","N"]}]}"#));
        let repetido = r#"{"type":"record","name":"R","fields":[
            {"name":"a","type":{"type":"record","name":"P","fields":[{"name":"x","type":"long"}]}},
            {"name":"b","type":"P"}]}"#;
        assert!(acepta(repetido), "usar dos veces un registro no es contenerse");
    }

    #[test]
    fn una_lista_de_nada_se_rechaza() {
        assert!(!acepta(r#"{"type":"array","items":"null"}"#));
        assert!(!acepta(r#"{"type":"array","items":{"type":"record","name":"V","fields":[]}}"#));
        assert!(acepta(r#"{"type":"array","items":"long"}"#));
    }

    #[test]
    fn lo_enorme_y_lo_hondo_se_rechazan() {
        assert!(!acepta(&" ".repeat(MAXIMO + 1)));
        let hondo = format!("{}\"long\"{}", r#"{"type":"array","items":"#.repeat(40), "}".repeat(40));
        assert!(!acepta(&hondo));
        assert!(!acepta("no es JSON"));
    }
}
