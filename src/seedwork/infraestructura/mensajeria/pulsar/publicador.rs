//! Publicar en Pulsar: con clave, momento y propiedades, muchos en vuelo, y nada se da por enviado sin recibo.

use std::collections::HashMap;
use std::sync::Arc;

use pulsar::producer::Message;
use pulsar::{Producer, TokioExecutor};
use time::OffsetDateTime;
use tokio::sync::Mutex;
use tokio::time::{Duration, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use url::Url;

use super::conexion::{Cliente, conectar, preparar, productor};
use super::{ErrorPulsar, Pulso, Topico};
use crate::seedwork::infraestructura::despacho::avro::milisegundos;

/// Lo más que se espera un recibo.
const PLAZO_RECIBO: Duration = Duration::from_secs(10);
/// Cada cuánto se vuelve a intentar preparar el bróker.
const REINTENTO: Duration = Duration::from_secs(1);

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

struct Conectado {
    cliente: Cliente,
    productores: HashMap<String, Arc<Mutex<Producer<TokioExecutor>>>>,
}

/// Publica. Se prepara solo, y se vuelve a preparar cuando el bróker vuelve.
pub struct Publicador {
    url: Url,
    topicos: Vec<Topico>,
    pulso: Pulso,
    conectado: Mutex<Option<Conectado>>,
}

impl Publicador {
    /// Un publicador para esos tópicos.
    pub fn nuevo(url: Url, topicos: Vec<Topico>, pulso: Pulso) -> Arc<Self> {
        Arc::new(Self { url, topicos, pulso, conectado: Mutex::new(None) })
    }

    /// Mantiene la conexión preparada hasta que se pida parar.
    pub async fn mantener(self: Arc<Self>, parar: CancellationToken) {
        let mut avisado = false;
        while !parar.is_cancelled() {
            match self.asegurar().await {
                Ok(true) => {
                    avisado = false;
                    info!("Pulsar está preparado: esquemas registrados y suscripciones creadas");
                }
                Ok(false) => {}
                Err(error) => {
                    if !std::mem::replace(&mut avisado, true) {
                        warn!(%error, "Pulsar no está; los eventos esperan en la bandeja de salida");
                    }
                }
            }
            parar.run_until_cancelled(sleep(REINTENTO)).await;
        }
    }

    /// Prepara la conexión si hace falta; dice si hizo falta.
    async fn asegurar(&self) -> Result<bool, ErrorPulsar> {
        if self.conectado.lock().await.is_some() {
            return Ok(false);
        }
        let preparado = async {
            let cliente = conectar(&self.url).await?;
            preparar(&cliente, &self.topicos).await?;
            Ok(cliente)
        };
        let preparado: Result<Cliente, ErrorPulsar> = preparado.await;
        self.pulso.anotar(preparado.is_ok());
        *self.conectado.lock().await = Some(Conectado { cliente: preparado?, productores: HashMap::new() });
        Ok(true)
    }

    /// Publica un mensaje y espera su recibo.
    ///
    /// # Errors
    /// [`ErrorPulsar::SinPreparar`]: no se envió. Con cualquier otro no se sabe si llegó: hay que repetir con la misma
    /// identidad.
    pub async fn publicar(&self, mensaje: PorPublicar) -> Result<(), ErrorPulsar> {
        let topico = mensaje.topico.clone();
        // En el montón: el cliente de Pulsar ocupa decenas de KiB, y este futuro va dentro del de cada petición.
        let enviado = timeout(PLAZO_RECIBO, Box::pin(self.enviar(mensaje))).await.unwrap_or(Err(ErrorPulsar::Plazo));
        match &enviado {
            Ok(()) => self.pulso.anotar(true),
            Err(ErrorPulsar::SinPreparar) => {}
            Err(error) => {
                warn!(topico, %error, "un envío a Pulsar no tuvo recibo; se vuelve a conectar");
                self.pulso.anotar(false);
                *self.conectado.lock().await = None;
            }
        }
        enviado
    }

    async fn enviar(&self, mensaje: PorPublicar) -> Result<(), ErrorPulsar> {
        let productor = self.productor(&mensaje.topico).await?;
        // El turno dura hasta dejarlo en la cola, no hasta el recibo: así hay muchos en vuelo, y en orden.
        let mut productor = productor.lock().await;
        let recibo = Box::pin(productor.send_non_blocking(Message::from(mensaje))).await?;
        drop(productor);
        recibo.await?;
        Ok(())
    }

    async fn productor(&self, nombre: &str) -> Result<Arc<Mutex<Producer<TokioExecutor>>>, ErrorPulsar> {
        let mut conectado = self.conectado.lock().await;
        let conectado = conectado.as_mut().ok_or(ErrorPulsar::SinPreparar)?;
        if let Some(productor) = conectado.productores.get(nombre) {
            return Ok(Arc::clone(productor));
        }
        let topico = self.topicos.iter().find(|topico| topico.nombre == nombre);
        let nuevo = Arc::new(Mutex::new(productor(&conectado.cliente, nombre, topico).await?));
        conectado.productores.insert(nombre.to_owned(), Arc::clone(&nuevo));
        Ok(nuevo)
    }
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
