//! Procesos hijos: lanzarlos, señalarlos y no dejar ninguno.

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout};

use crate::Fallo;

/// Cada cuánto se mira si algo ya ocurrió.
const VISTAZO: Duration = Duration::from_millis(20);

/// Un hijo. Al soltarlo se mata.
pub struct Proceso {
    hijo: Child,
    registro: PathBuf,
}

impl Proceso {
    /// Lo lanza fuera del grupo del comprobador, para que Ctrl-C no le llegue antes de tiempo; lo que escriba queda en
    /// `carpeta`, en `nombre.salida` y `nombre.registro`.
    pub fn lanzar(mut orden: Command, carpeta: &Path, nombre: &str) -> Result<Self, Fallo> {
        let abrir = |ruta: &Path| OpenOptions::new().create(true).append(true).open(ruta);
        let registro = carpeta.join(format!("{nombre}.registro"));
        let salida = abrir(&carpeta.join(format!("{nombre}.salida")))?;
        orden.stdin(Stdio::null()).stdout(salida).stderr(abrir(&registro)?).process_group(0).kill_on_drop(true);
        let hijo = orden.spawn().map_err(|error| format!("no se pudo lanzar {nombre}: {error}"))?;
        Ok(Self { hijo, registro })
    }

    /// Su número, mientras no haya terminado.
    pub fn pid(&self) -> Option<u32> {
        self.hijo.id()
    }

    /// Le envía una señal; si ya terminó, no hace nada.
    pub fn senalar(&self, senal: Signal) {
        if let Some(pid) = self.pid() {
            senalar(pid, senal);
        }
    }

    /// Espera a que termine.
    pub async fn fin(&mut self, plazo: Duration) -> Result<ExitStatus, Fallo> {
        let fin = timeout(plazo, self.hijo.wait()).await;
        Ok(fin.map_err(|_| format!("un proceso no terminó en {} s", plazo.as_secs()))??)
    }

    /// Cómo terminó, si ya terminó.
    pub fn termino(&mut self) -> Option<ExitStatus> {
        self.hijo.try_wait().ok().flatten()
    }

    /// Lo último que escribió en su registro.
    pub fn ultimas_lineas(&self) -> String {
        ultimas_lineas(&self.registro, 15)
    }
}

/// Las últimas líneas de un archivo de texto.
pub fn ultimas_lineas(ruta: &Path, cuantas: usize) -> String {
    let texto = std::fs::read_to_string(ruta).unwrap_or_default();
    let lineas: Vec<_> = texto.lines().collect();
    lineas[lineas.len().saturating_sub(cuantas)..].join("\n")
}

/// Envía una señal a un proceso que puede haber terminado ya.
pub fn senalar(pid: u32, senal: Signal) {
    let Ok(pid) = i32::try_from(pid) else { return };
    if let Err(causa) = kill(Pid::from_raw(pid), senal)
        && causa != nix::errno::Errno::ESRCH
    {
        eprintln!("no se pudo enviar {senal} a {pid}: {causa}");
    }
}

/// Si el proceso existe y no es un zombi, que ya no tiene puertos ni archivos.
pub fn vive(pid: u32) -> bool {
    let estado = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let estado = estado.rsplit(") ").next().and_then(|resto| resto.chars().next());
    !matches!(estado, None | Some('Z' | 'X'))
}

/// El número que hay al principio de un archivo.
pub fn pid_en(ruta: &Path) -> Option<u32> {
    let texto = std::fs::read_to_string(ruta).ok()?;
    texto.split_whitespace().next()?.parse().ok()
}

/// Espera a que algo ocurra; dice si ocurrió a tiempo.
pub async fn ocurre(plazo: Duration, condicion: impl AsyncFn() -> bool) -> bool {
    let limite = Instant::now() + plazo;
    while !condicion().await {
        if Instant::now() >= limite {
            return false;
        }
        sleep(VISTAZO).await;
    }
    true
}

/// Un puerto libre de cinco cifras, lejos de los que el sistema reparte a las conexiones salientes.
pub fn puerto_libre() -> Result<u16, Fallo> {
    let candidatos = std::iter::repeat_with(|| 10_000 + rand::random::<u16>() % 20_000).take(1_000);
    let mut libres = candidatos.filter(|puerto| std::net::TcpListener::bind(("127.0.0.1", *puerto)).is_ok());
    libres.next().ok_or_else(|| "no hay puertos libres".into())
}
