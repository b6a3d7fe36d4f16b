//! El único lugar donde se compone el programa: base de datos, servicios, mediador, rutas y apagado.

use std::net::SocketAddr;
use std::sync::Arc;

use sqlx::postgres::PgConnectOptions;
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::api::{self, App};
use crate::config::{Base, Config, ErrorConfig};
use crate::modulos::clientes::{self, EntregaCodigos, ServiciosClientes};
use crate::seedwork::aplicacion::mediador::Mediador;
use crate::seedwork::aplicacion::reacciones::Reacciones;
use crate::seedwork::dominio::repositorios::Falla;
use crate::seedwork::infraestructura::claves::clave;
use crate::seedwork::infraestructura::conexiones::Conexiones;
use crate::seedwork::infraestructura::migraciones::{ErrorMigracion, migrar};
use crate::seedwork::infraestructura::postgres_embebido::{Acceso, ErrorPostgres, PostgresEmbebido};
use crate::seedwork::infraestructura::unidad_trabajo_pg::{FabricaPg, UnidadTrabajoPg};

/// Los servicios que los handlers piden a la unidad de trabajo, de todos los módulos.
pub struct Servicios {
    clientes: ServiciosClientes,
}

impl AsRef<ServiciosClientes> for Servicios {
    fn as_ref(&self) -> &ServiciosClientes {
        &self.clientes
    }
}

/// La fábrica de unidades de trabajo de este programa.
pub type FabricaApp = FabricaPg<Servicios>;

/// Por qué no se pudo arrancar.
#[derive(Debug, Error)]
pub enum ErrorArranque {
    /// Una variable no sirve.
    #[error("configuración: {0}")]
    Config(#[from] ErrorConfig),
    /// No se puede escuchar donde se pidió.
    #[error("no se puede escuchar en {0}")]
    Escucha(SocketAddr, #[source] std::io::Error),
    /// El PostgreSQL embebido no arranca o no se mantiene en pie.
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
/// [`ErrorArranque`]. Si el PostgreSQL embebido deja de funcionar, también para.
pub async fn servir(
    config: Config,
    entrega: Box<dyn EntregaCodigos>,
    anunciar: impl FnOnce(Anuncio),
    parar: CancellationToken,
) -> Result<(), ErrorArranque> {
    let escucha = TcpListener::bind(config.escucha).await;
    let escucha = escucha.map_err(|error| ErrorArranque::Escucha(config.escucha, error))?;
    let direccion = escucha.local_addr()?;
    let (opciones, datos, embebido) = match &config.base {
        Base::Externa(opciones) => (PgConnectOptions::clone(opciones), describir(opciones), None),
        Base::Embebida(carpeta) => {
            let embebido = PostgresEmbebido::arrancar(carpeta, Acceso::Zocalo).await?;
            let datos = format!("{} (PostgreSQL {})", carpeta.display(), embebido.version());
            (embebido.url().parse()?, datos, Some(embebido))
        }
    };
    if let Some(broker) = &config.broker {
        info!(servidor = broker.host_str(), "los eventos esperan en la bandeja de salida: aún no se publican");
    }
    let app = componer(&config, &opciones, entrega).await?;
    anunciar(Anuncio { direccion, datos });
    atender(&config, escucha, app, embebido, parar).await
}

fn describir(opciones: &PgConnectOptions) -> String {
    format!(
        "PostgreSQL en {}:{}, base {}",
        opciones.get_host(),
        opciones.get_port(),
        opciones.get_database().unwrap_or("por defecto")
    )
}

async fn componer(
    config: &Config,
    opciones: &PgConnectOptions,
    entrega: Box<dyn EntregaCodigos>,
) -> Result<App, ErrorArranque> {
    migrar(opciones).await?;
    let conexiones = Conexiones::nuevas(opciones.clone(), config.plazos_pg, config.conexiones, config.plazo_orden)?;
    let codigos = clave(&conexiones, "codigos-validacion").await?;
    let servicios = Servicios { clientes: ServiciosClientes::nuevos(&codigos, entrega)? };
    let fabrica = FabricaPg::nueva(conexiones.clone(), servicios);
    let mediador = Arc::new(Mediador::nuevo(fabrica, reacciones(), config.plazo_orden));
    Ok(App { mediador, conexiones })
}

/// Las reacciones de todos los módulos.
fn reacciones() -> Reacciones<UnidadTrabajoPg<Servicios>> {
    clientes::reacciones()
}

async fn atender(
    config: &Config,
    escucha: TcpListener,
    app: App,
    embebido: Option<PostgresEmbebido>,
    parar: CancellationToken,
) -> Result<(), ErrorArranque> {
    let mediador = Arc::clone(&app.mediador);
    api::servidor::atender(escucha, api::rutas(app), parar, config.plazo_cierre).await;
    if timeout(config.plazo_cierre, mediador.esperar_ordenes()).await.is_err() {
        warn!("quedaron órdenes sin terminar al cerrar; PostgreSQL las deshace");
    }
    if let Some(embebido) = embebido {
        embebido.detener().await?;
    }
    Ok(())
}
