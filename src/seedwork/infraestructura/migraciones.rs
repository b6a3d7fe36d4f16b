//! Las migraciones de `migrations/`, dentro del programa.

use std::time::Duration;

use sqlx::migrate::Migrator;
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection};
use thiserror::Error;
use tokio::time::timeout;

static MIGRACIONES: Migrator = sqlx::migrate!();

/// Lo más que se espera a que otra instancia termine de migrar.
const PLAZO: Duration = Duration::from_mins(1);

/// Por qué no se pudo poner el esquema al día.
#[derive(Debug, Error)]
pub enum ErrorMigracion {
    /// No hay contacto con la base de datos.
    #[error("no se pudo conectar con la base de datos")]
    Conexion(#[from] sqlx::Error),
    /// Una migración falló o el esquema no es el que este programa conoce.
    #[error("no se pudo poner al día el esquema de la base de datos")]
    Migracion(#[from] sqlx::migrate::MigrateError),
    /// Otra instancia tiene el turno desde hace demasiado.
    #[error("otra instancia lleva más de {} s migrando la base de datos", PLAZO.as_secs())]
    Plazo,
}

/// Pone el esquema al día. Varias instancias pueden llamarla a la vez: se turnan.
///
/// # Errors
/// [`ErrorMigracion`]; cada migración se aplica entera o no se aplica.
pub async fn migrar(opciones: &PgConnectOptions) -> Result<(), ErrorMigracion> {
    let mut conexion = PgConnection::connect_with(opciones).await?;
    // Una instancia vieja arranca también sobre un esquema más nuevo: las migraciones sólo añaden.
    let mut migraciones = Migrator { migrations: MIGRACIONES.migrations.clone(), ..Migrator::DEFAULT };
    migraciones.set_ignore_missing(true);
    timeout(PLAZO, migraciones.run(&mut conexion)).await.map_err(|_| ErrorMigracion::Plazo)??;
    Ok(conexion.close().await?)
}
