//! Los esquemas con que escriben los demás: se piden al bróker y se recuerdan.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use apache_avro::Schema;
use tokio::time::{Instant, sleep};

use super::conexion::{Cliente, a_tiempo, observador};
use super::{ErrorPulsar, esquema_ajeno};

/// Veces que se pregunta por un esquema que el bróker dice no tener.
const INTENTOS: u32 = 3;
/// Cuánto se espera entre dos preguntas.
const ESPERA: Duration = Duration::from_millis(500);

/// Cuánto se recuerda que el bróker no tiene un esquema: lo bastante para que mil mensajes sin él no sean mil preguntas.
const OLVIDO: Duration = Duration::from_secs(30);

/// Lo más que mide la versión de un esquema, en bytes: en Pulsar es un entero de 64 bits.
const VERSION_MAXIMA: usize = 8;
/// Cuántas versiones se recuerdan, como mucho: quien las invente no hace crecer la memoria.
const RECORDADAS: usize = 256;

/// Con qué esquema se escribió un mensaje: ninguno, si es con el nuestro; o por qué no se puede usar.
pub type Escritor = Result<Option<Arc<Schema>>, String>;

/// Los esquemas de un tópico, por la versión que dicen los mensajes.
#[derive(Default)]
pub struct EsquemasAjenos {
    por_version: HashMap<Vec<u8>, Escritor>,
    ausentes: HashMap<Vec<u8>, Instant>,
}

impl EsquemasAjenos {
    /// El esquema de una versión en ese tópico, o en esa partición suya.
    ///
    /// # Errors
    /// [`ErrorPulsar`] si el bróker no contesta: se puede repetir.
    pub async fn de(
        &mut self,
        cliente: &Cliente,
        nombre: &str,
        version: &[u8],
        nuestro: &Schema,
    ) -> Result<Escritor, ErrorPulsar> {
        if let Some(conocido) = self.por_version.get(version) {
            return Ok(conocido.clone());
        }
        let ausente = || Ok(Err("el bróker no tiene el esquema con que se escribió".into()));
        if version.len() > VERSION_MAXIMA {
            return ausente();
        }
        if self.ausentes.get(version).is_some_and(|visto| visto.elapsed() < OLVIDO) {
            return ausente();
        }
        let Some(json) = preguntar(cliente, nombre, version).await? else {
            self.ausentes.retain(|_, visto| visto.elapsed() < OLVIDO);
            self.ausentes.insert(version.to_vec(), Instant::now());
            return ausente();
        };
        let esquema = esquema_ajeno::leer(&json).map(|leido| (leido != *nuestro).then(|| Arc::new(leido)));
        if self.por_version.len() >= RECORDADAS {
            self.por_version.clear();
        }
        self.por_version.insert(version.to_vec(), esquema.clone());
        Ok(esquema)
    }
}

/// Pregunta con un consumidor aparte: el que recibe no contesta mientras su cola esté llena.
async fn preguntar(cliente: &Cliente, nombre: &str, version: &[u8]) -> Result<Option<Vec<u8>>, ErrorPulsar> {
    let mut observador = observador(cliente, nombre).await?;
    let (nombre, mut hallado) = (cliente.completo(nombre), None);
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
