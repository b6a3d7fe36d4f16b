//! Las migraciones de `migrations/`, dentro del programa.

use std::time::Duration;

use serde::Serialize;
use sqlx::migrate::Migrator;
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection, query_as};
use thiserror::Error;
use tokio::time::timeout;

use super::certificados::ErrorCertificado;
use super::conexiones::Conexiones;
use crate::seedwork::dominio::repositorios::Falla;

static MIGRACIONES: Migrator = sqlx::migrate!();

/// Lo más que se espera a conectar.
const CONEXION: Duration = Duration::from_secs(10);
/// Lo más que se espera a que otra instancia termine de migrar, o a que alguien suelte una tabla.
const TURNO: Duration = Duration::from_mins(1);

/// Por qué no se pudo poner el esquema al día.
#[derive(Debug, Error)]
pub enum ErrorMigracion {
    /// No hay contacto con la base de datos.
    #[error("no se pudo conectar con la base de datos")]
    Conexion(#[source] sqlx::Error),
    /// Se pidió TLS y el servidor no es de fiar.
    #[error("no se puede hablar por TLS con la base de datos: {0} (sslmode y sslrootcert, en DATABASE_URL)")]
    Certificado(ErrorCertificado),
    /// Se pidió TLS y el servidor no sabe.
    #[error("no se puede hablar por TLS con la base de datos: el servidor no habla TLS")]
    SinTls,
    /// Una migración falló o el esquema no es el que este programa conoce.
    #[error("no se pudo poner al día el esquema de la base de datos")]
    Migracion(#[from] sqlx::migrate::MigrateError),
    /// El servidor no contesta.
    #[error("la base de datos no contesta en {} s", CONEXION.as_secs())]
    SinRespuesta,
}

impl From<sqlx::Error> for ErrorMigracion {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Io(_) | sqlx::Error::Tls(_) => match ErrorCertificado::en(&error) {
                Some(certificado) => Self::Certificado(certificado),
                None if error.to_string().contains("server does not support TLS") => Self::SinTls,
                None => Self::Conexion(error),
            },
            _ => Self::Conexion(error),
        }
    }
}

/// Pone el esquema al día. Varias instancias pueden llamarla a la vez: se turnan.
///
/// # Errors
/// [`ErrorMigracion`]; cada migración se aplica entera o no se aplica.
pub async fn migrar(opciones: &PgConnectOptions) -> Result<(), ErrorMigracion> {
    // Sólo se acota la espera: una migración larga tarda lo que tarde.
    let opciones = opciones.clone().options([("lock_timeout", TURNO.as_millis().to_string())]);
    let conexion = timeout(CONEXION, PgConnection::connect_with(&opciones)).await;
    let mut conexion = conexion.map_err(|_| ErrorMigracion::SinRespuesta)??;
    // Una instancia vieja arranca también sobre un esquema más nuevo: las migraciones sólo añaden.
    let mut migraciones = Migrator { migrations: MIGRACIONES.migrations.clone(), ..Migrator::DEFAULT };
    migraciones.set_ignore_missing(true);
    migraciones.run(&mut conexion).await?;
    Ok(conexion.close().await?)
}

/// Qué migraciones tiene un esquema.
#[derive(Debug, Default, Serialize)]
pub struct Esquema {
    /// Cuántas de las que este programa conoce están aplicadas.
    pub aplicadas: usize,
    /// Cuántas conoce este programa.
    pub conocidas: usize,
    /// La última aplicada, aunque este programa no la conozca.
    pub ultima: Option<String>,
}

impl Esquema {
    /// Si este programa puede trabajar con él.
    pub const fn al_dia(&self) -> bool {
        self.aplicadas == self.conocidas
    }
}

/// Qué migraciones están aplicadas. No aplica ninguna.
///
/// # Errors
/// Las de la base de datos.
pub async fn esquema(conexiones: &Conexiones) -> Result<Esquema, Falla> {
    let conocidas: Vec<i64> = MIGRACIONES.iter().map(|migracion| migracion.version).collect();
    let vacio = Esquema { conocidas: conocidas.len(), ..Esquema::default() };
    let hay: Vec<(bool,)> = conexiones.leer(query_as("SELECT to_regclass('_sqlx_migrations') IS NOT NULL")).await?;
    if hay != [(true,)] {
        return Ok(vacio);
    }
    let sql = "SELECT version, description FROM _sqlx_migrations WHERE success ORDER BY version";
    let aplicadas: Vec<(i64, String)> = conexiones.leer(query_as(sql)).await?;
    let ultima = aplicadas.last().map(|(version, nombre)| format!("{version:04} {nombre}"));
    let aplicadas = aplicadas.iter().filter(|(version, _)| conocidas.contains(version)).count();
    Ok(Esquema { aplicadas, ultima, ..vacio })
}
