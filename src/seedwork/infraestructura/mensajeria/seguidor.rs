//! El seguidor: una sola consulta por instancia, sólo mientras haya comandos que seguir, dice a cada uno cómo va el suyo.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;
use tokio::sync::watch::{Receiver, Sender, channel};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use uuid::Uuid;

use super::ids::IdsComando;
use super::mirador::CADA;
use super::racha::Racha;
use super::resultados::seguimientos;
use crate::seedwork::aplicacion::resultados::Seguimiento;
use crate::seedwork::dominio::repositorios::Falla;
use crate::seedwork::infraestructura::conexiones::Conexiones;

/// Los comandos que se siguen, con lo último que se sabe de cada uno.
type Seguidos = HashMap<Uuid, Sender<Option<Seguimiento>>>;

/// Quien sigue por todos los comandos pendientes que alguien mira en esta instancia.
pub struct Seguidor {
    conexiones: Conexiones,
    ids: IdsComando,
    seguidos: Mutex<Seguidos>,
    llegada: Notify,
}

impl Seguidor {
    /// Uno que todavía no sigue ninguno.
    #[must_use]
    pub fn nuevo(conexiones: Conexiones, ids: IdsComando) -> Arc<Self> {
        Arc::new(Self { conexiones, ids, seguidos: Mutex::default(), llegada: Notify::new() })
    }

    /// Empieza a seguir un comando. Quien recibe sólo ve lo último: no guarda nada para quien va despacio.
    pub fn seguir(&self, id: Uuid) -> Receiver<Option<Seguimiento>> {
        let receptor = self.con(|seguidos| seguidos.entry(id).or_insert_with(|| channel(None).0).subscribe());
        self.llegada.notify_one();
        receptor
    }

    /// Sigue hasta que se pida parar. Sin base de datos espera, y después sigue donde estaba.
    pub async fn correr(self: Arc<Self>, parar: CancellationToken) {
        parar.run_until_cancelled(self.sin_parar()).await;
    }

    async fn sin_parar(&self) {
        let mut racha = Racha::default();
        loop {
            match self.mirar().await {
                Ok(quedan) => {
                    if racha.bien() {
                        info!("se vuelven a seguir los comandos en vivo");
                    }
                    if quedan {
                        sleep(CADA).await;
                    } else {
                        self.llegada.notified().await;
                    }
                }
                Err(falla) => {
                    if racha.fallo() {
                        warn!(%falla, "los comandos en vivo esperan a la base de datos");
                    }
                    sleep(racha.pausa()).await;
                }
            }
        }
    }

    /// Dice cómo van los que alguien mira, y olvida los que terminaron; dice si había alguno.
    async fn mirar(&self) -> Result<bool, Falla> {
        let pendientes: Vec<Uuid> = self.con(|seguidos| {
            seguidos.retain(|_, canal| canal.receiver_count() > 0);
            seguidos.keys().copied().collect()
        });
        if pendientes.is_empty() {
            return Ok(false);
        }
        let leidos = seguimientos(&self.conexiones, &self.ids, &pendientes).await?;
        self.con(|seguidos| {
            for (id, seguimiento) in leidos {
                let terminado = seguimiento.terminado();
                if let Some(canal) = seguidos.get(&id) {
                    canal.send_if_modified(|visto| {
                        let cambia = visto.as_ref() != Some(&seguimiento);
                        *visto = Some(seguimiento);
                        cambia
                    });
                }
                if terminado {
                    seguidos.remove(&id);
                }
            }
        });
        Ok(true)
    }

    /// Lo que se hace con el mapa nunca lo deja a medias: un pánico ajeno no lo estropea.
    fn con<T>(&self, hacer: impl FnOnce(&mut Seguidos) -> T) -> T {
        hacer(&mut self.seguidos.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
