//! Publicar en Pulsar: con clave, momento y propiedades, muchos en vuelo, y nada se da por enviado sin recibo.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use pulsar::producer::Message;
use pulsar::{Producer, TokioExecutor};
use time::OffsetDateTime;
use tokio::sync::Mutex;
use tokio::time::{Duration, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::acceso::Broker;
use super::conexion::{Cliente, Uso, conectar, preparar, productor};
use super::{ErrorPulsar, Parte, Topico};
use crate::seedwork::infraestructura::despacho::avro::milisegundos;
use crate::seedwork::infraestructura::mensajeria::racha::Racha;

/// Lo más que se espera un recibo.
const PLAZO_RECIBO: Duration = Duration::from_secs(10);
/// Cada cuánto se mira si hay que volver a preparar el bróker.
const VISTAZO: Duration = Duration::from_millis(500);

/// Un mensaje por publicar.
#[derive(Debug, Clone)]
pub struct PorPublicar {
    /// El tópico, sin inquilino ni espacio de nombres.
    pub topico: String,
    /// La identidad del mensaje.
    pub id: String,
    /// La clave de partición y de orden.
    pub clave: String,
    /// El nombre del evento o comando.
    pub tipo: String,
    /// El dato.
    pub datos: Vec<u8>,
    /// Cuándo ocurrió.
    pub ocurrido_en: OffsetDateTime,
    /// La correlación.
    pub correlacion: String,
    /// El mensaje que lo causó.
    pub causa: Option<String>,
    /// La traza del W3C.
    pub traceparent: String,
    /// Otras propiedades.
    pub propiedades: HashMap<String, String>,
}

type Turno = Arc<Mutex<Producer<TokioExecutor>>>;

struct Conectado {
    generacion: u64,
    cliente: Cliente,
    productores: HashMap<String, Turno>,
}

/// Publica. Se prepara solo, y se vuelve a preparar cuando el bróker vuelve.
pub struct Publicador {
    broker: Broker,
    topicos: Vec<Topico>,
    pulso: Parte,
    conectado: Mutex<Option<Conectado>>,
    generaciones: AtomicU64,
}

impl Publicador {
    /// Un publicador para esos tópicos.
    pub fn nuevo(broker: Broker, topicos: Vec<Topico>, pulso: Parte) -> Arc<Self> {
        Arc::new(Self { broker, topicos, pulso, conectado: Mutex::new(None), generaciones: AtomicU64::new(0) })
    }

    /// Mantiene la conexión preparada hasta que se pida parar.
    pub async fn mantener(self: Arc<Self>, parar: CancellationToken) {
        // Aparte: que no admita la conexión se dice también cuando lleva un rato sin estar.
        let (mut racha, mut negado) = (Racha::default(), Racha::default());
        while !parar.is_cancelled() {
            let Some(asegurado) = parar.run_until_cancelled(self.asegurar()).await else { return };
            match &asegurado {
                Ok(true) => {
                    racha.bien();
                    negado.bien();
                    info!("Pulsar está preparado: esquemas registrados y suscripciones creadas");
                }
                Err(error) => {
                    let recien_negado = matches!(error, ErrorPulsar::Conexion(_)) && negado.fallo();
                    if racha.fallo() || recien_negado {
                        warn!(%error, "Pulsar no está; los eventos esperan en la bandeja de salida");
                    }
                }
                Ok(false) => {}
            }
            let pausa = if asegurado.is_ok() { VISTAZO } else { racha.pausa() };
            parar.run_until_cancelled(sleep(pausa)).await;
        }
    }

    /// Prepara la conexión si hace falta; dice si hizo falta.
    async fn asegurar(&self) -> Result<bool, ErrorPulsar> {
        if self.conectado.lock().await.is_some() {
            return Ok(false);
        }
        let preparado = async {
            let cliente = conectar(&self.broker, Uso::Enviar).await?;
            preparar(&cliente, &self.broker, &self.topicos).await?;
            Ok(cliente)
        };
        let preparado: Result<Cliente, ErrorPulsar> = preparado.await;
        self.pulso.anotar(preparado.is_ok());
        let generacion = self.generaciones.fetch_add(1, Ordering::Relaxed);
        *self.conectado.lock().await = Some(Conectado { generacion, cliente: preparado?, productores: HashMap::new() });
        Ok(true)
    }

    /// Publica un mensaje y espera su recibo.
    ///
    /// # Errors
    /// [`ErrorPulsar::SinPreparar`]: no se envió. Con cualquier otro no se sabe si llegó: hay que repetir con la misma
    /// identidad.
    pub async fn publicar(&self, mensaje: PorPublicar) -> Result<(), ErrorPulsar> {
        let (generacion, productor) = match self.productor(&mensaje.topico).await {
            Ok(productor) => productor,
            Err((generacion, error)) => {
                // No se envió nada: para quien lo pidió, es como si el bróker no estuviera.
                self.desconectar(generacion, &error).await;
                return Err(ErrorPulsar::SinPreparar);
            }
        };
        // En el montón: el cliente de Pulsar ocupa decenas de KiB, y este futuro va dentro del de cada petición.
        let enviado = timeout(PLAZO_RECIBO, Box::pin(enviar(&productor, mensaje))).await;
        let enviado = enviado.unwrap_or(Err(ErrorPulsar::Plazo));
        match &enviado {
            Ok(()) => self.pulso.anotar(true),
            Err(error) => self.desconectar(generacion, error).await,
        }
        enviado
    }

    /// Si está preparado para enviar.
    pub async fn preparado(&self) -> bool {
        self.conectado.lock().await.is_some()
    }

    /// Descarta una conexión por la que un envío no tuvo recibo; si ya se había descartado, no toca la nueva.
    async fn desconectar(&self, generacion: u64, error: &ErrorPulsar) {
        let mut conectado = self.conectado.lock().await;
        if conectado.as_ref().is_some_and(|conectado| conectado.generacion == generacion) {
            warn!(%error, "un envío a Pulsar no tuvo recibo; se vuelve a conectar");
            self.pulso.anotar(false);
            *conectado = None;
        }
    }

    async fn productor(&self, nombre: &str) -> Result<(u64, Turno), (u64, ErrorPulsar)> {
        let mut conectado = self.conectado.lock().await;
        let conectado = conectado.as_mut().ok_or((u64::MAX, ErrorPulsar::SinPreparar))?;
        if let Some(productor) = conectado.productores.get(nombre) {
            return Ok((conectado.generacion, Arc::clone(productor)));
        }
        let topico = self.topicos.iter().find(|topico| topico.nombre == nombre);
        let nuevo = Arc::new(Mutex::new(
            productor(&conectado.cliente, nombre, topico).await.map_err(|error| (conectado.generacion, error))?,
        ));
        conectado.productores.insert(nombre.to_owned(), Arc::clone(&nuevo));
        Ok((conectado.generacion, nuevo))
    }
}

/// Deja un mensaje en la cola y espera su recibo. El turno dura hasta dejarlo, no hasta el recibo: así hay muchos en vuelo.
async fn enviar(productor: &Turno, mensaje: PorPublicar) -> Result<(), ErrorPulsar> {
    let mut productor = productor.lock().await;
    let recibo = Box::pin(productor.send_non_blocking(Message::from(mensaje))).await?;
    drop(productor);
    recibo.await?;
    Ok(())
}

impl From<PorPublicar> for Message {
    fn from(mensaje: PorPublicar) -> Self {
        let mut properties = mensaje.propiedades;
        properties.extend([
            ("id".to_owned(), mensaje.id),
            ("type".to_owned(), mensaje.tipo),
            ("traceparent".to_owned(), mensaje.traceparent),
            ("correlacion".to_owned(), mensaje.correlacion),
        ]);
        properties.extend(mensaje.causa.map(|causa| ("causa".to_owned(), causa)));
        Self {
            payload: mensaje.datos,
            properties,
            partition_key: Some(mensaje.clave),
            event_time: u64::try_from(milisegundos(mensaje.ocurrido_en)).ok(),
            ..Self::default()
        }
    }
}
