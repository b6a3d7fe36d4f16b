//! Una instancia del servicio sin HTTP.

use std::sync::Arc;
use std::time::Duration;

use aeroalpes::seedwork::aplicacion::contexto::Contexto;
use aeroalpes::seedwork::aplicacion::mediador::Mediador;
use aeroalpes::seedwork::aplicacion::reacciones::Reacciones;
use aeroalpes::seedwork::infraestructura::mensajeria::al_llegar::ClavesAlLlegar;
use aeroalpes::seedwork::infraestructura::mensajeria::atencion::Atencion;
use aeroalpes::seedwork::infraestructura::mensajeria::bus_local::BusLocal;
use aeroalpes::seedwork::infraestructura::mensajeria::carriles::{Carriles, Trabajo};
use aeroalpes::seedwork::infraestructura::mensajeria::consumo::Consumo;
use aeroalpes::seedwork::infraestructura::mensajeria::despachador::{Aceptado, Despachador, Salida};
use aeroalpes::seedwork::infraestructura::mensajeria::enrutador::{Enrutador, Rutas};
use aeroalpes::seedwork::infraestructura::mensajeria::entregas::Entregas;
use aeroalpes::seedwork::infraestructura::mensajeria::ids::IdsComando;
use tokio::sync::Notify;
use tokio::task::{AbortHandle, JoinHandle};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::comun::BaseDePrueba;
use crate::comun::anotar::Anotar;
use crate::comun::cosas::Fabrica;

/// Detiene los latidos si la tarea se aborta: como en una muerte súbita, nadie late.
struct AbortaAlSalir(AbortHandle);

impl Drop for AbortaAlSalir {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Una instancia del servicio, sin HTTP.
pub struct Instancia {
    despachador: Despachador<Fabrica>,
    parar: CancellationToken,
    tarea: Option<JoinHandle<()>>,
}

impl Instancia {
    pub async fn sobre(base: &BaseDePrueba, consume: bool) -> Self {
        let (conexiones, aviso) = (base.conexiones(6), Arc::new(Notify::new()));
        let clave = aeroalpes::seedwork::infraestructura::claves::clave(&conexiones, "ids").await.unwrap();
        let ids = IdsComando::nuevos(&clave).unwrap();
        let enrutador = Arc::new(Enrutador::nuevo(Rutas::default().ruta::<Anotar>()).unwrap());
        let fabrica = Fabrica::nueva(base.conexiones(6), base.conexiones(2), (), Arc::clone(&aviso));
        let mediador = Arc::new(Mediador::nuevo(fabrica, Reacciones::default(), Duration::from_secs(20)));
        let salida = Salida::Local(conexiones.clone(), Arc::clone(&aviso));
        let despachador = Despachador::nuevo(Arc::clone(&enrutador), ids.clone(), salida);
        let (parar, llegadas) = (CancellationToken::new(), Arc::new(Notify::new()));
        let entregas = Entregas::nuevas(conexiones.clone(), false, enrutador.provocadores());
        let [atiende, releva] =
            [Trabajo::Atender, Trabajo::Relevar].map(|trabajo| Carriles::nuevos(conexiones.clone(), trabajo));
        let (carriles, avisada) = (releva.clone(), Arc::clone(&llegadas));
        let bus = BusLocal { conexiones, carriles, aviso, llegadas: avisada, provocadores: enrutador.provocadores() };
        let (atencion, al_llegar) = (Arc::new(Atencion { ids, enrutador, mediador }), ClavesAlLlegar::default());
        let partes = Consumo { atencion, entregas, carriles: atiende.clone(), al_llegar, aviso: llegadas };
        let tarea = consume.then(|| {
            let latidos = [atiende, releva].map(|carriles| tokio::spawn(carriles.mantener(parar.clone())));
            let trabajo = (partes.correr(parar.clone()), bus.correr(parar.clone()));
            tokio::spawn(async move {
                let _al_salir = latidos.each_ref().map(|latido| AbortaAlSalir(latido.abort_handle()));
                tokio::join!(trabajo.0, trabajo.1);
                for latido in latidos {
                    latido.await.unwrap();
                }
            })
        });
        Self { despachador, parar, tarea }
    }

    pub async fn despachar(&self, id: Uuid, numero: i64) -> Aceptado {
        let contexto = Contexto::nuevo("correlación".into(), "traza".into());
        self.despachador.despachar(contexto, &Anotar { id, numero }).await.unwrap()
    }

    /// La mata sin avisar: ni termina lo que hacía ni suelta nada.
    pub fn matar(self) {
        self.tarea.as_ref().unwrap().abort();
        self.parar.cancel();
    }

    pub async fn parar(self) {
        self.parar.cancel();
        self.tarea.unwrap().await.unwrap();
    }
}
