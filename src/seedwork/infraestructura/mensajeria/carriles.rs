//! Qué instancia atiende qué claves: carriles arrendados por un rato, que pasan a otra si su dueña deja de latir.

use std::cmp::Ordering;
use std::sync::Arc;
use std::sync::atomic::{self, AtomicBool};
use std::time::Duration;

use sqlx::{AssertSqlSafe, SqlSafeStr, SqlStr, query, query_as};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};
use uuid::Uuid;

use super::racha::Racha;
use crate::seedwork::aplicacion::medidas;
pub use crate::seedwork::aplicacion::medidas::Trabajo;
use crate::seedwork::dominio::repositorios::Falla;
use crate::seedwork::infraestructura::averias::{Guarda, quitada};
use crate::seedwork::infraestructura::conexiones::Conexiones;

/// Cada cuánto late una instancia. A quien calla tres segundos se le quitan sus carriles: con el
/// latido siguiente de otra, se mueven en menos de cuatro.
const LATIDO: Duration = Duration::from_millis(500);

/// Condición de SQL: el carril es de `$1` y su arriendo sigue vivo. Sin nada, el de atender; con `relevo`, el de relevar.
/// Como lista y no como subconsulta: así PostgreSQL recorre el índice en orden y para al llenar el lote, en vez de leer
/// y ordenar todo lo pendiente.
#[macro_export]
macro_rules! carril_propio {
    () => {
        carril_propio!("carriles")
    };
    (relevo) => {
        carril_propio!("carriles_relevo")
    };
    ($tabla:literal) => {
        concat!(
            "carril = ANY (ARRAY(SELECT carril FROM ",
            $tabla,
            " WHERE dueno = $1 AND latido > clock_timestamp() - interval '3 seconds'))"
        )
    };
}

/// La sentencia, con su condición de carril propio.
pub fn vallada(sql: &'static str) -> SqlStr {
    if quitada(Guarda::Valla) {
        let sin_valla = [carril_propio!(), carril_propio!(relevo)]
            .iter()
            .fold(sql.to_owned(), |sql, valla| sql.replace(valla, "$1::uuid IS NOT NULL"));
        return AssertSqlSafe(sin_valla).into_sql_str();
    }
    sql.into_sql_str()
}

struct Sentencias {
    latir: &'static str,
    tomar: &'static str,
    ceder: &'static str,
    soltar: &'static str,
    irse: &'static str,
}

macro_rules! sentencias {
    ($carriles:literal, $instancias:literal) => {
        Sentencias {
            latir: concat!(
                "WITH yo AS (INSERT INTO ",
                $instancias,
                " (id, latido) VALUES ($1, clock_timestamp()) ON CONFLICT (id) DO UPDATE SET latido = clock_timestamp()), ",
                "mios AS (UPDATE ",
                $carriles,
                " SET latido = clock_timestamp() WHERE dueno = $1 RETURNING carril) ",
                "SELECT (SELECT count(*) FROM mios), ceil(16.0 / (1 + count(*)))::bigint FROM ",
                $instancias,
                " WHERE id <> $1 AND latido > clock_timestamp() - interval '3 seconds'"
            ),
            tomar: concat!(
                "UPDATE ",
                $carriles,
                " SET dueno = $1, latido = clock_timestamp() WHERE carril IN (SELECT carril FROM ",
                $carriles,
                " WHERE dueno IS NULL OR latido < clock_timestamp() - interval '3 seconds' ",
                "ORDER BY carril LIMIT $2 FOR UPDATE SKIP LOCKED)"
            ),
            ceder: concat!(
                "UPDATE ",
                $carriles,
                " SET dueno = NULL WHERE carril IN (SELECT carril FROM ",
                $carriles,
                " WHERE dueno = $1 ORDER BY carril DESC LIMIT $2)"
            ),
            soltar: concat!("UPDATE ", $carriles, " SET dueno = NULL WHERE dueno = $1"),
            irse: concat!("DELETE FROM ", $instancias, " WHERE id = $1"),
        }
    };
}

impl Trabajo {
    const fn sentencias(self) -> Sentencias {
        match self {
            Self::Atender => sentencias!("carriles", "instancias"),
            Self::Relevar => sentencias!("carriles_relevo", "instancias_relevo"),
        }
    }
}

/// Los carriles de una instancia para un trabajo.
#[derive(Clone)]
pub struct Carriles {
    conexiones: Conexiones,
    trabajo: Trabajo,
    id: Uuid,
    /// Va a ceder carriles en el latido siguiente.
    pausa: Arc<AtomicBool>,
}

impl Carriles {
    /// Una instancia que todavía no tiene ninguno.
    pub fn nuevos(conexiones: Conexiones, trabajo: Trabajo) -> Self {
        Self { conexiones, trabajo, id: Uuid::now_v7(), pausa: Arc::default() }
    }

    /// Si está a punto de ceder carriles: no se toma nada más, para que quien los reciba no halle nada a medias.
    pub fn en_pausa(&self) -> bool {
        self.pausa.load(atomic::Ordering::Relaxed)
    }

    /// La identidad de la instancia en ese trabajo.
    pub const fn id(&self) -> Uuid {
        self.id
    }

    /// Late, toma su parte de los carriles y suelta los que le sobran, un latido después de dejar de tomar trabajo, hasta que
    /// se pida parar; al parar los suelta todos.
    pub async fn mantener(self, parar: CancellationToken) {
        let (mut racha, mut antes) = (Racha::default(), 0);
        while !parar.is_cancelled() {
            let latido = self.latir().await;
            medidas::carriles(self.trabajo, latido.as_ref().map_or(0, |mios| *mios));
            match latido {
                Ok(mios) => {
                    racha.bien();
                    if mios != std::mem::replace(&mut antes, mios) {
                        debug!(instancia = %self.id, trabajo = ?self.trabajo, carriles = mios, "cambió el reparto de los carriles");
                    }
                }
                Err(falla) if racha.fallo() => {
                    warn!(%falla, "no se pudo latir; otra instancia puede quedarse con los carriles");
                }
                Err(_) => {}
            }
            parar.run_until_cancelled(sleep(LATIDO)).await;
        }
        medidas::carriles(self.trabajo, 0);
        if let Err(falla) = self.soltar().await {
            warn!(%falla, "no se pudieron soltar los carriles; se soltarán solos");
        }
    }

    async fn latir(&self) -> Result<usize, Falla> {
        let sql = query_as(self.trabajo.sentencias().latir).bind(self.id);
        let leidos: Vec<(i64, i64)> = self.conexiones.leer(sql).await?;
        let (mios, parte) = leidos.first().copied().unwrap_or_default();
        let sobran = mios > parte;
        let avisado = self.pausa.swap(sobran, atomic::Ordering::Relaxed);
        let cambio = match mios.cmp(&parte) {
            Ordering::Less => i64::try_from(self.tomar(parte - mios).await?).map_err(Falla::interna)?,
            Ordering::Greater if avisado => {
                let cedidos = self.ceder(mios - parte).await?;
                self.pausa.store(false, atomic::Ordering::Relaxed);
                -i64::try_from(cedidos).map_err(Falla::interna)?
            }
            Ordering::Greater | Ordering::Equal => 0,
        };
        usize::try_from(mios + cambio).map_err(Falla::interna)
    }

    async fn tomar(&self, cuantos: i64) -> Result<u64, Falla> {
        self.conexiones.ejecutar(query(self.trabajo.sentencias().tomar).bind(self.id).bind(cuantos)).await
    }

    async fn ceder(&self, cuantos: i64) -> Result<u64, Falla> {
        self.conexiones.ejecutar(query(self.trabajo.sentencias().ceder).bind(self.id).bind(cuantos)).await
    }

    async fn soltar(&self) -> Result<(), Falla> {
        let Sentencias { soltar, irse, .. } = self.trabajo.sentencias();
        self.conexiones.ejecutar(query(soltar).bind(self.id)).await?;
        self.conexiones.ejecutar(query(irse).bind(self.id)).await.map(drop)
    }
}
