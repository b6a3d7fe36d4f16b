//! En qué máquina se midió, y con qué versiones de todo.

use std::ffi::OsStr;
use std::process::Command;
use std::thread::available_parallelism;
use std::{fmt, fs};

use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::Fallo;
use crate::mundo::Mundo;
use crate::wrk::programa;

/// La máquina y las versiones.
#[derive(Debug, Serialize)]
pub struct Maquina {
    pub procesador: String,
    pub nucleos: usize,
    pub memoria_gib: f64,
    pub sistema: String,
    pub postgresql: String,
    pub pulsar: String,
    pub rustc: String,
    pub wrk: String,
    pub fecha: String,
    /// El cambio que se midió; con `+` si además había otros sin guardar.
    pub version: String,
}

impl fmt::Display for Maquina {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { procesador, nucleos, memoria_gib, sistema, postgresql, pulsar, .. } = self;
        write!(
            f,
            "{procesador}, {nucleos} núcleos, {memoria_gib} GiB, {sistema}, PostgreSQL {postgresql}, Pulsar {pulsar}"
        )
    }
}

impl Maquina {
    pub async fn mirar(mundo: &Mundo) -> Result<Self, Fallo> {
        let postgresql: String =
            sqlx::query_scalar("SHOW server_version").fetch_one(&mut mundo.conectar().await?).await?;
        let pulsar = format!("http://127.0.0.1:{}/admin/v2/brokers/version", mundo.pulsar.admin);
        let pulsar = mundo.cliente.get(pulsar).send().await?.text().await?;
        let sin_guardar = !decir("git".as_ref(), &["status", "--porcelain"]).is_empty();
        Ok(Self {
            procesador: campo("/proc/cpuinfo", "model name").unwrap_or_else(|| std::env::consts::ARCH.to_owned()),
            nucleos: available_parallelism()?.get(),
            memoria_gib: memoria().ok_or("/proc/meminfo no dice MemTotal")?,
            sistema: format!("Linux {}", fs::read_to_string("/proc/sys/kernel/osrelease")?.trim()),
            postgresql,
            pulsar,
            rustc: decir("rustc".as_ref(), &["--version"]),
            // Lo dice con la ayuda, que es un error.
            wrk: decir(&programa("AEROALPES_WRK", "wrk"), &["--version"]).lines().next().unwrap_or_default().to_owned(),
            fecha: OffsetDateTime::now_utc().format(&Rfc3339)?,
            version: decir("git".as_ref(), &["rev-parse", "--short=12", "HEAD"]) + if sin_guardar { "+" } else { "" },
        })
    }
}

/// Lo que hay detrás de los dos puntos en la primera línea que empieza así.
fn campo(ruta: &str, nombre: &str) -> Option<String> {
    let texto = fs::read_to_string(ruta).ok()?;
    let linea = texto.lines().find(|linea| linea.starts_with(nombre))?;
    Some(linea.split_once(':')?.1.trim().to_owned())
}

fn memoria() -> Option<f64> {
    let kib: f64 = campo("/proc/meminfo", "MemTotal")?.strip_suffix(" kB")?.trim().parse().ok()?;
    Some((kib / 1024.0 / 1024.0 * 10.0).round() / 10.0)
}

/// Lo que escribe un programa en la raíz del proyecto; nada, si no está.
fn decir(programa: &OsStr, argumentos: &[&str]) -> String {
    let salida = Command::new(programa).args(argumentos).current_dir(env!("CARGO_MANIFEST_DIR")).output();
    salida.map(|salida| String::from_utf8_lossy(&salida.stdout).trim().to_owned()).unwrap_or_default()
}
