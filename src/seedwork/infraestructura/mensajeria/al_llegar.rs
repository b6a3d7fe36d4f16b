//! Atender los comandos en cuanto llegan del bróker, sin guardarlos antes, si nada de su clave espera (docs/adr/0028).

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use sqlx::query_as;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};
use tracing::warn;
use uuid::Uuid;

use super::atencion::Atencion;
use super::enrutador::SUSCRIPCION_COMANDOS;
use super::entregas::Entregas;
use super::llegadas::Llegada;
use super::turnos_de_lote::{TurnoDeLote, TurnosDeLote};
use crate::seedwork::aplicacion::unidad_trabajo::Fabrica;
use crate::seedwork::dominio::repositorios::Falla;
use crate::seedwork::infraestructura::averias::{Guarda, quitada};

/// Lo más que se espera a lo que se atiende al llegar. Lo que tarda más se guarda, y no detiene a lo que llega detrás.
const PACIENCIA: Duration = Duration::from_secs(1);
/// Comandos que esta instancia atiende a la vez al llegar, como mucho, vengan de la partición que vengan.
const A_LA_VEZ: u32 = 200;

/// Las claves de lo que se está atendiendo al llegar. Quien atiende lo guardado no las toca: no lo haría dos veces, pero
/// sí en vano.
#[derive(Clone, Default)]
pub struct ClavesAlLlegar(Arc<Mutex<HashSet<Uuid>>>);

/// Una clave de la que se atiende un comando al llegar. Al soltarla, se deja de atender.
struct Atendida {
    clave: Uuid,
    claves: ClavesAlLlegar,
}

impl Drop for Atendida {
    fn drop(&mut self) {
        self.claves.todas().remove(&self.clave);
    }
}

impl ClavesAlLlegar {
    /// Cuáles son ahora.
    pub fn ahora(&self) -> Vec<Uuid> {
        self.todas().iter().copied().collect()
    }

    /// Toma una clave, si no la tiene ya alguien.
    fn tomar(&self, clave: Uuid) -> Option<Atendida> {
        self.todas().insert(clave).then(|| Atendida { clave, claves: self.clone() })
    }

    fn todas(&self) -> MutexGuard<'_, HashSet<Uuid>> {
        // Con las claves en la mano nadie entra en pánico.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Quien atiende al llegar.
pub struct AlLlegar<F: Fabrica> {
    atencion: Arc<Atencion<F>>,
    entregas: Entregas,
    claves: ClavesAlLlegar,
    turnos: TurnosDeLote,
    lugares: Arc<Semaphore>,
}

impl<F: Fabrica> AlLlegar<F> {
    /// Quien atiende así, y anota en `claves` de cuáles.
    pub fn nuevo(atencion: Arc<Atencion<F>>, entregas: Entregas, claves: ClavesAlLlegar) -> Self {
        let lugares = Arc::new(Semaphore::new(A_LA_VEZ as usize));
        Self { atencion, entregas, claves, turnos: TurnosDeLote::default(), lugares }
    }

    /// Dónde se guarda lo que no se atiende.
    pub const fn entregas(&self) -> &Entregas {
        &self.entregas
    }

    /// Espera el turno de un lote, que conviene pedir antes de reunirlo.
    pub async fn turno(&self) -> TurnoDeLote<'_> {
        self.turnos.esperar().await
    }

    /// Atiende lo que puede: el primer comando de cada clave de la que nada espere. Devuelve lo demás, en orden, para que
    /// se guarde; también lo que falló, que desde ahí se repite o se aparta.
    pub async fn atender(&self, llegadas: Vec<Arc<Llegada>>) -> Vec<Arc<Llegada>> {
        let primeras = primeras(&llegadas);
        if primeras.is_empty() {
            return llegadas;
        }
        let cuantas = u32::try_from(primeras.len()).unwrap_or(u32::MAX).min(A_LA_VEZ);
        let limite = Instant::now() + PACIENCIA;
        let lugares = timeout_at(limite, Arc::clone(&self.lugares).acquire_many_owned(cuantas)).await;
        let Ok(Ok(mut lugares)) = lugares else { return llegadas };
        let libres = timeout_at(limite, self.entregas.libres(&primeras)).await;
        let libres = match libres.unwrap_or(Err(Falla::PlazoVencido)) {
            Ok(libres) => libres,
            Err(falla) => {
                warn!(%falla, "nada se atiende al llegar: no se sabe qué espera");
                return llegadas;
            }
        };
        let libres = primeras.into_iter().filter(|(_, primera)| libres.contains(&primera.clave));
        let con_lugar: Vec<_> = libres.filter_map(|libre| Some((libre, lugares.split(1)?))).collect();
        drop(lugares);
        let atender =
            |((orden, primera), lugar)| async move { self.atendio(primera, lugar, limite).await.then_some(orden) };
        let atendidas: HashSet<_> = join_all(con_lugar.into_iter().map(atender)).await.into_iter().flatten().collect();
        let sin_atender = |(lugar, llegada)| (!atendidas.contains(&lugar)).then_some(llegada);
        llegadas.into_iter().enumerate().filter_map(sin_atender).collect()
    }

    /// Si esa quedó atendida a tiempo. Si no, se sigue atendiendo, pero ya no se espera; hasta que acabe ocupa su lugar.
    async fn atendio(&self, llegada: Arc<Llegada>, lugar: OwnedSemaphorePermit, limite: Instant) -> bool {
        let Some(clave) = self.claves.tomar(llegada.clave) else { return false };
        let (id, tipo) = (&llegada.id_mensaje, &llegada.tipo);
        let atendida = timeout_at(limite, self.atencion.atender(Arc::clone(&llegada), None, (clave, lugar))).await;
        self.turnos.avanzar();
        match atendida {
            Ok(Ok(_)) => true,
            Ok(Err(causa)) => {
                warn!(id, tipo, %causa, "el comando no se pudo atender al llegar; se guarda");
                false
            }
            Err(_) => {
                warn!(id, tipo, "el comando tarda; se guarda");
                false
            }
        }
    }
}

impl Entregas {
    /// De los primeros comandos de sus claves, las claves de los que no esperan a nadie: ni hay otro de su clave por
    /// atender, ni habían llegado ya.
    async fn libres(&self, primeros: &[(usize, Arc<Llegada>)]) -> Result<HashSet<Uuid>, Falla> {
        // `OFFSET 0`: cada uno se busca por su índice, haya las entregas que haya al hacer el plan.
        const SQL: &str = "SELECT clave FROM unnest($2::uuid[], $3::text[]) AS p (clave, id) WHERE ($4 OR NOT EXISTS \
             (SELECT 1 FROM bandeja_entrada e WHERE e.suscripcion = $1 AND e.id_mensaje = p.id)) AND NOT EXISTS \
             (SELECT 1 FROM entregas e WHERE e.clave = p.clave AND e.suscripcion IS NOT DISTINCT FROM $1 OFFSET 0)";
        let (claves, ids): (Vec<_>, Vec<_>) =
            primeros.iter().map(|(_, primero)| (primero.clave, primero.id_mensaje.as_str())).unzip();
        let sql = query_as(SQL).bind(SUSCRIPCION_COMANDOS).bind(claves).bind(ids);
        let halladas: Vec<(Uuid,)> = self.conexiones.leer(sql.bind(quitada(Guarda::BandejaEntrada))).await?;
        Ok(halladas.into_iter().map(|(clave,)| clave).collect())
    }
}

/// Los comandos que no van detrás de otro de su clave, con su lugar.
fn primeras(llegadas: &[Arc<Llegada>]) -> Vec<(usize, Arc<Llegada>)> {
    let mut claves = HashSet::new();
    let mut es_primera =
        |llegada: &Llegada| llegada.suscripcion == SUSCRIPCION_COMANDOS && claves.insert(llegada.clave);
    let con_su_lugar =
        |(lugar, llegada): (usize, &Arc<Llegada>)| es_primera(llegada).then(|| (lugar, Arc::clone(llegada)));
    llegadas.iter().enumerate().filter_map(con_su_lugar).collect()
}
