//! Las instancias del servicio, cada una con su propia red hacia PostgreSQL y Pulsar.

use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use nix::sys::signal::Signal;
use tokio::process::Command;
use tokio::sync::Mutex;

use super::delegado::{Delegado, Modo};
use super::procesos::{Proceso, ocurre, puerto_libre};
use super::servicios::{Postgres, Pulsar};
use crate::Fallo;

/// Lo que puede tardar una instancia en atender, o en cerrar en orden.
const PLAZO: Duration = Duration::from_mins(1);

/// Conexiones de cada fondo de una instancia: pocas, para que se puedan llenar.
const CONEXIONES: &str = "10";

/// Una instancia.
pub struct Instancia {
    /// Su número, para contarlo.
    pub numero: usize,
    /// Dónde atiende, como `127.0.0.1:12345`.
    pub direccion: String,
    /// Su red hacia PostgreSQL.
    pub a_postgres: Delegado,
    /// Su red hacia Pulsar, si es el bus.
    pub a_pulsar: Option<Delegado>,
    programa: PathBuf,
    carpeta: PathBuf,
    entorno: Vec<(String, String)>,
    proceso: Mutex<Option<Proceso>>,
}

impl Instancia {
    /// Todavía sin arrancar.
    pub fn nueva(
        numero: usize,
        (programa, carpeta): (&Path, &Path),
        postgres: &Postgres,
        pulsar: Option<&Pulsar>,
        averia: Option<&str>,
    ) -> Result<Self, Fallo> {
        let a_postgres = Delegado::de(postgres.puerto)?;
        let a_pulsar = pulsar.map(|pulsar| Delegado::de(pulsar.puerto)).transpose()?;
        let direccion = format!("127.0.0.1:{}", puerto_libre()?);
        let mut entorno = vec![
            ("AEROALPES_ESCUCHA".to_owned(), direccion.clone()),
            ("DATABASE_URL".to_owned(), postgres.url(a_postgres.puerto)?),
            ("AEROALPES_CONEXIONES".to_owned(), CONEXIONES.to_owned()),
            ("AEROALPES_CONEXIONES_LECTURA".to_owned(), CONEXIONES.to_owned()),
            ("RUST_BACKTRACE".to_owned(), "1".to_owned()),
        ];
        if let Some(delegado) = &a_pulsar {
            entorno.push(("PULSAR_URL".to_owned(), format!("pulsar://127.0.0.1:{}", delegado.puerto)));
        }
        entorno.extend(averia.map(|averia| ("AEROALPES_AVERIA".to_owned(), averia.to_owned())));
        let (programa, carpeta) = (programa.to_owned(), carpeta.to_owned());
        let proceso = Mutex::new(None);
        Ok(Self { numero, direccion, a_postgres, a_pulsar, programa, carpeta, entorno, proceso })
    }

    /// La arranca y espera a que atienda.
    pub async fn arrancar(&self) -> Result<(), Fallo> {
        let mut orden = Command::new(&self.programa);
        orden.arg("servir").env_clear().envs(self.entorno.iter().cloned());
        let proceso = Proceso::lanzar(orden, &self.carpeta, &self.nombre())?;
        *self.proceso.lock().await = Some(proceso);
        if ocurre(PLAZO, async || self.atiende().await).await { Ok(()) } else { Err(self.caida("no atiende").await) }
    }

    /// Si contesta que está viva.
    pub async fn atiende(&self) -> bool {
        let cliente = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(2)).build();
        let Ok(cliente) = cliente else { return false };
        let salud = cliente.get(format!("http://{}/health/live", self.direccion)).send().await;
        salud.is_ok_and(|salud| salud.status().is_success())
    }

    /// La mata con `SIGKILL` y espera a que no quede nada de ella.
    pub async fn matar(&self) -> Result<(), Fallo> {
        self.terminar(Signal::SIGKILL).await.map(drop)
    }

    /// Le pide que pare y espera a que termine lo que tenía; dice cómo terminó.
    pub async fn parar(&self) -> Result<ExitStatus, Fallo> {
        self.terminar(Signal::SIGTERM).await
    }

    async fn terminar(&self, senal: Signal) -> Result<ExitStatus, Fallo> {
        let mut proceso = self.proceso.lock().await.take().ok_or("la instancia no estaba arriba")?;
        proceso.senalar(senal);
        proceso.fin(PLAZO).await
    }

    /// La congela (`SIGSTOP`) o la despierta (`SIGCONT`).
    pub async fn senalar(&self, senal: Signal) {
        if let Some(proceso) = self.proceso.lock().await.as_ref() {
            proceso.senalar(senal);
        }
    }

    /// Cómo terminó, si terminó sin que nadie se lo pidiera.
    pub async fn termino_sola(&self) -> Option<ExitStatus> {
        self.proceso.lock().await.as_mut().and_then(Proceso::termino)
    }

    /// Pone su red así, hacia los dos servicios.
    pub fn red_sana(&self) {
        for delegado in std::iter::once(&self.a_postgres).chain(&self.a_pulsar) {
            delegado.poner(Modo::Pasa);
        }
    }

    /// Cuántos pánicos cuenta su registro.
    pub fn panicos(&self) -> usize {
        let registro = std::fs::read_to_string(self.carpeta.join(format!("{}.registro", self.nombre())));
        registro.unwrap_or_default().lines().filter(|linea| linea.contains("panicked at")).count()
    }

    fn nombre(&self) -> String {
        format!("instancia-{}", self.numero)
    }

    async fn caida(&self, que: &str) -> Fallo {
        let lineas = self.proceso.lock().await.as_ref().map(Proceso::ultimas_lineas).unwrap_or_default();
        format!("la instancia {} {que}:\n{lineas}", self.numero).into()
    }
}
