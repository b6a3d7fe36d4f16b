//! El mirador: una sola consulta por instancia, sólo mientras alguien escuche, cuenta a todos lo que se confirma.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::broadcast::{Receiver, Sender, channel};
use tokio::sync::{Mutex, Notify, Semaphore};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use uuid::Uuid;

use super::racha::Racha;
use super::sucesos::{Suceso, Sucesos};
use super::visto::Visto;
use crate::seedwork::dominio::repositorios::Falla;

/// Cada cuánto se mira si hay algo nuevo.
pub const CADA: Duration = Duration::from_millis(200);
/// Cuántos sucesos se guardan para quien va despacio, entre todos; a quien se le pase alguno se le corta el flujo.
const CANAL: usize = 4_096;
/// Cuántos se ponen al día a la vez: una ficha vieja pide mucha historia, y las consultas de los demás no deben esperarla.
const AL_DIA_A_LA_VEZ: usize = 2;

/// Un suceso, el mismo para todos los que escuchan.
pub type Compartido<T> = Arc<Suceso<T>>;

/// Quien mira por todos los que escuchan en esta instancia.
pub struct Mirador<T> {
    sucesos: Sucesos<T>,
    canal: Sender<Compartido<T>>,
    /// Hasta dónde se ha contado; nada, mientras nadie escucha.
    contado: Mutex<Option<Visto>>,
    llegada: Notify,
    poniendose_al_dia: Semaphore,
}

impl<T: Send + Sync + Clone + 'static> Mirador<T> {
    /// Uno que todavía no mira.
    pub fn nuevo(sucesos: Sucesos<T>) -> Arc<Self> {
        Arc::new(Self {
            sucesos,
            canal: channel(CANAL).0,
            contado: Mutex::new(None),
            llegada: Notify::new(),
            poniendose_al_dia: Semaphore::new(AL_DIA_A_LA_VEZ),
        })
    }

    /// Mira hasta que se pida parar. Sin base de datos espera, y después sigue donde estaba.
    pub async fn mirar(self: Arc<Self>, parar: CancellationToken) {
        parar.run_until_cancelled(self.sin_parar()).await;
    }

    async fn sin_parar(&self) {
        let mut racha = Racha::default();
        loop {
            match self.contar().await {
                Ok(hay_alguien) => {
                    if racha.bien() {
                        info!("se vuelven a contar los eventos en vivo");
                    }
                    if hay_alguien {
                        sleep(CADA).await;
                    } else {
                        self.llegada.notified().await;
                    }
                }
                Err(falla) => {
                    if racha.fallo() {
                        warn!(%falla, "los eventos en vivo esperan a la base de datos");
                    }
                    sleep(racha.pausa()).await;
                }
            }
        }
    }

    /// Cuenta todo lo nuevo a quien escuche; dice si escucha alguien.
    async fn contar(&self) -> Result<bool, Falla> {
        let mut contado = self.contado.lock().await;
        if self.canal.receiver_count() == 0 {
            *contado = None;
        }
        let Some(visto) = contado.as_mut() else { return Ok(false) };
        loop {
            for suceso in self.sucesos.siguientes(visto, None).await? {
                // Si todos se fueron, no hay a quién contárselo.
                let _ = self.canal.send(Arc::new(suceso));
            }
            if visto.completo() {
                return Ok(true);
            }
        }
    }

    /// Empieza a escuchar. Todo lo que se confirme desde que esto vuelve llega por aquí; puede que también algo anterior.
    async fn escuchar(&self) -> Result<Receiver<Compartido<T>>, Falla> {
        let mut contado = self.contado.lock().await;
        if contado.is_none() {
            *contado = Some(Visto::todo(self.sucesos.ahora().await?));
        }
        let canal = self.canal.subscribe();
        self.llegada.notify_one();
        Ok(canal)
    }

    /// Los sucesos desde uno, o desde ahora; con `clave`, sólo los suyos.
    ///
    /// # Errors
    /// [`ErrorFlujo`].
    pub async fn flujo(self: &Arc<Self>, desde: Option<Visto>, clave: Option<Uuid>) -> Result<Flujo<T>, ErrorFlujo> {
        let ahora = self.sucesos.ahora().await?;
        let visto = match desde {
            Some(visto) if visto.hasta.limite() > ahora.limite() => return Err(ErrorFlujo::DeOtraBase),
            Some(visto) => visto,
            None => Visto::todo(ahora),
        };
        Ok(Flujo {
            mirador: Arc::clone(self),
            visto,
            clave,
            atrasados: Vec::new().into_iter(),
            canal: None,
            al_dia: false,
        })
    }
}

/// Por qué no se puede empezar a contar.
#[derive(Debug)]
pub enum ErrorFlujo {
    /// La ficha dice haber visto lo que en esta base de datos todavía no ha pasado.
    DeOtraBase,
    /// Falló el almacén.
    Falla(Falla),
}

impl From<Falla> for ErrorFlujo {
    fn from(falla: Falla) -> Self {
        Self::Falla(falla)
    }
}

/// Lo que se le cuenta a uno: primero lo que se perdió, leído a su paso, y después lo que cuenta el mirador.
pub struct Flujo<T> {
    mirador: Arc<Mirador<T>>,
    visto: Visto,
    clave: Option<Uuid>,
    atrasados: std::vec::IntoIter<Suceso<T>>,
    canal: Option<Receiver<Compartido<T>>>,
    al_dia: bool,
}

impl<T: Send + Sync + Clone + 'static> Flujo<T> {
    /// Hasta dónde había leído quien escucha.
    #[must_use]
    pub const fn desde(&self) -> &Visto {
        &self.visto
    }

    /// El siguiente, cuando lo haya; nada si quien escucha va tan despacio que se perdió alguno.
    pub async fn siguiente(&mut self) -> Option<Compartido<T>> {
        let mut racha = Racha::default();
        loop {
            if let Some(atrasado) = self.atrasados.next() {
                return Some(Arc::new(atrasado));
            }
            if self.al_dia {
                return self.recibir().await;
            }
            // El mirador ya dice en los registros que la base no responde.
            if self.ponerse_al_dia().await.is_err() {
                racha.fallo();
                sleep(racha.pausa()).await;
            }
        }
    }

    async fn recibir(&mut self) -> Option<Compartido<T>> {
        loop {
            let suceso = self.canal.as_mut()?.recv().await.ok()?;
            let es_suyo = self.clave.is_none_or(|clave| clave == suceso.clave);
            if es_suyo && !self.visto.hasta.ve(suceso.transaccion) {
                return Some(suceso);
            }
        }
    }

    /// Lee lo siguiente de lo que se perdió. Cuando no queda nada, empieza a escuchar y lee una vez más: lo que se
    /// confirmó entre tanto puede no llegar por el canal.
    async fn ponerse_al_dia(&mut self) -> Result<(), Falla> {
        let turno = self.mirador.poniendose_al_dia.acquire().await.map_err(Falla::interna)?;
        let leidos = self.mirador.sucesos.siguientes(&mut self.visto, self.clave).await?;
        drop(turno);
        self.atrasados = leidos.into_iter();
        if self.visto.completo() {
            match self.canal {
                Some(_) => self.al_dia = true,
                None => self.canal = Some(self.mirador.escuchar().await?),
            }
        }
        Ok(())
    }
}
