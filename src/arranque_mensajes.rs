//! La composición de lo que trabaja por detrás: consumo, relevo e ingesta, según el bus.

use std::sync::Arc;

use serde_json::Value;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::config::Bus;
use crate::modulos::{clientes, notificaciones, vuelos};
use crate::seedwork::aplicacion::turnos::Cupo;
use crate::seedwork::infraestructura::conexiones::Conexiones;
use crate::seedwork::infraestructura::despacho::avro::ErrorAvro;
use crate::seedwork::infraestructura::mensajeria::bus_local::BusLocal;
use crate::seedwork::infraestructura::mensajeria::cambio_de_bus::{Atraso, Vaciado};
use crate::seedwork::infraestructura::mensajeria::carriles::Carriles;
use crate::seedwork::infraestructura::mensajeria::comandos::Leido;
use crate::seedwork::infraestructura::mensajeria::consumo::Consumo;
use crate::seedwork::infraestructura::mensajeria::despachador::{Despachador, Salida};
use crate::seedwork::infraestructura::mensajeria::enrutador::{
    Enrutador, Rutas, SUSCRIPCION_COMANDOS, SUSCRIPCION_EVENTOS,
};
use crate::seedwork::infraestructura::mensajeria::entregas::Entregas;
use crate::seedwork::infraestructura::mensajeria::ids::IdsComando;
use crate::seedwork::infraestructura::mensajeria::pulsar::acceso::Broker;
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

/// Lo que trabaja por detrás, y la puerta por la que se le encarga.
pub struct Mensajes {
    /// Por donde se aceptan comandos.
    pub despachador: Arc<DespachadorApp>,
    /// Cómo está el bróker, si lo hay.
    pub broker: Option<Pulso>,
    consumo: Consumo<FabricaApp>,
    carriles: Carriles,
    pulsar: PorPulsar,
}

/// Lo que se hace con Pulsar: publicar y recibir, o sólo recibir lo que le quede.
struct PorPulsar {
    salida: Option<(Arc<Publicador>, Relevo)>,
    ingestas: Vec<Ingesta>,
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
    /// Compone el bus que se pide.
    ///
    /// # Errors
    /// [`ErrorAvro`] si algún esquema no es válido.
    pub fn componer(
        bus: &Bus,
        Fondos { conexiones, latidos, escritura, atraso, aceptaciones, con_correo }: Fondos,
        mediador: Arc<MediadorApp>,
        ids: IdsComando,
        aviso: Arc<Notify>,
    ) -> Result<Self, ErrorAvro> {
        let enrutador = Arc::new(Enrutador::nuevo(rutas_con_eventos(con_correo)?)?);
        let carriles = Carriles::nuevos(latidos);
        let por_pulsar = matches!(bus, Bus::Pulsar(_));
        let entregas = Entregas::nuevas(conexiones.clone(), por_pulsar);
        let (llegadas, pulso) = (Arc::new(Notify::new()), Pulso::default());
        let mut mensajes =
            Recepcion { topicos: topicos(&enrutador)?, entregas, llegadas, pulso, conexiones, escritura, carriles };
        let (salida, pulsar, local) = match bus {
            Bus::Pulsar(broker) => mensajes.por_pulsar(broker, atraso, &aviso),
            Bus::Local { vaciar } => mensajes.por_local(vaciar.as_ref(), aviso),
        };
        let Recepcion { entregas, llegadas, pulso, carriles, .. } = mensajes;
        let despachador = Despachador::nuevo(Arc::clone(&enrutador), ids.clone(), salida).con_cupo(aceptaciones);
        let consumo =
            Consumo { ids, enrutador, mediador, bus: local, entregas, carriles: carriles.clone(), aviso: llegadas };
        Ok(Self { despachador: Arc::new(despachador), broker: por_pulsar.then_some(pulso), consumo, carriles, pulsar })
    }

    /// Pone todo a trabajar hasta que se pida parar. Los carriles se sueltan cuando los demás terminaron.
    pub async fn trabajar(self, parar: CancellationToken) {
        let (sin_latir, mut tareas) = (CancellationToken::new(), JoinSet::new());
        let latidos = tokio::spawn(self.carriles.mantener(sin_latir.clone()));
        tareas.spawn(self.consumo.correr(parar.clone()));
        if let Some((publicador, relevo)) = self.pulsar.salida {
            tareas.spawn(publicador.mantener(parar.clone()));
            tareas.spawn(relevo.correr(parar.clone()));
        }
        for ingesta in self.pulsar.ingestas {
            tareas.spawn(ingesta.correr(parar.clone()));
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

/// Con qué se recibe, sea cual sea el bus.
struct Recepcion {
    topicos: Vec<Topico>,
    entregas: Entregas,
    llegadas: Arc<Notify>,
    pulso: Pulso,
    conexiones: Conexiones,
    escritura: Conexiones,
    carriles: Carriles,
}

impl Recepcion {
    fn por_pulsar(
        &self,
        broker: &Broker,
        atraso: Atraso,
        aviso: &Arc<Notify>,
    ) -> (Salida, PorPulsar, Option<BusLocal>) {
        let publicador = Publicador::nuevo(broker.clone(), self.topicos.clone(), self.pulso.parte());
        let relevo = Relevo {
            conexiones: self.conexiones.clone(),
            carriles: self.carriles.clone(),
            publicador: Arc::clone(&publicador),
            atraso: atraso.clone(),
            aviso: Arc::clone(aviso),
        };
        let pulsar =
            PorPulsar { salida: Some((Arc::clone(&publicador), relevo)), ingestas: self.ingestas(broker, None) };
        (Salida::Pulsar(publicador, atraso, self.escritura.clone(), Arc::clone(aviso)), pulsar, None)
    }

    /// El bus local avisa al consumo con el mismo aviso que usa la bandeja de salida.
    fn por_local(&mut self, vaciar: Option<&Broker>, aviso: Arc<Notify>) -> (Salida, PorPulsar, Option<BusLocal>) {
        self.llegadas = Arc::clone(&aviso);
        let nombres = self.topicos.iter().map(|topico| topico.nombre).collect();
        let vaciado = Arc::new(Vaciado::de(self.conexiones.clone(), nombres));
        let ingestas = vaciar.map(|broker| self.ingestas(broker, Some(&vaciado))).unwrap_or_default();
        let bus = BusLocal::nuevo(self.conexiones.clone());
        (Salida::Local(self.escritura.clone(), aviso), PorPulsar { salida: None, ingestas }, Some(bus))
    }

    fn ingestas(&self, broker: &Broker, vaciado: Option<&Arc<Vaciado>>) -> Vec<Ingesta> {
        let ingesta = |topico: &Topico| Ingesta {
            broker: broker.clone(),
            topico: topico.clone(),
            entregas: self.entregas.clone(),
            aviso: Arc::clone(&self.llegadas),
            pulso: self.pulso.parte(),
            vaciado: vaciado.cloned(),
        };
        self.topicos.iter().map(ingesta).collect()
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
