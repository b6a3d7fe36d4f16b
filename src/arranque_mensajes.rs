//! La composición de lo que trabaja por detrás: consumo, relevo e ingesta, según el bus.

use std::sync::Arc;

use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::modulos::{clientes, vuelos};
use crate::seedwork::infraestructura::conexiones::Conexiones;
use crate::seedwork::infraestructura::despacho::avro::ErrorAvro;
use crate::seedwork::infraestructura::mensajeria::bus_local::BusLocal;
use crate::seedwork::infraestructura::mensajeria::carriles::Carriles;
use crate::seedwork::infraestructura::mensajeria::consumo::Consumo;
use crate::seedwork::infraestructura::mensajeria::despachador::{Despachador, Salida};
use crate::seedwork::infraestructura::mensajeria::enrutador::{
    Enrutador, Rutas, SUSCRIPCION_COMANDOS, SUSCRIPCION_EVENTOS,
};
use crate::seedwork::infraestructura::mensajeria::entregas::Entregas;
use crate::seedwork::infraestructura::mensajeria::ids::IdsComando;
use crate::seedwork::infraestructura::mensajeria::pulsar::ingesta::Ingesta;
use crate::seedwork::infraestructura::mensajeria::pulsar::publicador::Publicador;
use crate::seedwork::infraestructura::mensajeria::pulsar::relevo::Relevo;
use crate::seedwork::infraestructura::mensajeria::pulsar::{Pulso, Topico};
use crate::servicios::{DespachadorApp, FabricaApp, MediadorApp};

/// Lo que trabaja por detrás, y la puerta por la que se le encarga.
pub struct Mensajes {
    /// Por donde se aceptan comandos.
    pub despachador: Arc<DespachadorApp>,
    /// Cómo está el bróker, si lo hay.
    pub broker: Option<Pulso>,
    consumo: Consumo<FabricaApp>,
    carriles: Carriles,
    pulsar: Option<PorPulsar>,
}

struct PorPulsar {
    publicador: Arc<Publicador>,
    relevo: Relevo,
    ingestas: Vec<Ingesta>,
}

/// Los comandos que llegan por el bus, de todos los módulos, en el orden de los esquemas.
fn rutas() -> Rutas<FabricaApp> {
    vuelos::rutas().y(clientes::rutas())
}

impl Mensajes {
    /// Compone el bus: Pulsar si hay bróker; si no, el local.
    ///
    /// # Errors
    /// [`ErrorAvro`] si algún esquema no es válido.
    pub fn componer(
        broker: Option<&Url>,
        conexiones: Conexiones,
        mediador: Arc<MediadorApp>,
        ids: IdsComando,
        aviso: Arc<Notify>,
    ) -> Result<Self, ErrorAvro> {
        let enrutador = Arc::new(Enrutador::nuevo(rutas())?);
        let carriles = Carriles::nuevos(conexiones.clone());
        let entregas = Entregas::nuevas(conexiones.clone(), broker.is_some());
        let llegadas = Arc::new(Notify::new());
        let pulsar = broker.map(|url| {
            let por_pulsar =
                PorPulsar::componer(url, &enrutador, &conexiones, &carriles, &entregas, &aviso, &llegadas)?;
            Ok::<_, ErrorAvro>(por_pulsar)
        });
        let pulsar = pulsar.transpose()?;
        let (salida, bus, aviso, broker) = if let Some((por_pulsar, pulso)) = &pulsar {
            (Salida::Pulsar(Arc::clone(&por_pulsar.publicador)), None, llegadas, Some(pulso.clone()))
        } else {
            let salida = Salida::Local(conexiones.clone(), Arc::clone(&aviso));
            (salida, Some(BusLocal::nuevo(conexiones)), aviso, None)
        };
        let despachador = Arc::new(Despachador::nuevo(Arc::clone(&enrutador), ids, salida));
        let consumo = Consumo { enrutador, mediador, bus, entregas, carriles: carriles.clone(), aviso };
        Ok(Self { despachador, broker, consumo, carriles, pulsar: pulsar.map(|(por_pulsar, _)| por_pulsar) })
    }

    /// Pone todo a trabajar hasta que se pida parar. Los carriles se sueltan cuando los demás terminaron.
    pub async fn trabajar(self, parar: CancellationToken) {
        let (sin_latir, mut tareas) = (CancellationToken::new(), JoinSet::new());
        let latidos = tokio::spawn(self.carriles.mantener(sin_latir.clone()));
        tareas.spawn(self.consumo.correr(parar.clone()));
        if let Some(PorPulsar { publicador, relevo, ingestas }) = self.pulsar {
            tareas.spawn(publicador.mantener(parar.clone()));
            tareas.spawn(relevo.correr(parar.clone()));
            for ingesta in ingestas {
                tareas.spawn(ingesta.correr(parar.clone()));
            }
        }
        while let Some(terminada) = tareas.join_next().await {
            if let Err(causa) = terminada {
                tracing::error!(%causa, "una tarea de mensajes terminó en pánico");
            }
        }
        sin_latir.cancel();
        if let Err(causa) = latidos.await {
            tracing::error!(%causa, "los latidos terminaron en pánico");
        }
    }
}

impl PorPulsar {
    fn componer(
        url: &Url,
        enrutador: &Enrutador<FabricaApp>,
        conexiones: &Conexiones,
        carriles: &Carriles,
        entregas: &Entregas,
        aviso: &Arc<Notify>,
        llegadas: &Arc<Notify>,
    ) -> Result<(Self, Pulso), ErrorAvro> {
        let (topicos, pulso) = (topicos(enrutador)?, Pulso::default());
        let ingesta = |topico: &Topico| Ingesta {
            url: url.clone(),
            topico: topico.clone(),
            entregas: entregas.clone(),
            aviso: Arc::clone(llegadas),
            pulso: pulso.clone(),
        };
        let ingestas = topicos.iter().map(ingesta).collect();
        let publicador = Publicador::nuevo(url.clone(), topicos, pulso.clone());
        let relevo = Relevo {
            conexiones: conexiones.clone(),
            carriles: carriles.clone(),
            publicador: Arc::clone(&publicador),
            aviso: Arc::clone(aviso),
        };
        Ok((Self { publicador, relevo, ingestas }, pulso))
    }
}

/// Los cuatro tópicos del servicio.
fn topicos(enrutador: &Enrutador<FabricaApp>) -> Result<Vec<Topico>, ErrorAvro> {
    let de_comandos = enrutador.topicos().map(|(nombre, esquema)| Topico {
        nombre,
        esquema: esquema.clone(),
        suscripcion: SUSCRIPCION_COMANDOS,
    });
    let eventos = [vuelos::topico_eventos()?, clientes::topico_eventos()?];
    let de_eventos = eventos.map(|(nombre, esquema)| Topico { nombre, esquema, suscripcion: SUSCRIPCION_EVENTOS });
    Ok(de_comandos.chain(de_eventos).collect())
}
