//! Cambiar de bus sin perder nada: de Pulsar no se puede prescindir hasta haber recibido todo lo que tiene.

use std::sync::Mutex;

use sqlx::{query, query_scalar};
use thiserror::Error;
use tracing::{info, warn};

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
    ordenar(
        conexiones,
        "INSERT INTO buses (nombre) VALUES ('pulsar') ON CONFLICT (nombre) DO UPDATE SET vacio_en = NULL",
    )
    .await
}

/// Comprueba que se puede prescindir de Pulsar.
///
/// # Errors
/// [`ErrorCambioDeBus::PulsarPendiente`] si no.
pub async fn comprobar_vacio(conexiones: &Conexiones) -> Result<(), ErrorCambioDeBus> {
    let mut arriendo = conexiones.arrendar().await?;
    let sql = "SELECT count(*) FROM buses WHERE nombre = 'pulsar' AND vacio_en IS NULL";
    let pendientes = query_scalar(sql).fetch_one(arriendo.conexion()?).await;
    let pendientes: i64 = arriendo.acabar(pendientes)?;
    arriendo.devolver();
    if pendientes == 0 { Ok(()) } else { Err(ErrorCambioDeBus::PulsarPendiente) }
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
        match ordenar(&self.conexiones, "UPDATE buses SET vacio_en = clock_timestamp() WHERE nombre = 'pulsar'").await {
            Ok(()) => info!("Pulsar ya no tiene nada por recibir: se puede arrancar sin PULSAR_URL"),
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

async fn ordenar(conexiones: &Conexiones, sql: &'static str) -> Result<(), Falla> {
    let mut arriendo = conexiones.arrendar().await?;
    let hecha = query(sql).execute(arriendo.conexion()?).await;
    let hecha = arriendo.acabar(hecha).map(drop);
    arriendo.devolver();
    hecha
}
