//! La conexión de administración: esperar a que el servidor acepte y asegurar rol y base.

use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use sqlx::error::DatabaseError;
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection};
use tokio::time::{Instant, sleep, timeout_at};

use super::errores::ErrorPostgres;

/// Rol que crea `initdb`.
pub(super) const SUPERUSUARIO: &str = "postgres";
/// Nombre del rol del servicio y de su base.
pub(super) const SERVICIO: &str = "aeroalpes";

const LIMITE: Duration = Duration::from_mins(1);
const PAUSA_MINIMA: Duration = Duration::from_millis(5);
const PAUSA_MAXIMA: Duration = Duration::from_millis(100);
const ARRANCANDO: &str = "57P03";

/// Cómo se conecta el superusuario por el zócalo.
pub(super) fn de_superusuario(zocalo: &Path, puerto: u16, clave: &str) -> PgConnectOptions {
    PgConnectOptions::new_without_pgpass()
        .socket(zocalo)
        .port(puerto)
        .username(SUPERUSUARIO)
        .password(clave)
        .database(SUPERUSUARIO)
        .ssl_mode(PgSslMode::Disable)
        .disable_statement_logging()
}

/// Espera a que el servidor acepte y se conecta. El límite es de 60 s sin noticias: mientras
/// conteste que está arrancando (una recuperación puede ser larga) se sigue esperando.
pub(super) async fn esperar(opciones: &PgConnectOptions) -> Result<PgConnection, ErrorPostgres> {
    let mut limite = Instant::now() + LIMITE;
    let mut pausa = PAUSA_MINIMA;
    loop {
        match timeout_at(limite, opciones.connect()).await {
            Ok(Ok(conexion)) => return Ok(conexion),
            Ok(Err(e)) if esta_arrancando(&e) => limite = Instant::now() + LIMITE,
            Ok(Err(e)) if !aun_no_escucha(&e) => return Err(e.into()),
            Ok(Err(_)) if Instant::now() < limite => {}
            Ok(Err(_)) | Err(_) => return Err(ErrorPostgres::SinRespuesta(LIMITE.as_secs())),
        }
        sleep(pausa).await;
        // Crece poco: así se nota que ya acepta con un cuarto de retraso como mucho.
        pausa = (pausa * 5 / 4).min(PAUSA_MAXIMA);
    }
}

fn esta_arrancando(error: &sqlx::Error) -> bool {
    let de_la_base = error.as_database_error();
    de_la_base.and_then(DatabaseError::code).is_some_and(|codigo| codigo == ARRANCANDO)
}

fn aun_no_escucha(error: &sqlx::Error) -> bool {
    use ErrorKind::{BrokenPipe, ConnectionRefused, ConnectionReset, NotFound, UnexpectedEof};
    let sqlx::Error::Io(e) = error else { return false };
    matches!(e.kind(), NotFound | ConnectionRefused | ConnectionReset | UnexpectedEof | BrokenPipe)
}

/// Crea el rol y la base del servicio si faltan, y cierra la conexión. El rol no es superusuario.
pub(super) async fn asegurar_base(mut conexion: PgConnection, clave: &str) -> Result<(), ErrorPostgres> {
    let rol = "select exists (select from pg_roles where rolname = $1)";
    if !existe(&mut conexion, rol).await? {
        // La contraseña es hexadecimal: no necesita escaparse.
        let crear = format!("create role {SERVICIO} login createdb password '{clave}'");
        sqlx::raw_sql(AssertSqlSafe(crear)).execute(&mut conexion).await?;
    }
    let base = "select exists (select from pg_database where datname = $1)";
    if !existe(&mut conexion, base).await? {
        let crear = format!("create database {SERVICIO} owner {SERVICIO}");
        sqlx::raw_sql(AssertSqlSafe(crear)).execute(&mut conexion).await?;
    }
    Ok(conexion.close().await?)
}

async fn existe(conexion: &mut PgConnection, consulta: &'static str) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar(consulta).bind(SERVICIO).fetch_one(conexion).await
}
