//! El lector propio de los tópicos de Pulsar, y quien mete en ellos lo que no debería estar.

use std::collections::HashMap;
use std::pin::Pin;
use std::time::Duration;

use aeroalpes::seedwork::infraestructura::mensajeria::pulsar::Topico;
use futures_util::StreamExt;
use pulsar::consumer::InitialPosition;
use pulsar::producer::Message;
use pulsar::{Consumer, ConsumerOptions, ProducerOptions, Pulsar, SubType, TokioExecutor, proto};
use tokio::time::timeout;

use crate::Fallo;

/// Los tópicos que se leen; de cada uno, además, el de sus letras muertas.
pub const TOPICOS: [&str; 4] = ["comandos-reserva", "comandos-usuario", "eventos-reserva", "eventos-usuario"];

const SUSCRIPCION: &str = "caos";
const PLAZO: Duration = Duration::from_secs(20);
/// Cuántas veces se intenta una lectura que se puede repetir.
const INTENTOS: usize = 3;
/// Cuánto calla un tópico que ya se leyó entero.
const SILENCIO: Duration = Duration::from_secs(3);

/// Un mensaje tal como lo da el bróker.
#[derive(Debug, Clone)]
pub struct Recibido {
    pub id: String,
    pub clave: Option<String>,
    pub propiedades: HashMap<String, String>,
    pub datos: Vec<u8>,
}

/// El tópico de letras muertas de otro.
pub fn letras(topico: &str) -> String {
    format!("{topico}-aeroalpes-dlq")
}

type Cliente = Pulsar<TokioExecutor>;
type Consumidor = Consumer<Vec<u8>, TokioExecutor>;

/// En el montón: los futuros del cliente de Pulsar ocupan decenas de KiB.
fn a_tiempo<'a, T: 'a>(
    que: impl Future<Output = Result<T, pulsar::Error>> + Send + 'a,
) -> Pin<Box<dyn Future<Output = Result<T, Fallo>> + Send + 'a>> {
    Box::pin(async { Ok(timeout(PLAZO, que).await.map_err(|_| "Pulsar no respondió a tiempo")??) })
}

async fn conectar(url: &str) -> Result<Cliente, Fallo> {
    a_tiempo(Pulsar::builder(url, TokioExecutor).build()).await
}

async fn consumidor(cliente: &Cliente, topico: &str, suscripcion: &str, durable: bool) -> Result<Consumidor, Fallo> {
    let opciones = ConsumerOptions {
        initial_position: InitialPosition::Earliest,
        durable: Some(durable),
        ..ConsumerOptions::default()
    };
    let consumidor = cliente.consumer().with_topic(format!("persistent://public/default/{topico}"));
    let consumidor = consumidor.with_subscription(suscripcion).with_subscription_type(SubType::Exclusive);
    a_tiempo(consumidor.with_options(opciones).build()).await
}

/// Crea la suscripción del comprobador en todos los tópicos: desde ahora, todo lo que se publique la espera.
pub async fn suscribirse(url: &str) -> Result<(), Fallo> {
    let cliente = conectar(url).await?;
    for topico in TOPICOS {
        for topico in [topico.to_owned(), letras(topico)] {
            let mut consumidor = consumidor(&cliente, &topico, SUSCRIPCION, true).await?;
            a_tiempo(consumidor.close()).await?;
        }
    }
    Ok(())
}

/// Lee un tópico entero, desde el primer mensaje.
pub async fn leer_todo(url: &str, topico: &str) -> Result<Vec<Recibido>, Fallo> {
    let cliente = conectar(url).await?;
    let mut consumidor = consumidor(&cliente, topico, SUSCRIPCION, true).await?;
    leer(&mut consumidor, usize::MAX).await
}

/// Lee los primeros mensajes de un tópico, sin consumirlos. Con otro cliente si el primero se queda sin respuesta: el
/// bróker puede estar volviendo.
pub async fn primeros(url: &str, topico: &str, cuantos: usize) -> Result<Vec<Recibido>, Fallo> {
    for _ in 1..INTENTOS {
        if let Ok(leidos) = primeros_de_una_vez(url, topico, cuantos).await {
            return Ok(leidos);
        }
    }
    primeros_de_una_vez(url, topico, cuantos).await
}

async fn primeros_de_una_vez(url: &str, topico: &str, cuantos: usize) -> Result<Vec<Recibido>, Fallo> {
    let cliente = conectar(url).await?;
    let mut consumidor = consumidor(&cliente, topico, &format!("caos-{}", uuid::Uuid::new_v4()), false).await?;
    let leidos = leer(&mut consumidor, cuantos).await;
    a_tiempo(consumidor.close()).await?;
    leidos
}

async fn leer(consumidor: &mut Consumidor, cuantos: usize) -> Result<Vec<Recibido>, Fallo> {
    let mut leidos = Vec::new();
    while leidos.len() < cuantos {
        let Ok(siguiente) = timeout(SILENCIO, consumidor.next()).await else { break };
        let mensaje = siguiente.ok_or("el consumidor se cerró")??;
        consumidor.ack(&mensaje).await.map_err(pulsar::Error::from)?;
        let metadatos = mensaje.metadata();
        let propiedades: HashMap<_, _> =
            metadatos.properties.iter().map(|par| (par.key.clone(), par.value.clone())).collect();
        leidos.push(Recibido {
            id: propiedades.get("id").cloned().unwrap_or_default(),
            clave: metadatos.partition_key.clone(),
            propiedades,
            datos: mensaje.payload.data.clone(),
        });
    }
    Ok(leidos)
}

/// Un mensaje por publicar a espaldas del servicio.
#[derive(Debug, Clone)]
pub struct Intruso {
    pub clave: String,
    pub propiedades: HashMap<String, String>,
    pub datos: Vec<u8>,
}

/// Publica, con el esquema del tópico o sin ninguno, y espera los recibos. Con un error no se sabe cuáles llegaron.
pub async fn publicar(url: &str, topico: &str, esquema: Option<&Topico>, intrusos: &[Intruso]) -> Result<(), Fallo> {
    let cliente = conectar(url).await?;
    let schema = esquema.map(|topico| proto::Schema {
        name: topico.nombre.to_owned(),
        schema_data: topico.esquema.json.clone().into_bytes(),
        r#type: proto::schema::Type::Avro as i32,
        properties: Vec::new(),
    });
    let productor = cliente.producer().with_topic(format!("persistent://public/default/{topico}"));
    let opciones = ProducerOptions { schema, block_queue_if_full: true, ..ProducerOptions::default() };
    let mut productor = a_tiempo(productor.with_options(opciones).build()).await?;
    for intruso in intrusos {
        let Intruso { clave, propiedades, datos } = intruso.clone();
        let mensaje =
            Message { payload: datos, properties: propiedades, partition_key: Some(clave), ..Message::default() };
        let recibo = a_tiempo(productor.send_non_blocking(mensaje)).await?;
        a_tiempo(recibo).await?;
    }
    a_tiempo(productor.close()).await
}
