//! La composición de lo que trabaja por detrás: consumo, relevo e ingesta, según el bus.

use std::sync::Arc;

use serde_json::Value;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::config::{Bus, Rol, Roles};
use crate::modulos::{clientes, notificaciones, vuelos};
use crate::seedwork::aplicacion::turnos::Cupo;
use crate::seedwork::infraestructura::conexiones::Conexiones;
use crate::seedwork::infraestructura::despacho::avro::ErrorAvro;
use crate::seedwork::infraestructura::mensajeria::al_llegar::{AlLlegar, ClavesAlLlegar};
use crate::seedwork::infraestructura::mensajeria::atencion::Atencion;
use crate::seedwork::infraestructura::mensajeria::bus_local::BusLocal;
use crate::seedwork::infraestructura::mensajeria::cambio_de_bus::{Atraso, Vaciado};
use crate::seedwork::infraestructura::mensajeria::carriles::{Carriles, Trabajo};
use crate::seedwork::infraestructura::mensajeria::comandos::Leido;
use crate::seedwork::infraestructura::mensajeria::consumo::Consumo;
use crate::seedwork::infraestructura::mensajeria::despachador::{Despachador, Salida};
use crate::seedwork::infraestructura::mensajeria::enrutador::{
    Enrutador, Provocadores, Rutas, SUSCRIPCION_COMANDOS, SUSCRIPCION_EVENTOS,
};
use crate::seedwork::infraestructura::mensajeria::entregas::Entregas;
use crate::seedwork::infraestructura::mensajeria::ids::IdsComando;
use crate::seedwork::infraestructura::mensajeria::pulsar::ingesta::Ingesta;
use crate::seedwork::infraestructura::mensajeria::pulsar::publicador::Publicador;
use crate::seedwork::infraestructura::mensajeria::pulsar::relevo_bandeja_salida::Relevo;
use crate::seedwork::infraestructura::mensajeria::pulsar::{Pulso, Topico};
use crate::servicios::{DespachadorApp, FabricaApp, MediadorApp};

/// Lo más que puede ocupar en memoria una lista o un texto de un mensaje, en bytes.
const MEMORIA_POR_MENSAJE: usize = 8 * 1024 * 1024;

/// Las conexiones que usan los mensajes: ni las peticiones esperan por ellos, ni los latidos por nadie.
pub struct Fondos {
    /// Para repartir, relevar, recibir y dar por atendido.
    pub conexiones: Conexiones,
    /// Para latir.
    pub latidos: Conexiones,
    /// La de las órdenes, para aceptar comandos.
    pub escritura: Conexiones,
    /// Si quedan comandos de cuando el bus era el local.
    pub atraso: Atraso,
    /// Cuántos comandos se aceptan a la vez, y cuántos esperan turno.
    pub aceptaciones: Cupo,
    /// Si los eventos que causan un correo lo dejan anotado.
    pub con_correo: bool,
}

/// Lo que trabaja por detrás, según los papeles de esta instancia, y la puerta por la que se le encarga.
pub struct Mensajes {
    /// Por donde se aceptan comandos.
    pub despachador: Arc<DespachadorApp>,
    /// Cómo está el bróker, si lo hay.
    pub broker: Option<Pulso>,
    publicador: Option<(Arc<Publicador>, Atraso, Conexiones)>,
    ingestas: Vec<Ingesta<FabricaApp>>,
    consumo: Option<Consumo<FabricaApp>>,
    relevo: Option<Relevador>,
    carriles: Vec<Carriles>,
}

/// Quien saca la bandeja de salida.
enum Relevador {
    Local(BusLocal),
    Pulsar(Relevo),
}

/// Los comandos que llegan por el bus, de todos los módulos, en el orden de los esquemas.
fn rutas() -> Rutas<FabricaApp> {
    vuelos::rutas().y(clientes::rutas())
}

/// También los eventos que provocan algo: los que causan un correo, si hay por dónde enviarlo.
fn rutas_con_eventos(con_correo: bool) -> Result<Rutas<FabricaApp>, ErrorAvro> {
    if !con_correo {
        return Ok(rutas());
    }
    Ok(rutas().y(notificaciones::rutas(clientes::topico_eventos()?, vuelos::topico_eventos()?)))
}

/// Lo que el servicio promete de un tópico.
pub struct Contrato {
    /// El tópico, con su esquema y nuestra suscripción.
    pub topico: Topico,
    /// Los nombres de los mensajes que lleva.
    pub tipos: Vec<&'static str>,
}

/// Los contratos de los cuatro tópicos: es lo que describe `docs/asyncapi.json`.
///
/// # Errors
/// [`ErrorAvro`] si algún esquema no es válido.
pub fn contratos() -> Result<Vec<Contrato>, ErrorAvro> {
    let enrutador = Enrutador::nuevo(rutas())?;
    let eventos = [
        (vuelos::topico_eventos()?.0, vuelos::TIPOS_EVENTOS),
        (clientes::topico_eventos()?.0, clientes::TIPOS_EVENTOS),
    ];
    let tipos = |topico: &str| {
        let de_eventos = eventos.iter().find(|(nombre, _)| *nombre == topico);
        de_eventos.map_or_else(|| enrutador.tipos(topico), |(_, tipos)| tipos.to_vec())
    };
    let con_tipos = |topico: Topico| Contrato { tipos: tipos(topico.nombre), topico };
    Ok(topicos(&enrutador)?.into_iter().map(con_tipos).collect())
}

/// Impide que un mensaje ajeno pida al leerlo más memoria que esta.
pub(crate) fn acotar_memoria() {
    apache_avro::util::max_allocation_bytes(MEMORIA_POR_MENSAJE);
}

/// Lo que dice el dato de un mensaje, o nada si no se deja leer con el esquema de su tópico o no es de ninguno.
///
/// # Errors
/// [`ErrorAvro`] si algún esquema no es válido.
pub fn descodificar(topico: &str, datos: &[u8]) -> Result<Option<Value>, ErrorAvro> {
    acotar_memoria();
    let suyo = contratos()?.into_iter().find(|contrato| contrato.topico.nombre == topico);
    let esquema = suyo.map(|contrato| contrato.topico.esquema.avro);
    Ok(esquema.and_then(|esquema| Leido::de(datos, &esquema, &esquema).ok()?.json()))
}

impl Mensajes {
    /// Compone el bus que se pide, con lo que toca a esos roles.
    ///
    /// # Errors
    /// [`ErrorAvro`] si algún esquema no es válido.
    pub fn componer(
        (bus, roles): (&Bus, Roles),
        fondos: Fondos,
        mediador: Arc<MediadorApp>,
        ids: IdsComando,
        aviso: Arc<Notify>,
    ) -> Result<Self, ErrorAvro> {
        let Fondos { conexiones, latidos, escritura, atraso, aceptaciones, con_correo } = fondos;
        let enrutador = Arc::new(Enrutador::nuevo(rutas_con_eventos(con_correo)?)?);
        let (topicos, pulso, llegadas) = (topicos(&enrutador)?, Pulso::default(), Arc::new(Notify::new()));
        // Con cualquier rol: prepara el bróker antes del primer envío.
        let publicador = match bus {
            Bus::Pulsar(broker) => Some(Publicador::nuevo(broker.clone(), topicos.clone(), pulso.parte())),
            Bus::Local { .. } => None,
        };
        let entregas = Entregas::nuevas(conexiones.clone(), publicador.is_some(), enrutador.provocadores());
        let (mut carriles, mut ingestas) = (Vec::new(), Vec::new());
        let relevo = roles.tiene(Rol::Relevo).then(|| {
            let suyos = Carriles::nuevos(latidos.clone(), Trabajo::Relevar);
            carriles.push(suyos.clone());
            let bandeja = (conexiones.clone(), suyos, Arc::clone(&aviso));
            Relevador::nuevo(publicador.as_ref(), bandeja, (Arc::clone(&llegadas), enrutador.provocadores()))
        });
        let salida = match &publicador {
            Some(publicador) => Salida::Pulsar(Arc::clone(publicador), atraso.clone(), escritura, aviso),
            None => Salida::Local(escritura, aviso),
        };
        let despachador = Despachador::nuevo(Arc::clone(&enrutador), ids.clone(), salida).con_cupo(aceptaciones);
        let consumo = roles.tiene(Rol::Consumidor).then(|| {
            let (atencion, claves) = (Arc::new(Atencion { ids, enrutador, mediador }), ClavesAlLlegar::default());
            let al_llegar = AlLlegar::nuevo(Arc::clone(&atencion), entregas.clone(), claves.clone());
            let recepcion = Recepcion { al_llegar: Arc::new(al_llegar), llegadas: &llegadas, pulso: &pulso };
            ingestas = recepcion.ingestas(bus, topicos, &conexiones);
            let suyos = Carriles::nuevos(latidos, Trabajo::Atender);
            carriles.push(suyos.clone());
            Consumo { atencion, entregas, carriles: suyos, al_llegar: claves, aviso: llegadas }
        });
        let broker = publicador.is_some().then_some(pulso);
        let publicador = publicador.map(|publicador| (publicador, atraso, conexiones));
        Ok(Self { despachador: Arc::new(despachador), broker, publicador, ingestas, consumo, relevo, carriles })
    }

    /// Pone todo a trabajar hasta que se pida parar. Los carriles se sueltan cuando los demás terminaron.
    pub async fn trabajar(self, parar: CancellationToken) {
        let (sin_latir, mut latidos, mut tareas) = (CancellationToken::new(), JoinSet::new(), JoinSet::new());
        for carriles in self.carriles {
            latidos.spawn(carriles.mantener(sin_latir.clone()));
        }
        if let Some((publicador, atraso, conexiones)) = self.publicador {
            tareas.spawn(publicador.mantener(parar.clone()));
            tareas.spawn(atraso.seguir(conexiones, parar.clone()));
        }
        match self.relevo {
            Some(Relevador::Local(bus)) => _ = tareas.spawn(bus.correr(parar.clone())),
            Some(Relevador::Pulsar(relevo)) => _ = tareas.spawn(relevo.correr(parar.clone())),
            None => {}
        }
        if let Some(consumo) = self.consumo {
            tareas.spawn(consumo.correr(parar.clone()));
        }
        for ingesta in self.ingestas {
            tareas.spawn(ingesta.correr(parar.clone()));
        }
        terminar(&mut tareas).await;
        sin_latir.cancel();
        terminar(&mut latidos).await;
    }
}

async fn terminar(tareas: &mut JoinSet<()>) {
    while let Some(terminada) = tareas.join_next().await {
        if let Err(causa) = terminada {
            tracing::error!(%causa, "una tarea de mensajes terminó en pánico");
        }
    }
}

impl Relevador {
    fn nuevo(
        publicador: Option<&Arc<Publicador>>,
        (conexiones, carriles, aviso): (Conexiones, Carriles, Arc<Notify>),
        (llegadas, provocadores): (Arc<Notify>, Provocadores),
    ) -> Self {
        match publicador {
            Some(publicador) => {
                Self::Pulsar(Relevo { conexiones, carriles, publicador: Arc::clone(publicador), aviso })
            }
            None => Self::Local(BusLocal { conexiones, carriles, aviso, llegadas, provocadores }),
        }
    }
}

/// Con qué se recibe de Pulsar.
struct Recepcion<'a> {
    al_llegar: Arc<AlLlegar<FabricaApp>>,
    llegadas: &'a Arc<Notify>,
    pulso: &'a Pulso,
}

impl Recepcion<'_> {
    /// Una por tópico, también con el bus local si se está dejando Pulsar.
    fn ingestas(&self, bus: &Bus, topicos: Vec<Topico>, conexiones: &Conexiones) -> Vec<Ingesta<FabricaApp>> {
        let Some(broker) = bus.broker() else { return Vec::new() };
        let vaciado = matches!(bus, Bus::Local { .. }).then(|| {
            let nombres = topicos.iter().map(|topico| topico.nombre);
            Arc::new(Vaciado::de(conexiones.clone(), nombres))
        });
        let ingesta = |topico| Ingesta {
            broker: broker.clone(),
            topico,
            al_llegar: Arc::clone(&self.al_llegar),
            aviso: Arc::clone(self.llegadas),
            pulso: self.pulso.clone(),
            vaciado: vaciado.clone(),
        };
        topicos.into_iter().map(ingesta).collect()
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
