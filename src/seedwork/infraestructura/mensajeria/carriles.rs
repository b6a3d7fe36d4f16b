//! Qué instancia atiende qué claves: carriles arrendados por un rato, que pasan a otra si su dueña deja de latir.

use std::cmp::Ordering;
use std::time::Duration;

use sqlx::{AssertSqlSafe, SqlSafeStr, SqlStr, query, query_as};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};
use uuid::Uuid;

use super::racha::Racha;
use crate::seedwork::aplicacion::medidas;
use crate::seedwork::dominio::repositorios::Falla;
use crate::seedwork::infraestructura::averias::{Guarda, quitada};
use crate::seedwork::infraestructura::conexiones::Conexiones;

/// Cada cuánto late una instancia. A quien calla tres segundos se le quitan sus carriles: con el
/// latido siguiente de otra, se mueven en menos de cinco.
const LATIDO: Duration = Duration::from_secs(1);

/// Condición de SQL: el carril es de `$1` y su arriendo sigue vivo. Como lista y no como subconsulta: así PostgreSQL
/// recorre el índice en orden y para al llenar el lote, en vez de leer y ordenar todo lo pendiente.
#[macro_export]
macro_rules! carril_propio {
    () => {
        "carril = ANY (ARRAY(SELECT carril FROM carriles WHERE dueno = $1 AND latido > clock_timestamp() - interval '3 seconds'))"
    };
}

/// La sentencia, con su condición de carril propio.
pub fn vallada(sql: &'static str) -> SqlStr {
    if quitada(Guarda::Valla) {
        return AssertSqlSafe(sql.replace(carril_propio!(), "$1::uuid IS NOT NULL")).into_sql_str();
    }
    sql.into_sql_str()
}

/// Los carriles de una instancia.
#[derive(Clone)]
pub struct Carriles {
    conexiones: Conexiones,
    id: Uuid,
}

impl Carriles {
    /// Una instancia que todavía no tiene ninguno.
    pub fn nuevos(conexiones: Conexiones) -> Self {
        Self { conexiones, id: Uuid::now_v7() }
    }

    /// La identidad de la instancia.
    pub const fn id(&self) -> Uuid {
        self.id
    }

    /// Late, toma su parte de los carriles y suelta los que le sobran, hasta que se pida parar; al parar los suelta todos.
    pub async fn mantener(self, parar: CancellationToken) {
        let (mut racha, mut antes) = (Racha::default(), 0);
        while !parar.is_cancelled() {
            let latido = self.latir().await;
            medidas::carriles(latido.as_ref().map_or(0, |mios| *mios));
            match latido {
                Ok(mios) => {
                    racha.bien();
                    if mios != std::mem::replace(&mut antes, mios) {
                        debug!(instancia = %self.id, carriles = mios, "cambió el reparto de los carriles");
                    }
                }
                Err(falla) if racha.fallo() => {
                    warn!(%falla, "no se pudo latir; otra instancia puede quedarse con los carriles");
                }
                Err(_) => {}
            }
            parar.run_until_cancelled(sleep(LATIDO)).await;
        }
        medidas::carriles(0);
        if let Err(falla) = self.soltar().await {
            warn!(%falla, "no se pudieron soltar los carriles; se soltarán solos");
        }
    }

    async fn latir(&self) -> Result<usize, Falla> {
        const LATIR: &str = "WITH yo AS (INSERT INTO instancias (id, latido) VALUES ($1, clock_timestamp()) \
             ON CONFLICT (id) DO UPDATE SET latido = clock_timestamp()), \
             mios AS (UPDATE carriles SET latido = clock_timestamp() WHERE dueno = $1 RETURNING carril) \
             SELECT (SELECT count(*) FROM mios), ceil(16.0 / (1 + count(*)))::bigint FROM instancias \
             WHERE id <> $1 AND latido > clock_timestamp() - interval '3 seconds'";
        let leidos: Vec<(i64, i64)> = self.conexiones.leer(query_as(LATIR).bind(self.id)).await?;
        let (mios, parte) = leidos.first().copied().unwrap_or_default();
        let cambio = match mios.cmp(&parte) {
            Ordering::Less => i64::try_from(self.tomar(parte - mios).await?).map_err(Falla::interna)?,
            Ordering::Greater => -i64::try_from(self.ceder(mios - parte).await?).map_err(Falla::interna)?,
            Ordering::Equal => 0,
        };
        usize::try_from(mios + cambio).map_err(Falla::interna)
    }

    async fn tomar(&self, cuantos: i64) -> Result<u64, Falla> {
        let sql = "UPDATE carriles SET dueno = $1, latido = clock_timestamp() WHERE carril IN \
                   (SELECT carril FROM carriles WHERE dueno IS NULL OR latido < clock_timestamp() - interval '3 seconds' \
                    ORDER BY carril LIMIT $2 FOR UPDATE SKIP LOCKED)";
        self.conexiones.ejecutar(query(sql).bind(self.id).bind(cuantos)).await
    }

    async fn ceder(&self, cuantos: i64) -> Result<u64, Falla> {
        let sql = "UPDATE carriles SET dueno = NULL WHERE carril IN \
                   (SELECT carril FROM carriles WHERE dueno = $1 ORDER BY carril DESC LIMIT $2)";
        self.conexiones.ejecutar(query(sql).bind(self.id).bind(cuantos)).await
    }

    async fn soltar(&self) -> Result<(), Falla> {
        self.conexiones.ejecutar(query("UPDATE carriles SET dueno = NULL WHERE dueno = $1").bind(self.id)).await?;
        self.conexiones.ejecutar(query("DELETE FROM instancias WHERE id = $1").bind(self.id)).await.map(drop)
    }
}
