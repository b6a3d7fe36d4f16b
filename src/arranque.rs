//! El único lugar donde se compone el programa: base de datos, servicios, mediador, rutas y apagado.

use std::net::SocketAddr;
use std::sync::Arc;

use sqlx::postgres::PgConnectOptions;
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::time::timeout_at;
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use crate::api::{self, App};
pub use crate::arranque_mensajes::{Contrato, contratos, descodificar};
use crate::arranque_mensajes::{Fondos, Mensajes, acotar_memoria};
use crate::config::{Base, Bus, Config, ErrorConfig};
use crate::metricas::Recogidas;
use crate::modulos::clientes::{self, EntregaCodigos, Fichas, ServiciosClientes};
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
use crate::seedwork::infraestructura::migraciones::{ErrorMigracion, migrar};
use crate::seedwork::infraestructura::observador::Observador;
use crate::seedwork::infraestructura::postgres_embebido::{Acceso, ErrorPostgres, PostgresEmbebido};
use crate::seedwork::infraestructura::purga::Purga;
use crate::seedwork::infraestructura::unidad_trabajo_pg::UnidadTrabajoPg;
use crate::servicios::Servicios;

/// Conexiones a PostgreSQL para mover mensajes: el reparto y las entregas que se confirman.
const CONEXIONES_MENSAJERIA: usize = 6;

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
    /// Un esquema de los mensajes no es válido.
    #[error(transparent)]
    Esquema(#[from] ErrorAvro),
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
    let Some(app) = parar.run_until_cancelled(componer(config, &opciones, entrega)).await else { return Ok(()) };
    let Compuesto { app, mensajes, purga } = app?;
    tokio::spawn(Recogidas::del_proceso().asentar(parar.clone()));
    let mediador = Arc::clone(&app.mediador);
    let mensajes = tokio::spawn(mensajes.trabajar(parar.clone()));
    let purga = tokio::spawn(purga.correr(parar.clone()));
    anunciar(Anuncio { direccion: escucha.local_addr()?, datos });
    let limite = api::servidor::atender(escucha, api::rutas(app), parar, config.plazo_cierre).await?;
    let cierre = async {
        if let Err(causa) = mensajes.await {
            error!(%causa, "el consumo terminó en pánico");
        }
        if let Err(causa) = purga.await {
            error!(%causa, "la purga terminó en pánico");
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
    app: App,
    mensajes: Mensajes,
    purga: Purga,
}

async fn componer(
    config: &Config,
    opciones: &PgConnectOptions,
    entrega: Box<dyn EntregaCodigos>,
) -> Result<Compuesto, ErrorArranque> {
    acotar_memoria();
    migrar(opciones).await?;
    let fondo = |maximo| Conexiones::nuevas(opciones.clone(), config.plazos_pg, maximo, config.plazo_orden);
    let (escritura, lectura) = (fondo(config.conexiones)?, fondo(config.conexiones_lectura)?);
    let fondos = Fondos {
        conexiones: fondo(CONEXIONES_MENSAJERIA)?,
        latidos: fondo(1)?,
        escritura: escritura.clone(),
        atraso: Atraso::default(),
        aceptaciones: config.ordenes,
    };
    let codigos = clave(&escritura, "codigos-validacion").await?;
    let huellas = Huellas::nuevas(&clave(&escritura, "huellas-solicitud").await?)?;
    let ids = IdsComando::nuevos(&clave(&escritura, "ids-comando").await?)?;
    let aviso = Arc::new(Notify::new());
    let fichas = Fichas::nuevas(escritura.clone(), config.fichas);
    let clientes = ServiciosClientes::nuevos(&codigos, config.vigencia_codigo, entrega, fichas)?;
    let servicios = Servicios { clientes, ids: ids.clone() };
    let fabrica = FabricaPg::nueva(escritura.clone(), lectura.clone(), servicios, Arc::clone(&aviso));
    let mediador = Mediador::nuevo(fabrica, reacciones(), config.plazo_orden);
    let mediador = Arc::new(mediador.con_cupos(config.ordenes, config.consultas));
    match &config.bus {
        Bus::Pulsar(_) => {
            anotar_uso(&escritura).await?;
            fondos.atraso.mirar(&escritura).await?;
        }
        Bus::Local { vaciar: None } => comprobar_vacio(&escritura).await?,
        Bus::Local { vaciar: Some(_) } => {}
    }
    let purga = Purga::nueva(fondos.conexiones.clone(), config.guardar);
    let por_fondo = [("write", &escritura), ("read", &lectura), ("messaging", &fondos.conexiones)];
    let por_fondo = por_fondo.map(|(nombre, fondo)| (nombre, fondo.clone())).to_vec();
    let medidas = Conexiones::nuevas(opciones.clone(), Observador::plazos(config.plazos_pg), 1, config.plazo_orden)?;
    let mensajes = Mensajes::componer(&config.bus, fondos, Arc::clone(&mediador), ids, aviso)?;
    let topicos = contratos()?.into_iter().map(|contrato| contrato.topico.nombre).collect();
    let observador = Arc::new(Observador::nuevo(medidas, por_fondo, topicos));
    let acceso = Arc::new(api::acceso::Acceso::nuevo(&config.modo));
    let (despachador, broker) = (Arc::clone(&mensajes.despachador), mensajes.broker.clone());
    let app = App { mediador, despachador, broker, huellas, lectura, acceso, observador };
    Ok(Compuesto { app, mensajes, purga })
}

/// Las reacciones de todos los módulos.
fn reacciones() -> Reacciones<UnidadTrabajoPg<Servicios>> {
    clientes::reacciones()
}
