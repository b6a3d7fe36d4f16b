//! Recibir un tópico de Pulsar: de él entero o, si las tiene, de cada una de sus particiones.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use super::acceso::Broker;
use super::conexion::{Uso, conectar};
use super::particiones::asegurar;
use super::recepcion::Recepcion;
use super::{ErrorPulsar, Parte, Pulso, Topico};
use crate::seedwork::aplicacion::unidad_trabajo::Fabrica;
use crate::seedwork::infraestructura::mensajeria::al_llegar::AlLlegar;
use crate::seedwork::infraestructura::mensajeria::cambio_de_bus::{Fuente, Vaciado};
use crate::seedwork::infraestructura::mensajeria::racha::Racha;

/// Cada cuánto se mira si a un tópico le añadieron particiones.
const VIGILIA: Duration = Duration::from_secs(30);

/// Recibe un tópico: entero, o cada partición con un consumidor y una conexión propios, que se rehacen por separado. El
/// consumidor de varias particiones que da el cliente no dice cuándo se queda sin una.
pub struct Ingesta<F: Fabrica> {
    /// Cómo se llega al bróker.
    pub broker: Broker,
    /// Qué se recibe.
    pub topico: Topico,
    /// Quién atiende lo que puede atenderse sin guardarlo, y dónde se guarda lo demás.
    pub al_llegar: Arc<AlLlegar<F>>,
    /// Avisa a quien lo atiende.
    pub aviso: Arc<Notify>,
    /// Dónde se anota cómo está el bróker.
    pub pulso: Pulso,
    /// A quién se le dice que no queda nada, si se está dejando Pulsar.
    pub vaciado: Option<Arc<Vaciado>>,
}

/// Vuelve si una recepción entra en pánico: lo dice en el acto, y deja dicho que Pulsar no se está recibiendo entero.
async fn vigilar(tareas: &mut JoinSet<()>, parte: &Parte) {
    while let Some(terminada) = tareas.join_next().await {
        if let Err(causa) = terminada {
            error!(%causa, "una recepción terminó en pánico");
            parte.anotar(false);
            return;
        }
    }
    pending::<()>().await;
}

impl<F: Fabrica> Ingesta<F> {
    /// Recibe hasta que se pida parar, también de las particiones que se añadan mientras tanto.
    pub async fn correr(self, parar: CancellationToken) {
        let (parte, mut racha, mut tareas) = (self.pulso.parte(), Racha::default(), JoinSet::new());
        let (ingesta, mut vistas, mut caida) = (Arc::new(self), 0, false);
        loop {
            let Some(contadas) = parar.run_until_cancelled(ingesta.contar()).await else { break };
            let pausa = match contadas {
                Ok(hay) => {
                    racha.bien();
                    for fuente in ingesta.nuevas(vistas, hay) {
                        let recepcion = Recepcion::de(&ingesta, fuente);
                        tareas.spawn(recepcion.correr(parar.clone()));
                    }
                    parte.anotar(!caida);
                    if hay == 0 {
                        // Un tópico sin particiones nunca las tendrá.
                        tokio::select! { () = parar.cancelled() => {} () = vigilar(&mut tareas, &parte) => {} }
                        break;
                    }
                    vistas = hay;
                    VIGILIA
                }
                Err(error) => {
                    if racha.fallo() && vistas == 0 {
                        warn!(topico = ingesta.topico.nombre, %error, "el consumidor espera a Pulsar");
                    }
                    racha.pausa()
                }
            };
            tokio::select! {
                () = sleep(pausa) => {}
                () = parar.cancelled() => {}
                () = vigilar(&mut tareas, &parte) => caida = true,
            }
        }
        parar.cancelled().await;
        while let Some(terminada) = tareas.join_next().await {
            if let Err(causa) = terminada {
                error!(%causa, "una recepción terminó en pánico");
            }
        }
    }

    async fn contar(&self) -> Result<u32, ErrorPulsar> {
        let cliente = conectar(&self.broker, Uso::Recibir).await?;
        asegurar(&cliente, &self.broker, self.topico.nombre).await
    }

    /// De dónde hay que empezar a recibir, si había `vistas` particiones y ahora `hay` tantas.
    fn nuevas(&self, vistas: u32, hay: u32) -> Vec<Fuente> {
        let topico = self.topico.nombre;
        let nuevas: Vec<_> = match hay {
            0 => vec![Fuente { topico, particion: None }],
            hay => (vistas..hay).map(|numero| Fuente { topico, particion: Some(numero) }).collect(),
        };
        if let Some(vaciado) = self.vaciado.as_ref().filter(|_| !nuevas.is_empty()) {
            vaciado.son(topico, &nuevas);
        }
        nuevas
    }
}
