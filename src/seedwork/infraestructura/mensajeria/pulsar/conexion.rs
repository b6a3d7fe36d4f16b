//! La conexión con el bróker, y lo que hay que hacer antes de enviar nada.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use pulsar::consumer::InitialPosition;
use pulsar::routing_policy::RoutingPolicy;
use pulsar::{
    ConnectionRetryOptions, Consumer, ConsumerOptions, OperationRetryOptions, Producer, ProducerOptions, Pulsar,
    PulsarBuilder, SubType, TokioExecutor, proto,
};
use tokio::time::timeout;
use uuid::Uuid;

use super::acceso::{Broker, Espacio};
use super::motivo::con_motivo;
use super::particiones::{PorClave, asegurar};
use super::{ErrorPulsar, Topico, letras_muertas};

/// Lo más que se espera a que el bróker haga algo que no es enviar. Corto: lo que se pidió justo antes de que el bróker
/// volviera no retrasa la vuelta, y repetirlo no cuesta nada.
pub const PLAZO: Duration = Duration::from_secs(4);
/// Cuánto se espera antes de repetir lo que un bróker todavía no listo no quiso hacer.
pub const RESPIRO: Duration = Duration::from_millis(500);
/// La suscripción que conserva las letras muertas.
const SUSCRIPCION_LETRAS: &str = "aeroalpes-sub-letras-muertas";
/// Mensajes que caben en la cola de un consumidor: pocos, para que otro pueda tomarlos si este se congela.
const ADELANTADOS: u32 = 200;
/// Los que además se piden al bróker por una partición: los que llegan y aún no caben esperan, cada uno, en 5 KiB. Por un tópico
/// entero se piden tantos como caben: con la mitad, un atraso se vacía más despacio (docs/rendimiento.md).
const PEDIDOS_POR_PARTICION: u32 = 100;
/// Mensajes que caben en un observador, que no los lee: con la cola llena no contesta, y un solo lote ajeno trae cientos.
const COLA_DEL_OBSERVADOR: u32 = 10_000;

/// Un cliente. Se usa uno para enviar y otro para recibir: compartido, cada mensaje tarda diez veces más.
pub struct Cliente {
    pulsar: Pulsar<TokioExecutor>,
    espacio: Espacio,
}

impl Cliente {
    /// El nombre completo de un tópico.
    #[must_use]
    pub fn completo(&self, nombre: &str) -> String {
        self.espacio.completo(nombre)
    }

    /// Cuántas particiones tiene un tópico; 0 si no las tiene o no existe.
    ///
    /// # Errors
    /// [`ErrorPulsar`].
    pub async fn particiones(&self, nombre: &str) -> Result<u32, ErrorPulsar> {
        let contadas = a_tiempo(self.pulsar.lookup_partitioned_topic_number(self.completo(nombre))).await;
        match contadas {
            Err(ErrorPulsar::NoExiste) => Ok(0),
            contadas => contadas,
        }
    }
}

/// Para qué es una conexión.
#[derive(Debug, Clone, Copy)]
pub enum Uso {
    /// Para enviar mensajes.
    Enviar,
    /// Para recibirlos, o para preguntar.
    Recibir,
}

impl Uso {
    /// Cuántos envíos pueden esperar a salir por ella. El cliente reserva desde el principio 5 KiB para cada uno, y hay una
    /// conexión por cada partición que se recibe.
    const fn envios(self) -> usize {
        match self {
            Self::Enviar => 100,
            Self::Recibir => 1,
        }
    }
}

/// Conecta con el bróker.
///
/// # Errors
/// [`ErrorPulsar`] si no contesta, o no admite la conexión.
pub async fn conectar(broker: &Broker, uso: Uso) -> Result<Cliente, ErrorPulsar> {
    let autoridades = broker.leer_autoridades().await?;
    let constructor = constructor(broker, autoridades).with_outbound_channel_size(uso.envios());
    match timeout(PLAZO, con_motivo(constructor.build())).await {
        Ok(Ok(pulsar)) => Ok(Cliente { pulsar, espacio: broker.espacio.clone() }),
        Ok(Err((error, motivo))) => Err(motivo.map_or_else(|| error.into(), ErrorPulsar::Conexion)),
        Err(_) => Err(ErrorPulsar::Plazo),
    }
}

fn constructor(broker: &Broker, autoridades: Option<Vec<u8>>) -> PulsarBuilder<TokioExecutor> {
    let conexion = ConnectionRetryOptions {
        max_retries: 3,
        connection_timeout: PLAZO,
        keep_alive: Duration::from_secs(5),
        ..ConnectionRetryOptions::default()
    };
    let operacion = OperationRetryOptions { operation_timeout: PLAZO, retry_delay: RESPIRO, max_retries: Some(3) };
    let mut constructor = Pulsar::builder(broker.url.as_str(), TokioExecutor)
        .with_connection_retry_options(conexion)
        .with_operation_retry_options(operacion);
    if let Some(ficha) = &broker.ficha {
        constructor = constructor.with_auth_provider(Box::new(ficha.clone()));
    }
    if let Some(autoridades) = autoridades {
        constructor = constructor.with_certificate_chain(autoridades);
    }
    constructor
}

/// Espera una respuesta del bróker, pero no para siempre.
///
/// # Errors
/// [`ErrorPulsar`].
pub fn a_tiempo<'a, T: 'a>(
    respuesta: impl Future<Output = Result<T, pulsar::Error>> + Send + 'a,
) -> Pin<Box<dyn Future<Output = Result<T, ErrorPulsar>> + Send + 'a>> {
    // En el montón: los futuros del cliente de Pulsar ocupan decenas de KiB.
    Box::pin(async { Ok(timeout(PLAZO, respuesta).await.map_err(|_| ErrorPulsar::Plazo)??) })
}

/// Crea los tópicos, registra los esquemas y crea las suscripciones, también las de letras muertas: lo que se envía antes de que
/// exista una suscripción no lo guarda nadie.
///
/// # Errors
/// [`ErrorPulsar`]; se puede repetir.
pub async fn preparar(cliente: &Cliente, broker: &Broker, topicos: &[Topico]) -> Result<(), ErrorPulsar> {
    for topico in topicos {
        asegurar(cliente, broker, topico.nombre).await?;
        let mut productor = productor(cliente, topico.nombre, Some(topico)).await?;
        a_tiempo(productor.close()).await?;
        let mut consumidor = consumidor(cliente, topico.nombre, topico).await?;
        a_tiempo(consumidor.close()).await?;
        let letras = letras_muertas(topico.nombre);
        let mut letras = suscribir(cliente, &letras, SUSCRIPCION_LETRAS, SubType::Shared, None).await?;
        a_tiempo(letras.close()).await?;
    }
    Ok(())
}

fn esquema(topico: &Topico) -> proto::Schema {
    proto::Schema {
        name: topico.nombre.to_owned(),
        schema_data: topico.esquema.json.clone().into_bytes(),
        r#type: proto::schema::Type::Avro as i32,
        properties: Vec::new(),
    }
}

/// Un productor sin lotes: de un lote, nuestro propio consumidor no podría confirmar sólo una parte.
///
/// # Errors
/// [`ErrorPulsar`].
pub async fn productor(
    cliente: &Cliente,
    nombre: &str,
    topico: Option<&Topico>,
) -> Result<Producer<TokioExecutor>, ErrorPulsar> {
    let opciones = ProducerOptions {
        schema: topico.map(esquema),
        block_queue_if_full: true,
        routing_policy: Some(RoutingPolicy::Custom(Arc::new(PorClave))),
        ..ProducerOptions::default()
    };
    a_tiempo(cliente.pulsar.producer().with_topic(cliente.completo(nombre)).with_options(opciones).build()).await
}

/// Nuestro consumidor de un tópico, o de una de sus particiones (`nombre`): las claves se reparten entre instancias, cada una a una sola a la vez.
///
/// # Errors
/// [`ErrorPulsar`].
pub async fn consumidor(
    cliente: &Cliente,
    nombre: &str,
    topico: &Topico,
) -> Result<Consumer<Vec<u8>, TokioExecutor>, ErrorPulsar> {
    suscribir(cliente, nombre, topico.suscripcion, SubType::KeyShared, Some(topico)).await
}

/// Un consumidor que no deja rastro, para preguntarle cosas al bróker.
///
/// # Errors
/// [`ErrorPulsar`].
pub async fn observador(cliente: &Cliente, nombre: &str) -> Result<Consumer<Vec<u8>, TokioExecutor>, ErrorPulsar> {
    let opciones = ConsumerOptions {
        initial_position: InitialPosition::Latest,
        durable: Some(false),
        receiver_queue_size: Some(COLA_DEL_OBSERVADOR),
        ..ConsumerOptions::default()
    };
    let suscripcion = format!("aeroalpes-observador-{}", Uuid::now_v7());
    let consumidor = cliente
        .pulsar
        .consumer()
        .with_topic(cliente.completo(nombre))
        .with_subscription(suscripcion)
        .with_subscription_type(SubType::Exclusive)
        .with_batch_size(1)
        .with_options(opciones);
    a_tiempo(consumidor.build()).await
}

async fn suscribir(
    cliente: &Cliente,
    nombre: &str,
    suscripcion: &str,
    tipo: SubType,
    topico: Option<&Topico>,
) -> Result<Consumer<Vec<u8>, TokioExecutor>, ErrorPulsar> {
    let opciones = ConsumerOptions {
        schema: topico.map(esquema),
        initial_position: InitialPosition::Earliest,
        durable: Some(true),
        receiver_queue_size: Some(ADELANTADOS),
        ..ConsumerOptions::default()
    };
    let es_particion = topico.is_some_and(|topico| topico.nombre != nombre);
    let consumidor = cliente
        .pulsar
        .consumer()
        .with_topic(cliente.completo(nombre))
        .with_subscription(suscripcion)
        .with_subscription_type(tipo)
        .with_consumer_name(format!("aeroalpes-{}", Uuid::now_v7()))
        .with_batch_size(if es_particion { PEDIDOS_POR_PARTICION } else { ADELANTADOS })
        .with_options(opciones);
    a_tiempo(consumidor.build()).await
}
