//! Cambiar de bus sin perder nada: de Pulsar no se puede prescindir hasta haber recibido todo lo que tiene.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sqlx::{query, query_as};
use thiserror::Error;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use uuid::Uuid;

use super::racha::Racha;
use crate::seedwork::dominio::repositorios::Falla;
use crate::seedwork::infraestructura::conexiones::Conexiones;

/// Cada cuánto se mira si ya salieron los comandos de cuando el bus era el local.
const VISTAZO: Duration = Duration::from_millis(100);

/// Por qué no se puede usar el bus que se pide.
#[derive(Debug, Error)]
pub enum ErrorCambioDeBus {
    /// Se usó Pulsar y puede tener mensajes por recibir.
    #[error(
        "Pulsar puede tener mensajes por recibir: arranque con PULSAR_URL y --bus local hasta que el registro diga que ya no queda ninguno"
    )]
    PulsarPendiente,
    /// Falló el almacén.
    #[error(transparent)]
    Falla(#[from] Falla),
}

/// Anota que se usa Pulsar: desde ahora puede tener mensajes por recibir.
///
/// # Errors
/// Las de la base de datos.
pub async fn anotar_uso(conexiones: &Conexiones) -> Result<(), Falla> {
    let sql = "INSERT INTO buses (nombre) VALUES ('pulsar') ON CONFLICT (nombre) DO UPDATE SET vacio_en = NULL";
    conexiones.ejecutar(query(sql)).await.map(drop)
}

/// Comprueba que se puede prescindir de Pulsar.
///
/// # Errors
/// [`ErrorCambioDeBus::PulsarPendiente`] si no.
pub async fn comprobar_vacio(conexiones: &Conexiones) -> Result<(), ErrorCambioDeBus> {
    let sql = "SELECT nombre FROM buses WHERE nombre = 'pulsar' AND vacio_en IS NULL";
    let pendientes: Vec<(String,)> = conexiones.leer(query_as(sql)).await?;
    if pendientes.is_empty() { Ok(()) } else { Err(ErrorCambioDeBus::PulsarPendiente) }
}

/// Si quedan comandos en la bandeja de salida de cuando el bus era el local: hasta que salgan, los nuevos van detrás de
/// ellos y no directamente, para que los de una misma clave no se adelanten.
#[derive(Clone, Default)]
pub struct Atraso(Arc<AtomicBool>);

impl Atraso {
    /// Mira si lo hay, y lo recuerda.
    ///
    /// # Errors
    /// Las de la base de datos.
    pub async fn mirar(&self, conexiones: &Conexiones) -> Result<(), Falla> {
        let sql = "SELECT id FROM bandeja_salida WHERE publicada_en IS NULL \
                   AND topico LIKE 'comandos-%' AND topico NOT LIKE '%-dlq' LIMIT 1";
        let quedan: Vec<(Uuid,)> = conexiones.leer(query_as(sql)).await?;
        self.0.store(!quedan.is_empty(), Ordering::Relaxed);
        Ok(())
    }

    /// Mira hasta que deje de haberlo, o hasta que se pida parar: quien lo saca puede ser otra instancia.
    pub async fn seguir(self, conexiones: Conexiones, parar: CancellationToken) {
        let mut racha = Racha::default();
        while self.hay() && parar.run_until_cancelled(sleep(VISTAZO)).await.is_some() {
            match self.mirar(&conexiones).await {
                Ok(()) => _ = racha.bien(),
                Err(falla) if racha.fallo() => warn!(%falla, "no se sabe si quedan comandos del bus local"),
                Err(_) => {}
            }
        }
    }

    /// Si lo había la última vez que se miró.
    pub fn hay(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// De dónde llega algo: un tópico entero, o una de sus particiones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fuente {
    /// El tópico.
    pub topico: &'static str,
    /// La partición, si las tiene.
    pub particion: Option<u32>,
}

/// Su nombre en Pulsar, sin inquilino ni espacio de nombres.
impl fmt::Display for Fuente {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.particion {
            Some(numero) => write!(f, "{}-partition-{numero}", self.topico),
            None => f.write_str(self.topico),
        }
    }
}

/// Lleva la cuenta de las fuentes de las que todavía puede llegar algo.
pub struct Vaciado {
    conexiones: Conexiones,
    faltan: Mutex<Vec<Fuente>>,
}

impl Vaciado {
    /// Faltan todos esos tópicos; hasta que se sepa cuáles son sus particiones, cada uno cuenta como una fuente.
    pub fn de(conexiones: Conexiones, topicos: impl Iterator<Item = &'static str>) -> Self {
        let faltan = topicos.map(|topico| Fuente { topico, particion: None }).collect();
        Self { conexiones, faltan: Mutex::new(faltan) }
    }

    /// El tópico resulta ser esas fuentes: faltan todas.
    pub fn son(&self, topico: &'static str, fuentes: &[Fuente]) {
        if let Ok(mut faltan) = self.faltan.lock() {
            faltan.retain(|falta| falta.topico != topico || falta.particion.is_some());
            faltan.extend(fuentes);
        }
    }

    /// Esa fuente ya no tiene nada. Cuando no falta ninguna, lo anota: se puede prescindir de Pulsar.
    pub async fn sin_nada(&self, fuente: Fuente) {
        if !self.era_la_ultima(fuente) {
            return;
        }
        let sql = "UPDATE buses SET vacio_en = clock_timestamp() WHERE nombre = 'pulsar'";
        match self.conexiones.ejecutar(query(sql)).await {
            Ok(_) => info!("Pulsar ya no tiene nada por recibir: se puede arrancar sin PULSAR_URL"),
            Err(falla) => warn!(%falla, "no se pudo anotar que Pulsar está vacío; se anotará en otro arranque"),
        }
    }

    fn era_la_ultima(&self, fuente: Fuente) -> bool {
        let Ok(mut faltan) = self.faltan.lock() else { return false };
        let antes = faltan.len();
        faltan.retain(|pendiente| *pendiente != fuente);
        antes > 0 && faltan.is_empty()
    }
}
