//! El único lugar donde se compone el programa: base de datos, servicios, mediador, rutas y apagado.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use sqlx::postgres::PgConnectOptions;
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::time::timeout_at;
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use crate::api::en_vivo::EnVivo;
use crate::api::{self, App};
pub use crate::arranque_mensajes::{Contrato, contratos, descodificar};
use crate::arranque_mensajes::{Fondos, Mensajes, acotar_memoria};
use crate::config::{Base, Bus, Config, ErrorConfig, Rol, Roles};
use crate::metricas::Recogidas;
use crate::modulos::clientes::{self, EntregaCodigos, EntregaPorEvento, Fichas, ServiciosClientes};
use crate::modulos::notificaciones::{ErrorSmtp, Reparto};
use crate::modulos::vuelos;
use crate::seedwork::aplicacion::mediador::Mediador;
use crate::seedwork::aplicacion::reacciones::Reacciones;
use crate::seedwork::dominio::repositorios::Falla;
use crate::seedwork::infraestructura::claves::clave;
use crate::seedwork::infraestructura::conexiones::Conexiones;
use crate::seedwork::infraestructura::despacho::avro::ErrorAvro;
use crate::seedwork::infraestructura::fabrica_pg::FabricaPg;
use crate::seedwork::infraestructura::idempotencia::Huellas;
use crate::seedwork::infraestructura::mensajeria::cambio_de_bus::{
    Atraso, ErrorCambioDeBus, anotar_uso, comprobar_vacio,
};
use crate::seedwork::infraestructura::mensajeria::ids::IdsComando;
use crate::seedwork::infraestructura::mensajeria::mirador::Mirador;
use crate::seedwork::infraestructura::mensajeria::pulsar::particiones::{self, ErrorParticiones};
use crate::seedwork::infraestructura::mensajeria::seguidor::Seguidor;
use crate::seedwork::infraestructura::mensajeria::sucesos::Sucesos;
use crate::seedwork::infraestructura::migraciones::{ErrorMigracion, migrar};
use crate::seedwork::infraestructura::observador::Observador;
use crate::seedwork::infraestructura::postgres_embebido::{Acceso, ErrorPostgres, PostgresEmbebido};
use crate::seedwork::infraestructura::purga::Purga;
use crate::seedwork::infraestructura::unidad_trabajo_pg::UnidadTrabajoPg;
use crate::servicios::{FabricaApp, MediadorApp, Servicios};

/// Conexiones a PostgreSQL para mover mensajes: el reparto y las entregas que se confirman.
const CONEXIONES_MENSAJERIA: usize = 6;
/// Conexiones a PostgreSQL para latir: una por trabajo, para que ningún latido espere a nadie.
const CONEXIONES_LATIDOS: usize = 2;

/// Por qué no se pudo arrancar.
#[derive(Debug, Error)]
pub enum ErrorArranque {
    /// Una variable no sirve.
    #[error(transparent)]
    Config(#[from] ErrorConfig),
    /// No se puede escuchar donde se pidió.
    #[error("no se puede escuchar en {0}")]
    Escucha(SocketAddr, #[source] std::io::Error),
    /// El PostgreSQL embebido no arranca o no para.
    #[error("el PostgreSQL embebido no funciona")]
    Postgres(#[from] ErrorPostgres),
    /// El esquema no se pudo poner al día.
    #[error(transparent)]
    Migracion(#[from] ErrorMigracion),
    /// La dirección que dio el PostgreSQL embebido no se deja leer.
    #[error("la dirección de la base de datos no sirve")]
    Direccion(#[from] sqlx::Error),
    /// Falló el almacén.
    #[error(transparent)]
    Falla(#[from] Falla),
    /// No se puede usar el bus que se pide.
    #[error(transparent)]
    Bus(#[from] ErrorCambioDeBus),
    /// Un tópico no tiene las particiones que se piden.
    #[error(transparent)]
    Particiones(#[from] ErrorParticiones),
    /// Un esquema de los mensajes no es válido.
    #[error(transparent)]
    Esquema(#[from] ErrorAvro),
    /// El servidor de correo no se puede preparar.
    #[error(transparent)]
    Correo(#[from] ErrorSmtp),
    /// El sistema no deja hacer algo básico.
    #[error(transparent)]
    Sistema(#[from] std::io::Error),
}

/// Lo que se cuenta a quien arranca el servicio.
pub struct Anuncio {
    /// Dónde atiende.
    pub direccion: SocketAddr,
    /// Dónde están los datos.
    pub datos: String,
    /// Qué hace esta instancia.
    pub roles: Roles,
}

/// Sirve hasta que se pida parar; entonces termina lo que aceptó y se apaga en orden.
///
/// # Errors
/// [`ErrorArranque`].
pub async fn servir(
    config: Config,
    entrega: Box<dyn EntregaCodigos>,
    anunciar: impl FnOnce(Anuncio),
    parar: CancellationToken,
) -> Result<(), ErrorArranque> {
    config.modo.comprobar_escucha(config.escucha)?;
    let escucha = TcpListener::bind(config.escucha).await;
    let escucha = escucha.map_err(|error| ErrorArranque::Escucha(config.escucha, error))?;
    let embebido = match &config.base {
        Base::Externa(_) => None,
        Base::Embebida(carpeta) => {
            let arranque = PostgresEmbebido::arrancar(carpeta, Acceso::Zocalo);
            let Some(embebido) = parar.run_until_cancelled(arranque).await else { return Ok(()) };
            Some(embebido?)
        }
    };
    let resultado = atender(&config, escucha, embebido.as_ref(), entrega, anunciar, parar).await;
    if let Some(embebido) = embebido {
        embebido.detener().await?;
    }
    resultado
}

async fn atender(
    config: &Config,
    escucha: TcpListener,
    embebido: Option<&PostgresEmbebido>,
    entrega: Box<dyn EntregaCodigos>,
    anunciar: impl FnOnce(Anuncio),
    parar: CancellationToken,
) -> Result<(), ErrorArranque> {
    let (opciones, datos) = base_de_datos(&config.base, embebido)?;
    let Some(app) = parar.run_until_cancelled(componer(config, &opciones, entrega, &parar)).await else {
        return Ok(());
    };
    let Compuesto { rutas, mediador, mensajes, purga, correo, en_vivo } = app?;
    tokio::spawn(Recogidas::del_proceso().asentar(parar.clone()));
    let mut por_detras = vec![("el consumo", tokio::spawn(mensajes.trabajar(parar.clone())))];
    por_detras.extend(purga.map(|purga| ("la purga", tokio::spawn(purga.correr(parar.clone())))));
    por_detras.extend(correo.map(|correo| ("el reparto de correos", tokio::spawn(correo.correr(parar.clone())))));
    tokio::spawn(en_vivo.reservas.mirar(parar.clone()));
    tokio::spawn(en_vivo.comandos.correr(parar.clone()));
    anunciar(Anuncio { direccion: escucha.local_addr()?, datos, roles: config.roles });
    let limite = api::servidor::atender(escucha, rutas, parar, config.plazo_cierre).await?;
    let cierre = async {
        for (que, tarea) in por_detras {
            if let Err(causa) = tarea.await {
                error!(%causa, "{que} terminó en pánico");
            }
        }
        mediador.esperar_ordenes().await;
    };
    if timeout_at(limite, cierre).await.is_err() {
        warn!("quedaron órdenes sin terminar al cerrar; PostgreSQL las deshace");
    }
    Ok(())
}

/// Cómo conectar, y cómo contarlo.
fn base_de_datos(
    base: &Base,
    embebido: Option<&PostgresEmbebido>,
) -> Result<(PgConnectOptions, String), ErrorArranque> {
    match (base, embebido) {
        (Base::Embebida(carpeta), Some(embebido)) => {
            let datos = format!("{} (PostgreSQL {})", carpeta.display(), embebido.version());
            Ok((embebido.url().parse()?, datos))
        }
        (Base::Externa(opciones), _) => {
            let base = opciones.get_database().unwrap_or("por defecto");
            let datos = format!("PostgreSQL en {}:{}, base {base}", opciones.get_host(), opciones.get_port());
            Ok((PgConnectOptions::clone(opciones), datos))
        }
        (Base::Embebida(_), None) => Err(Falla::interna("el PostgreSQL embebido no se arrancó").into()),
    }
}

/// El programa compuesto: lo que atiende HTTP y lo que trabaja por detrás.
struct Compuesto {
    rutas: Router,
    mediador: Arc<MediadorApp>,
    mensajes: Mensajes,
    purga: Option<Purga>,
    correo: Option<Reparto<FabricaApp>>,
    en_vivo: EnVivo,
}

async fn componer(
    config: &Config,
    opciones: &PgConnectOptions,
    entrega: Box<dyn EntregaCodigos>,
    parar: &CancellationToken,
) -> Result<Compuesto, ErrorArranque> {
    acotar_memoria();
    migrar(opciones).await?;
    let fondo = |maximo| Conexiones::nuevas(opciones.clone(), config.plazos_pg, maximo, config.plazo_orden);
    let (escritura, lectura) = (fondo(config.conexiones)?, fondo(config.conexiones_lectura)?);
    let fondos = Fondos {
        conexiones: fondo(CONEXIONES_MENSAJERIA)?,
        latidos: fondo(CONEXIONES_LATIDOS)?,
        escritura: escritura.clone(),
        atraso: Atraso::default(),
        aceptaciones: config.aceptaciones,
        con_correo: config.correo.is_some(),
    };
    let codigos = clave(&escritura, "codigos-validacion").await?;
    let huellas = Huellas::nuevas(&clave(&escritura, "huellas-solicitud").await?)?;
    let ids = IdsComando::nuevos(&clave(&escritura, "ids-comando").await?)?;
    let aviso = Arc::new(Notify::new());
    let fichas = Fichas::nuevas(escritura.clone(), config.fichas);
    // Con correo, el código sale sólo por él: la consola es la entrega de quien no lo tiene.
    let entrega = if config.correo.is_some() { Box::new(EntregaPorEvento) } else { entrega };
    let clientes = ServiciosClientes::nuevos(&codigos, config.vigencia_codigo, entrega, fichas)?;
    let servicios = Servicios { clientes, ids: ids.clone() };
    let fabrica = FabricaPg::nueva(escritura.clone(), lectura.clone(), servicios, Arc::clone(&aviso));
    let mediador = Mediador::nuevo(fabrica, reacciones(), config.plazo_orden);
    let mediador = Arc::new(mediador.con_cupos(config.ordenes, config.consultas));
    if let Some(broker) = config.bus.broker() {
        let topicos: Vec<_> = contratos()?.into_iter().map(|contrato| contrato.topico).collect();
        particiones::comprobar(broker, &topicos).await?;
    }
    match &config.bus {
        Bus::Pulsar(_) => {
            anotar_uso(&escritura).await?;
            fondos.atraso.mirar(&escritura).await?;
        }
        Bus::Local { vaciar: None } => comprobar_vacio(&escritura).await?,
        Bus::Local { vaciar: Some(_) } => {}
    }
    let roles = config.roles;
    let en_vivo = en_vivo(config, &lectura, &ids, parar);
    let observador = observador(config, opciones, [&escritura, &lectura, &fondos.conexiones])?;
    let purga = roles.tiene(Rol::Relevo).then(|| Purga::nueva(fondos.conexiones.clone(), config.guardar));
    let smtp = config.correo.clone().filter(|_| roles.tiene(Rol::Relevo));
    let correo = smtp.map(|smtp| Reparto::nuevo(fondos.conexiones.clone(), Arc::clone(&mediador), smtp)).transpose()?;
    let mensajes = Mensajes::componer((&config.bus, roles), fondos, Arc::clone(&mediador), ids, aviso)?;
    let app = App {
        mediador: Arc::clone(&mediador),
        despachador: Arc::clone(&mensajes.despachador),
        broker: mensajes.broker.clone(),
        huellas,
        lectura,
        en_vivo: en_vivo.clone(),
        acceso: Arc::new(api::acceso::Acceso::nuevo(&config.modo)),
        observador: Arc::new(observador),
    };
    let rutas = if roles.tiene(Rol::Api) { api::rutas(app) } else { api::rutas_de_salud(app) };
    Ok(Compuesto { rutas, mediador, mensajes, purga, correo, en_vivo })
}

/// Lo que se cuenta según pasa, mientras alguien escuche.
fn en_vivo(config: &Config, lectura: &Conexiones, ids: &IdsComando, parar: &CancellationToken) -> EnVivo {
    let sucesos = Sucesos::nuevos(lectura.clone(), vuelos::TOPICO_EVENTOS, vuelos::leer_evento);
    let seguidor = Seguidor::nuevo(lectura.clone(), ids.clone());
    EnVivo::nuevo(Mirador::nuevo(sucesos), seguidor, config.flujos, parar.clone())
}

/// Lo que se mide al recoger las métricas: los fondos de escritura, de lectura y de mensajes, y lo que guarda la base.
fn observador(
    config: &Config,
    opciones: &PgConnectOptions,
    [escritura, lectura, mensajes]: [&Conexiones; 3],
) -> Result<Observador, ErrorArranque> {
    let fondos = [("write", escritura), ("read", lectura), ("messaging", mensajes)];
    let fondos = fondos.map(|(nombre, fondo)| (nombre, fondo.clone())).to_vec();
    let medidas = Conexiones::nuevas(opciones.clone(), Observador::plazos(config.plazos_pg), 1, config.plazo_orden)?;
    let topicos = contratos()?.into_iter().map(|contrato| contrato.topico.nombre).collect();
    Ok(Observador::nuevo(medidas, fondos, topicos))
}

/// Las reacciones de todos los módulos.
fn reacciones() -> Reacciones<UnidadTrabajoPg<Servicios>> {
    clientes::reacciones()
}
