//! Cambiar de bus sin perder nada: de Pulsar no se puede prescindir hasta haber recibido todo lo que tiene.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use sqlx::{query, query_as};
use thiserror::Error;
use tracing::{info, warn};
use uuid::Uuid;

use crate::seedwork::dominio::repositorios::Falla;
use crate::seedwork::infraestructura::conexiones::Conexiones;

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

    /// Si lo había la última vez que se miró.
    pub fn hay(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Lleva la cuenta de los tópicos de los que todavía puede llegar algo.
pub struct Vaciado {
    conexiones: Conexiones,
    faltan: Mutex<Vec<&'static str>>,
}

impl Vaciado {
    /// Faltan todos esos tópicos.
    pub const fn de(conexiones: Conexiones, topicos: Vec<&'static str>) -> Self {
        Self { conexiones, faltan: Mutex::new(topicos) }
    }

    /// Ese tópico ya no tiene nada. Cuando no falta ninguno, lo anota: se puede prescindir de Pulsar.
    pub async fn sin_nada(&self, topico: &str) {
        if !self.era_el_ultimo(topico) {
            return;
        }
        let sql = "UPDATE buses SET vacio_en = clock_timestamp() WHERE nombre = 'pulsar'";
        match self.conexiones.ejecutar(query(sql)).await {
            Ok(_) => info!("Pulsar ya no tiene nada por recibir: se puede arrancar sin PULSAR_URL"),
            Err(falla) => warn!(%falla, "no se pudo anotar que Pulsar está vacío; se anotará en otro arranque"),
        }
    }

    fn era_el_ultimo(&self, topico: &str) -> bool {
        let Ok(mut faltan) = self.faltan.lock() else { return false };
        let antes = faltan.len();
        faltan.retain(|pendiente| *pendiente != topico);
        antes > 0 && faltan.is_empty()
    }
}
