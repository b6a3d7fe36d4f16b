//! Qué instancia atiende qué claves: carriles arrendados por un rato, que pasan a otra si su dueña deja de latir.

use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::PgArguments;
use sqlx::query::Query;
use sqlx::{Postgres, query, query_scalar};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};
use uuid::Uuid;

use crate::seedwork::dominio::repositorios::Falla;
use crate::seedwork::infraestructura::conexiones::Conexiones;

/// Cada cuánto late una instancia. A quien calla cuatro latidos se le quitan sus carriles.
const LATIDO: Duration = Duration::from_secs(1);

/// Condición de SQL: el carril es de `$1` y su arriendo sigue vivo.
#[macro_export]
macro_rules! carril_propio {
    () => {
        "carril IN (SELECT carril FROM carriles WHERE dueno = $1 AND latido > clock_timestamp() - interval '4 seconds')"
    };
}

/// Los carriles de una instancia.
#[derive(Clone)]
pub struct Carriles {
    conexiones: Conexiones,
    id: Uuid,
    vivos: Arc<std::sync::atomic::AtomicUsize>,
}

impl Carriles {
    /// Una instancia que todavía no tiene ninguno.
    pub fn nuevos(conexiones: Conexiones) -> Self {
        Self { conexiones, id: Uuid::now_v7(), vivos: Arc::default() }
    }

    /// La identidad de la instancia.
    pub const fn id(&self) -> Uuid {
        self.id
    }

    /// Late, toma su parte de los carriles y suelta los que le sobran, hasta que se pida parar; al parar los suelta todos.
    pub async fn mantener(self, parar: CancellationToken) {
        while !parar.is_cancelled() {
            match self.latir().await {
                Ok(mios) => self.contar(mios),
                Err(falla) => warn!(%falla, "no se pudo latir; otra instancia puede quedarse con los carriles"),
            }
            parar.run_until_cancelled(sleep(LATIDO)).await;
        }
        if let Err(falla) = self.soltar().await {
            warn!(%falla, "no se pudieron soltar los carriles; se soltarán solos");
        }
    }

    fn contar(&self, mios: usize) {
        let antes = self.vivos.swap(mios, std::sync::atomic::Ordering::Relaxed);
        if antes != mios {
            debug!(instancia = %self.id, antes, ahora = mios, "cambió el reparto de los carriles");
        }
    }

    async fn latir(&self) -> Result<usize, Falla> {
        let latido = "INSERT INTO instancias (id, latido) VALUES ($1, clock_timestamp()) \
                      ON CONFLICT (id) DO UPDATE SET latido = clock_timestamp()";
        self.ordenar(query(latido).bind(self.id)).await?;
        self.ordenar(query("UPDATE carriles SET latido = clock_timestamp() WHERE dueno = $1").bind(self.id)).await?;
        let parte = "SELECT ceil(16.0 / count(*))::bigint FROM instancias WHERE latido > clock_timestamp() - interval '4 seconds'";
        let parte = self.numero(parte).await?;
        let mios = self.numero("SELECT count(*) FROM carriles WHERE dueno = $1").await?;
        if mios < parte {
            self.tomar(parte - mios).await?;
        } else if mios > parte {
            self.ceder(mios - parte).await?;
        }
        usize::try_from(self.numero("SELECT count(*) FROM carriles WHERE dueno = $1").await?).map_err(Falla::interna)
    }

    async fn tomar(&self, cuantos: i64) -> Result<(), Falla> {
        let sql = "UPDATE carriles SET dueno = $1, epoca = epoca + 1, latido = clock_timestamp() WHERE carril IN \
                   (SELECT carril FROM carriles WHERE dueno IS NULL OR latido < clock_timestamp() - interval '4 seconds' \
                    ORDER BY carril LIMIT $2 FOR UPDATE SKIP LOCKED)";
        self.ordenar(query(sql).bind(self.id).bind(cuantos)).await
    }

    async fn ceder(&self, cuantos: i64) -> Result<(), Falla> {
        let sql = "UPDATE carriles SET dueno = NULL WHERE carril IN \
                   (SELECT carril FROM carriles WHERE dueno = $1 ORDER BY carril DESC LIMIT $2)";
        self.ordenar(query(sql).bind(self.id).bind(cuantos)).await
    }

    async fn soltar(&self) -> Result<(), Falla> {
        self.ordenar(query("UPDATE carriles SET dueno = NULL WHERE dueno = $1").bind(self.id)).await?;
        self.ordenar(query("DELETE FROM instancias WHERE id = $1").bind(self.id)).await
    }

    async fn ordenar(&self, sql: Query<'_, Postgres, PgArguments>) -> Result<(), Falla> {
        let mut arriendo = self.conexiones.arrendar().await?;
        let hecha = sql.execute(arriendo.conexion()?).await;
        let hecha = arriendo.acabar(hecha).map(drop);
        arriendo.devolver();
        hecha
    }

    async fn numero(&self, sql: &'static str) -> Result<i64, Falla> {
        let mut arriendo = self.conexiones.arrendar().await?;
        let consulta = query_scalar(sql);
        let consulta = if sql.contains("$1") { consulta.bind(self.id) } else { consulta };
        let leido = consulta.fetch_one(arriendo.conexion()?).await;
        let leido = arriendo.acabar(leido);
        arriendo.devolver();
        leido
    }
}
