//! Una instancia del servicio sin HTTP, y un comando de juguete que deja ver el orden y las veces.

use std::sync::Arc;
use std::time::Duration;

use aeroalpes::seedwork::aplicacion::contexto::Contexto;
use aeroalpes::seedwork::aplicacion::mediador::Mediador;
use aeroalpes::seedwork::aplicacion::mensajes::{Comando, Handler};
use aeroalpes::seedwork::aplicacion::reacciones::Reacciones;
use aeroalpes::seedwork::aplicacion::rechazo::{Clase, Rechazo};
use aeroalpes::seedwork::dominio::repositorios::Falla;
use aeroalpes::seedwork::infraestructura::mensajeria::bus_local::BusLocal;
use aeroalpes::seedwork::infraestructura::mensajeria::carriles::{Carriles, Trabajo};
use aeroalpes::seedwork::infraestructura::mensajeria::comandos::ComandoIntegracion;
use aeroalpes::seedwork::infraestructura::mensajeria::consumo::Consumo;
use aeroalpes::seedwork::infraestructura::mensajeria::despachador::{Aceptado, Despachador, Salida};
use aeroalpes::seedwork::infraestructura::mensajeria::enrutador::{Enrutador, Rutas};
use aeroalpes::seedwork::infraestructura::mensajeria::entregas::Entregas;
use aeroalpes::seedwork::infraestructura::mensajeria::ids::IdsComando;
use aeroalpes::seedwork::infraestructura::unidad_trabajo_pg::UnidadTrabajoPg;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::sync::Notify;
use tokio::task::{AbortHandle, JoinHandle};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::comun::BaseDePrueba;
use crate::comun::cosas::{self, Bloquea, CosaCambiada, ErrorCosas, Fabrica};

type Udt = UnidadTrabajoPg<()>;

/// Añade un número a la lista de una cosa, y lo cuenta. Un número negativo se rechaza; el 13 siempre falla.
#[derive(Clone, Serialize, Deserialize)]
pub struct Anotar {
    id: Uuid,
    numero: i64,
}

impl Comando for Anotar {
    const NOMBRE: &'static str = "Anotar";
    type Salida = ();
    type Error = ErrorCosas;
}

impl Handler<Udt> for Anotar {
    async fn manejar(self, udt: &mut Udt) -> Result<(), ErrorCosas> {
        if self.numero < 0 {
            return Err(Rechazo::nuevo(Clase::Conflicto, "negativo", "Es negativo").into());
        }
        if self.numero == 13 {
            return Err(Falla::interna("el 13 no se puede").into());
        }
        let (valor, version) = cosas::leer(udt, self.id, Bloquea::Si).await?;
        udt.anotar(cosas::cambio(self.id, valor + 1, version)).await?;
        udt.anotar(cosas::numero(self.id, self.numero)).await?;
        Ok(udt.anotar_evento(CosaCambiada { id: self.id })?)
    }
}

#[derive(Serialize, Deserialize)]
pub struct Carga {
    id: String,
    numero: i64,
}

impl ComandoIntegracion for Anotar {
    const TOPICO: &'static str = "comandos-cosa";
    const REGISTRO: &'static str = "ComandoCosa";
    const MIEMBRO: &'static str = "data";
    type Carga = Carga;

    fn esquema_carga() -> serde_json::Value {
        json!({"type": "record", "name": "Carga", "fields": [{"name": "id", "type": "string"}, {"name": "numero", "type": "long"}]})
    }

    fn carga(&self) -> Carga {
        Carga { id: self.id.to_string(), numero: self.numero }
    }

    fn de_carga(carga: Carga) -> Result<Self, Rechazo> {
        Ok(Self { id: carga.id.parse().unwrap(), numero: carga.numero })
    }

    fn clave(&self) -> Uuid {
        self.id
    }

    fn recurso(&self) -> String {
        format!("/cosas/{}", self.id)
    }
}

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
        let partes = Consumo { ids, enrutador, mediador, entregas, carriles: atiende.clone(), aviso: llegadas };
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
