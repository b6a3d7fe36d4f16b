//! Recibir de Pulsar: cada mensaje queda en las entregas y sólo entonces se confirma al bróker.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use apache_avro::Schema;
use futures_util::StreamExt;
use pulsar::consumer::Message;
use pulsar::{Consumer, TokioExecutor};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};
use url::Url;
use uuid::Uuid;

use super::conexion::{a_tiempo, conectar, consumidor};
use super::{ErrorPulsar, Pulso, Topico, completo};
use crate::seedwork::aplicacion::causas::cadena;
use crate::seedwork::infraestructura::mensajeria::comandos::{Leido, reescribir};
use crate::seedwork::infraestructura::mensajeria::entregas::{Entregas, Llegada};

/// Mensajes que se guardan de una vez, como mucho.
const LOTE: usize = 100;
/// Cuánto se espera a que llegue otro antes de guardar los que hay.
const REUNION: Duration = Duration::from_millis(2);
/// Cuánto puede estar callado un consumidor antes de preguntarle al bróker si sigue ahí.
const SILENCIO: Duration = Duration::from_secs(10);
/// Cuánto se espera antes de volver a conectar.
const REINTENTO: Duration = Duration::from_secs(1);
/// El esquema ajeno más grande que se acepta, en bytes.
const ESQUEMA_MAXIMO: usize = 64 * 1024;

type Mensaje = Message<Vec<u8>>;
type Consumidor = Consumer<Vec<u8>, TokioExecutor>;

/// Recibe un tópico. Se vuelve a conectar siempre que haga falta.
pub struct Ingesta {
    /// Dónde está el bróker.
    pub url: Url,
    /// Qué se recibe.
    pub topico: Topico,
    /// Dónde se guarda.
    pub entregas: Entregas,
    /// Avisa a quien lo atiende.
    pub aviso: Arc<Notify>,
    /// Cómo está el bróker.
    pub pulso: Pulso,
}

impl Ingesta {
    /// Recibe hasta que se pida parar.
    pub async fn correr(self, parar: CancellationToken) {
        let mut avisado = false;
        while !parar.is_cancelled() {
            match parar.run_until_cancelled(self.sesion()).await {
                None => return,
                Some(Ok(())) => avisado = false,
                Some(Err(error)) => {
                    if std::mem::replace(&mut avisado, true) {
                        debug!(topico = self.topico.nombre, %error, "el consumidor sigue sin bróker");
                    } else {
                        warn!(topico = self.topico.nombre, %error, "el consumidor se vuelve a conectar");
                    }
                }
            }
            parar.run_until_cancelled(sleep(REINTENTO)).await;
        }
    }

    /// Recibe con un consumidor hasta que deje de servir.
    async fn sesion(&self) -> Result<(), ErrorPulsar> {
        let cliente = conectar(&self.url).await?;
        let mut consumidor = consumidor(&cliente, &self.topico).await?;
        info!(topico = self.topico.nombre, "consumidor conectado");
        self.pulso.anotar(true);
        let mut esquemas = HashMap::new();
        loop {
            let Some(mensajes) = reunir(&mut consumidor).await? else {
                // Nadie habló en un rato: puede que no haya nada, o que el consumidor se haya quedado colgado.
                a_tiempo(consumidor.check_connection()).await?;
                a_tiempo(consumidor.get_last_message_id()).await?;
                continue;
            };
            self.guardar(&mut consumidor, &mensajes, &mut esquemas).await?;
        }
    }

    async fn guardar(
        &self,
        consumidor: &mut Consumidor,
        mensajes: &[Mensaje],
        esquemas: &mut HashMap<Vec<u8>, Option<Schema>>,
    ) -> Result<(), ErrorPulsar> {
        let mut llegadas = Vec::with_capacity(mensajes.len());
        for mensaje in mensajes {
            let escritor = self.escritor(consumidor, mensaje, esquemas).await?;
            llegadas.push(self.llegada(mensaje, escritor.as_ref()));
        }
        if let Err(falla) = self.entregas.recibir(&llegadas).await {
            // Sin confirmar, el bróker los volverá a dar al siguiente consumidor.
            return Err(ErrorPulsar::Cliente(falla.to_string()));
        }
        for mensaje in mensajes.iter().filter(|mensaje| cierra_su_entrada(mensaje)) {
            consumidor.ack(mensaje).await.map_err(pulsar::Error::from)?;
        }
        self.aviso.notify_one();
        Ok(())
    }

    /// El esquema con que se escribió un mensaje, según la versión que dice; sin versión, ninguno.
    async fn escritor(
        &self,
        consumidor: &mut Consumidor,
        mensaje: &Mensaje,
        esquemas: &mut HashMap<Vec<u8>, Option<Schema>>,
    ) -> Result<Option<Schema>, ErrorPulsar> {
        let Some(version) = mensaje.metadata().schema_version.clone() else { return Ok(None) };
        if let Some(conocido) = esquemas.get(&version) {
            return Ok(conocido.clone());
        }
        let topico = completo(self.topico.nombre);
        let esquema = a_tiempo(consumidor.get_schema(&topico, Some(version.clone()))).await?;
        let esquema = esquema.filter(|esquema| esquema.schema_data.len() <= ESQUEMA_MAXIMO);
        let texto = esquema.and_then(|esquema| String::from_utf8(esquema.schema_data).ok());
        let esquema = texto.and_then(|texto| Schema::parse_str(&texto).ok());
        esquemas.insert(version, esquema.clone());
        Ok(esquema)
    }

    fn llegada(&self, mensaje: &Mensaje, escritor: Option<&Schema>) -> Llegada {
        let datos = &mensaje.payload.data;
        let leido = match escritor {
            Some(escritor) => Leido::de(datos, escritor, &self.topico.esquema.avro).map_err(|error| cadena(&error)),
            None => Err("el mensaje no dice con qué esquema se escribió".to_owned()),
        };
        let nuestros = leido.as_ref().ok().and_then(|leido| reescribir(&self.topico.esquema.avro, leido).ok());
        let texto = |nombre| leido.as_ref().ok().and_then(|leido: &Leido| leido.texto(nombre)).map(str::to_owned);
        let propiedad = |nombre: &str| {
            let propiedades = &mensaje.metadata().properties;
            propiedades.iter().find(|propiedad| propiedad.key == nombre).map(|propiedad| propiedad.value.clone())
        };
        let id_mensaje = texto("id").unwrap_or_else(|| id_del_broker(mensaje));
        Llegada {
            suscripcion: self.topico.suscripcion,
            clave: clave(mensaje.key().as_deref().unwrap_or(&id_mensaje)),
            topico: self.topico.nombre,
            tipo: texto("type").or_else(|| propiedad("type")).unwrap_or_default(),
            datos: nuestros.unwrap_or_else(|| datos.clone()),
            correlacion: propiedad("correlacion").unwrap_or_else(|| id_mensaje.clone()),
            traceparent: propiedad("traceparent").unwrap_or_default(),
            publicado_en: publicado_en(mensaje),
            ilegible: leido.err(),
            id_mensaje,
        }
    }
}

/// Los mensajes que llegan juntos, o nada si nadie habla en un rato.
async fn reunir(consumidor: &mut Consumidor) -> Result<Option<Vec<Mensaje>>, ErrorPulsar> {
    let cerrado = || ErrorPulsar::Cliente("el consumidor se cerró".into());
    let Ok(primero) = timeout(SILENCIO, consumidor.next()).await else { return Ok(None) };
    let mut mensajes = vec![primero.ok_or_else(cerrado)??];
    while mensajes.len() < LOTE {
        match timeout(REUNION, consumidor.next()).await {
            Ok(siguiente) => mensajes.push(siguiente.ok_or_else(cerrado)??),
            Err(_) => break,
        }
    }
    Ok(Some(mensajes))
}

/// Confirmar un mensaje de un lote confirma el lote entero: sólo se confirma el último.
fn cierra_su_entrada(mensaje: &Mensaje) -> bool {
    let cuantos = mensaje.message_id.batch_size.unwrap_or(1);
    cuantos <= 1 || mensaje.message_id().batch_index.is_none_or(|indice| indice + 1 >= cuantos)
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
