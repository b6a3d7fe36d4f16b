//! El relevo: publica la bandeja de salida en Pulsar y la marca después del recibo.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use sqlx::types::Json;
use sqlx::{FromRow, query, query_as};
use time::OffsetDateTime;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};
use uuid::Uuid;

use super::publicador::{PorPublicar, Publicador};
use crate::carril_propio;
use crate::seedwork::dominio::repositorios::Falla;
use crate::seedwork::infraestructura::conexiones::Conexiones;
use crate::seedwork::infraestructura::mensajeria::carriles::Carriles;

/// Mensajes que se publican de una vez.
const LOTE: i64 = 1_000;
/// Cada cuánto se mira si otra instancia dejó algo, cuando nadie avisa.
const VISTAZO: Duration = Duration::from_millis(100);
/// Cuánto se espera después de una falla.
const RESPIRO: Duration = Duration::from_millis(500);

#[derive(FromRow)]
struct Fila {
    posicion: i64,
    id: Uuid,
    topico: String,
    clave: Uuid,
    tipo: String,
    datos: Vec<u8>,
    ocurrido_en: OffsetDateTime,
    correlacion: String,
    causa: Option<Uuid>,
    traceparent: String,
    propiedades: Option<Json<HashMap<String, String>>>,
}

impl From<Fila> for PorPublicar {
    fn from(fila: Fila) -> Self {
        Self {
            topico: fila.topico,
            id: fila.id.to_string(),
            clave: fila.clave.to_string(),
            tipo: fila.tipo,
            datos: fila.datos,
            ocurrido_en: fila.ocurrido_en,
            correlacion: fila.correlacion,
            causa: fila.causa.map(|causa| causa.to_string()),
            traceparent: fila.traceparent,
            propiedades: fila.propiedades.map(|Json(propiedades)| propiedades).unwrap_or_default(),
        }
    }
}

/// Publica lo de los carriles de esta instancia. De cada clave hay como mucho un mensaje sin recibo: si uno falla, los
/// siguientes de su clave esperan, y así las primeras apariciones salen en orden.
pub struct Relevo {
    /// De dónde se lee y dónde se marca.
    pub conexiones: Conexiones,
    /// Qué claves son de esta instancia.
    pub carriles: Carriles,
    /// Por dónde se publica.
    pub publicador: Arc<Publicador>,
    /// Avisa de que hay algo nuevo.
    pub aviso: Arc<Notify>,
}

impl Relevo {
    /// Publica hasta que se pida parar; lo que esté en vuelo espera su recibo.
    pub async fn correr(self, parar: CancellationToken) {
        while !parar.is_cancelled() {
            match self.lote().await {
                Ok(true) => continue,
                Ok(false) => {}
                Err(falla) => {
                    warn!(%falla, "el relevo espera a la base de datos");
                    parar.run_until_cancelled(sleep(RESPIRO)).await;
                }
            }
            tokio::select! {
                () = self.aviso.notified() => {}
                () = sleep(VISTAZO) => {}
                () = parar.cancelled() => {}
            }
        }
    }

    /// Publica un lote; dice si conviene seguir enseguida.
    async fn lote(&self) -> Result<bool, Falla> {
        let filas = self.pendientes().await?;
        let cantidad = filas.len();
        let mut por_clave = BTreeMap::<Uuid, Vec<Fila>>::new();
        for fila in filas {
            por_clave.entry(fila.clave).or_default().push(fila);
        }
        let mut claves = JoinSet::new();
        for filas in por_clave.into_values() {
            claves.spawn(publicar_clave(Arc::clone(&self.publicador), filas));
        }
        let mut publicadas = Vec::with_capacity(cantidad);
        while let Some(terminada) = claves.join_next().await {
            match terminada {
                Ok(suyas) => publicadas.extend(suyas),
                Err(causa) => error!(%causa, "el relevo de una clave terminó en pánico"),
            }
        }
        self.marcar(&publicadas).await?;
        if publicadas.len() < cantidad {
            sleep(RESPIRO).await;
        }
        Ok(!publicadas.is_empty())
    }

    async fn pendientes(&self) -> Result<Vec<Fila>, Falla> {
        const SQL: &str = concat!(
            "SELECT posicion, id, topico, clave, tipo, datos, ocurrido_en, correlacion, causa, traceparent, propiedades ",
            "FROM bandeja_salida WHERE publicada_en IS NULL AND ",
            carril_propio!(),
            " ORDER BY posicion LIMIT $2",
        );
        let mut arriendo = self.conexiones.arrendar().await?;
        let leidas = query_as(SQL).bind(self.carriles.id()).bind(LOTE).fetch_all(arriendo.conexion()?).await;
        let leidas = arriendo.acabar(leidas);
        arriendo.devolver();
        leidas
    }

    /// Marca lo que tuvo recibo, si el carril sigue siendo de esta instancia: quien lo perdió no marca nada.
    async fn marcar(&self, posiciones: &[i64]) -> Result<(), Falla> {
        const SQL: &str = concat!(
            "UPDATE bandeja_salida SET publicada_en = clock_timestamp() WHERE posicion = ANY($2) AND publicada_en IS NULL AND ",
            carril_propio!(),
        );
        if posiciones.is_empty() {
            return Ok(());
        }
        let mut arriendo = self.conexiones.arrendar().await?;
        let hecha = query(SQL).bind(self.carriles.id()).bind(posiciones).execute(arriendo.conexion()?).await;
        let hecha = arriendo.acabar(hecha).map(drop);
        arriendo.devolver();
        hecha
    }
}

/// Publica los mensajes de una clave, de uno en uno, hasta el primero sin recibo. Devuelve los que lo tuvieron.
async fn publicar_clave(publicador: Arc<Publicador>, filas: Vec<Fila>) -> Vec<i64> {
    let mut publicadas = Vec::with_capacity(filas.len());
    for fila in filas {
        let posicion = fila.posicion;
        if publicador.publicar(fila.into()).await.is_err() {
            break;
        }
        publicadas.push(posicion);
    }
    publicadas
}
