//! PostgreSQL y Pulsar de verdad, propios de la corrida: se matan y se vuelven a levantar sobre los mismos datos.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::Signal;
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection};
use tokio::process::Command;
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::procesos::{Proceso, ocurre, pid_en, puerto_libre, senalar, ultimas_lineas, vive};
use crate::Fallo;

/// Lo que puede tardar cualquiera de los dos en arrancar o en parar, con la máquina ocupada.
const PLAZO: Duration = Duration::from_secs(90);

/// Un PostgreSQL que levanta el propio programa.
pub struct Postgres {
    programa: PathBuf,
    carpeta: PathBuf,
    /// Dónde atiende, en 127.0.0.1.
    pub puerto: u16,
    proceso: Mutex<Option<Proceso>>,
}

impl Postgres {
    /// Lo levanta con datos nuevos en esa carpeta.
    pub async fn nuevo(programa: &Path, carpeta: &Path) -> Result<Self, Fallo> {
        let (programa, carpeta) = (programa.to_owned(), carpeta.to_owned());
        let postgres = Self { programa, carpeta, puerto: puerto_libre()?, proceso: Mutex::new(None) };
        postgres.levantar().await?;
        Ok(postgres)
    }

    /// Lo lanza y espera a que admita conexiones.
    pub async fn levantar(&self) -> Result<(), Fallo> {
        let mut orden = Command::new(&self.programa);
        orden.arg("postgres").arg("--datos").arg(self.datos()).arg("--puerto").arg(self.puerto.to_string());
        let proceso = Proceso::lanzar(orden, &self.carpeta, "postgresql")?;
        *self.proceso.lock().await = Some(proceso);
        self.esperar().await
    }

    /// Lo para en orden.
    pub async fn parar(&self) -> Result<(), Fallo> {
        if let Some(mut proceso) = self.proceso.lock().await.take() {
            proceso.senalar(Signal::SIGTERM);
            proceso.fin(PLAZO).await?;
        }
        Ok(())
    }

    /// Mata con `SIGKILL` el servidor y espera a que quien lo vigila levante otro.
    pub async fn matar(&self) -> Result<(), Fallo> {
        let pid = self.pid().ok_or("PostgreSQL no estaba arriba")?;
        senalar(pid, Signal::SIGKILL);
        let otro = ocurre(PLAZO, async || self.pid().is_some_and(|otro| otro != pid && vive(otro))).await;
        if !otro {
            return Err("PostgreSQL no volvió después de morir".into());
        }
        self.esperar().await
    }

    /// Lo que termina con él sin contemplaciones, también desde donde no se puede esperar.
    pub fn rematar(&self) {
        if let Ok(mut proceso) = self.proceso.try_lock() {
            *proceso = None;
        }
        if let Some(pid) = self.pid().filter(|pid| vive(*pid)) {
            senalar(pid, Signal::SIGQUIT);
        }
    }

    async fn esperar(&self) -> Result<(), Fallo> {
        let admite = async || match self.opciones() {
            Ok(opciones) => {
                timeout(Duration::from_secs(2), PgConnection::connect_with(&opciones)).await.is_ok_and(|c| c.is_ok())
            }
            Err(_) => false,
        };
        if ocurre(PLAZO, admite).await { Ok(()) } else { Err(self.caida("no admite conexiones")) }
    }

    /// Cómo conectar con él sin pasar por ningún delegado.
    pub fn opciones(&self) -> Result<PgConnectOptions, Fallo> {
        Ok(self.url(self.puerto)?.parse()?)
    }

    /// La dirección de la base, por ese puerto.
    pub fn url(&self, puerto: u16) -> Result<String, Fallo> {
        let texto = std::fs::read_to_string(self.carpeta.join("postgresql.salida"))?;
        let url = texto.lines().rev().find_map(|linea| linea.strip_prefix("export DATABASE_URL='"));
        let url = url.and_then(|resto| resto.split('\'').next()).ok_or("PostgreSQL no dijo dónde atiende")?;
        Ok(url.replace(&format!(":{}/", self.puerto), &format!(":{puerto}/")))
    }

    /// El registro del servidor.
    pub fn registro(&self) -> PathBuf {
        self.datos().join("pg.log")
    }

    fn datos(&self) -> PathBuf {
        self.carpeta.join("postgresql")
    }

    fn pid(&self) -> Option<u32> {
        pid_en(&self.datos().join("datos/postmaster.pid"))
    }

    fn caida(&self, que: &str) -> Fallo {
        format!("PostgreSQL {que}:\n{}", ultimas_lineas(&self.registro(), 15)).into()
    }
}

/// Un Pulsar que levanta `./dev servicios`.
pub struct Pulsar {
    carpeta: PathBuf,
    /// Dónde atiende, en 127.0.0.1.
    pub puerto: u16,
    /// Dónde se administra.
    pub admin: u16,
}

impl Pulsar {
    /// Lo levanta con datos nuevos en esa carpeta.
    pub async fn nuevo(carpeta: &Path) -> Result<Self, Fallo> {
        let pulsar = Self { carpeta: carpeta.to_owned(), puerto: puerto_libre()?, admin: puerto_libre()? };
        pulsar.levantar().await?;
        Ok(pulsar)
    }

    /// Lo lanza y espera a que esté listo.
    pub async fn levantar(&self) -> Result<(), Fallo> {
        self.dev("arriba").await
    }

    /// Lo para en orden.
    pub async fn parar(&self) -> Result<(), Fallo> {
        self.dev("abajo").await
    }

    /// Lo mata con `SIGKILL`.
    pub async fn matar(&self) -> Result<(), Fallo> {
        let pid = self.pid().ok_or("Pulsar no estaba arriba")?;
        senalar(pid, Signal::SIGKILL);
        if ocurre(PLAZO, async || !vive(pid)).await { Ok(()) } else { Err("Pulsar no murió".into()) }
    }

    /// Lo que termina con él sin contemplaciones.
    pub fn rematar(&self) {
        if let Some(pid) = self.pid() {
            senalar(pid, Signal::SIGKILL);
        }
    }

    /// Su dirección, sin pasar por ningún delegado.
    pub fn url(&self) -> String {
        format!("pulsar://127.0.0.1:{}", self.puerto)
    }

    async fn dev(&self, que: &str) -> Result<(), Fallo> {
        let mut orden = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/dev"));
        orden.args(["servicios", que, "pulsar"]).stdin(Stdio::null()).kill_on_drop(true).process_group(0);
        orden.env("XDG_STATE_HOME", &self.carpeta);
        orden.env("AEROALPES_PULSAR_PUERTO", self.puerto.to_string());
        orden.env("AEROALPES_PULSAR_ADMIN", self.admin.to_string());
        let fin = timeout(PLAZO, orden.output()).await.map_err(|_| format!("Pulsar: «{que}» no terminó"))??;
        if fin.status.success() {
            return Ok(());
        }
        Err(format!("Pulsar: «{que}» falló: {}", String::from_utf8_lossy(&fin.stderr)).into())
    }

    fn pid(&self) -> Option<u32> {
        pid_en(&self.carpeta.join("aeroalpes/servicios/pulsar.pid")).filter(|pid| vive(*pid))
    }
}
