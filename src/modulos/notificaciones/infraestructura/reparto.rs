//! El reparto: toma correos del buzón y los lleva, varios a la vez y cada uno con su plazo.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use super::buzon::BuzonPg;
use super::smtp::{DatosSmtp, ErrorSmtp, Smtp};
use crate::modulos::notificaciones::aplicacion::cartero::Cartero;
use crate::modulos::notificaciones::aplicacion::puertos::{Buzon, ErrorEnvio};
use crate::modulos::notificaciones::aplicacion::queries::EscribirCarta;
use crate::modulos::notificaciones::dominio::correo::{CorreoPendiente, Desenlace};
use crate::seedwork::aplicacion::mediador::Mediador;
use crate::seedwork::aplicacion::mensajes::HandlerQuery;
use crate::seedwork::aplicacion::unidad_trabajo::Fabrica;
use crate::seedwork::infraestructura::conexiones::Conexiones;
use crate::seedwork::infraestructura::mensajeria::racha::Racha;

/// Correos que se llevan a la vez, como mucho: uno que tarda no detiene a los demás.
const A_LA_VEZ: usize = 8;
/// Cada cuánto se mira si hay algo que llevar.
const VISTAZO: Duration = Duration::from_millis(500);
/// Cuánto se insiste en anotar cómo terminó uno, después de llevarlo. Es lo que el arriendo dura de más.
const PARA_ANOTAR: Duration = Duration::from_secs(10);

/// Reparte los correos hasta que se pida parar.
pub struct Reparto<F: Fabrica> {
    cartero: Arc<Cartero<F, BuzonPg, Smtp>>,
    plazo: Duration,
}

impl<F: Fabrica> Reparto<F>
where
    EscribirCarta: HandlerQuery<F::Lector>,
{
    /// Sobre ese fondo de conexiones y con ese servidor.
    ///
    /// # Errors
    /// [`ErrorSmtp`].
    pub fn nuevo(conexiones: Conexiones, mediador: Arc<Mediador<F>>, smtp: DatosSmtp) -> Result<Self, ErrorSmtp> {
        let plazo = smtp.plazo;
        let buzon = BuzonPg { conexiones, arriendo: plazo + PARA_ANOTAR };
        let cartero = Arc::new(Cartero { mediador, buzon, correo: Smtp::nuevo(smtp)? });
        Ok(Self { cartero, plazo })
    }

    /// Trabaja hasta que se pida parar; entonces termina lo que tiene.
    pub async fn correr(self, parar: CancellationToken) {
        let (reparto, mut tareas) = (Arc::new(self), JoinSet::new());
        let mut racha = Racha::default();
        while !parar.is_cancelled() {
            let libres = A_LA_VEZ.saturating_sub(tareas.len());
            match reparto.cartero.buzon.tomar(libres).await {
                Ok(correos) => {
                    racha.bien();
                    for correo in correos {
                        let reparto = Arc::clone(&reparto);
                        tareas.spawn(async move { reparto.llevar(correo).await });
                    }
                }
                Err(falla) => {
                    if racha.fallo() {
                        warn!(%falla, "el reparto de correos espera a la base de datos");
                    }
                    parar.run_until_cancelled(sleep(racha.pausa())).await;
                }
            }
            tokio::select! {
                Some(terminada) = tareas.join_next() => registrar(terminada),
                () = sleep(VISTAZO), if tareas.len() < A_LA_VEZ => {}
                () = parar.cancelled() => {}
            }
        }
        while let Some(terminada) = tareas.join_next().await {
            registrar(terminada);
        }
    }

    /// Lleva uno y anota cómo terminó. Si no se puede anotar, insiste mientras el correo siga siendo suyo.
    async fn llevar(&self, correo: CorreoPendiente) {
        let llevado = timeout(self.plazo, self.cartero.llevar(&correo)).await;
        let fin: Result<Desenlace, _> = llevado.unwrap_or(Err(ErrorEnvio::Servidor("tardó demasiado")));
        let (limite, mut racha) = (Instant::now() + PARA_ANOTAR, Racha::default());
        while let Err(falla) = self.cartero.asentar(&correo, fin).await {
            if Instant::now() + racha.pausa() >= limite {
                error!(id = %correo.id, %falla, "no se pudo anotar cómo terminó un correo: se enviará otra vez");
                return;
            }
            racha.fallo();
            sleep(racha.pausa()).await;
        }
    }
}

fn registrar(terminada: Result<(), tokio::task::JoinError>) {
    if let Err(causa) = terminada {
        error!(%causa, "llevar un correo terminó en pánico");
    }
}
