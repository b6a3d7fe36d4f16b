//! El proceso del servidor mientras es hijo de este servicio.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::binarios::Binarios;
use super::carpeta::Carpeta;
use super::errores::{ErrorPostgres, al};

/// Cuánto puede durar la parada rápida, que cierra las conexiones y guarda un punto de control.
pub(super) const PLAZO_RAPIDO: Duration = Duration::from_secs(20);
/// Cuánto puede durar la parada inmediata, que obliga a recuperarse en el arranque siguiente.
pub(super) const PLAZO_INMEDIATO: Duration = Duration::from_secs(8);

const LINEAS_DE_REGISTRO: usize = 8;

/// Dónde escucha el servidor.
#[derive(Clone, Copy, Debug)]
pub(super) struct Escucha {
    /// Puerto TCP, y número que da nombre al zócalo.
    pub puerto: u16,
    /// Si además del zócalo escucha en 127.0.0.1.
    pub tcp: bool,
}

/// Un servidor hijo de este proceso. Soltarlo le pide una parada rápida sin esperarla.
#[derive(Debug)]
pub(super) struct Postmaster {
    hijo: Child,
    registro: PathBuf,
    inicio_del_registro: u64,
}

impl Postmaster {
    /// Lanza el servidor; vuelve antes de que acepte conexiones.
    pub fn lanzar(carpeta: &Carpeta, binarios: &Binarios, escucha: Escucha) -> Result<Self, ErrorPostgres> {
        carpeta.acotar_registro()?;
        let (ruta, salida) = (carpeta.registro(), carpeta.abrir_registro()?);
        let inicio_del_registro = salida.metadata().map_err(al("examinar", &ruta))?.len();
        let programa = binarios.carpeta.join("postgres");
        let mut orden = carpeta.usuario.orden(&programa);
        orden.arg("-D").arg(carpeta.datos());
        orden.args(ajustes(&carpeta.zocalo, escucha));
        orden.stdout(salida.try_clone().map_err(al("abrir", &ruta))?).stderr(salida);
        // Fuera del grupo del servicio: Ctrl-C en la terminal no lo alcanza mientras aquél drena.
        orden.process_group(0);
        let hijo = Command::from(orden).spawn().map_err(al("ejecutar", &programa))?;
        Ok(Self { hijo, registro: ruta, inicio_del_registro })
    }

    /// Espera a que el servidor termine y lo recoge.
    pub async fn fin(&mut self) -> Result<ExitStatus, ErrorPostgres> {
        self.hijo.wait().await.map_err(al("esperar a", &self.registro))
    }

    /// Últimas líneas que el servidor escribió desde que se lanzó.
    pub fn ultimas_lineas(&self) -> String {
        let mut texto = String::new();
        let leido = File::open(&self.registro).and_then(|mut archivo| {
            archivo.seek(SeekFrom::Start(self.inicio_del_registro))?;
            archivo.read_to_string(&mut texto)
        });
        if let Err(causa) = leido {
            return format!("registro ilegible: {causa}");
        }
        let lineas: Vec<&str> = texto.lines().collect();
        lineas.get(lineas.len().saturating_sub(LINEAS_DE_REGISTRO)..).unwrap_or_default().join(" | ")
    }

    /// Parada rápida (SIGINT) y, si no basta, inmediata (SIGQUIT); espera a que termine.
    pub async fn detener(mut self) -> Result<(), ErrorPostgres> {
        for (senal, plazo) in [(Signal::SIGINT, PLAZO_RAPIDO), (Signal::SIGQUIT, PLAZO_INMEDIATO)] {
            self.senalar(senal);
            if let Ok(fin) = timeout(plazo, self.fin()).await {
                return fin.map(|estado| tracing::info!(%estado, "PostgreSQL detenido"));
            }
            tracing::warn!(?senal, segundos = plazo.as_secs(), "PostgreSQL no termina");
        }
        Err(ErrorPostgres::NoSeDetiene(self.pid().map_or(0, Pid::as_raw)))
    }

    // Nada si ya se recogió: el número podría ser de otro proceso.
    fn pid(&self) -> Option<Pid> {
        let numero = self.hijo.id().and_then(|n| i32::try_from(n).ok());
        numero.map(Pid::from_raw)
    }

    fn senalar(&self, senal: Signal) {
        if let Some(pid) = self.pid()
            && let Err(causa) = kill(pid, senal)
        {
            tracing::warn!(%pid, %causa, "no se pudo señalar a PostgreSQL");
        }
    }
}

impl Drop for Postmaster {
    fn drop(&mut self) {
        self.senalar(Signal::SIGINT);
    }
}

// Van en la orden y no en postgresql.conf para que cada arranque mande; los demás (fsync,
// max_connections = 100, shared_buffers = 128MB) quedan como los dejó initdb, y se pueden editar.
fn ajustes(zocalo: &Path, escucha: Escucha) -> [String; 10] {
    let opcion = |nombre: &str, valor: &str| format!("{nombre}={valor}");
    // Es una lista separada por comas: entre comillas, la carpeta puede contenerlas.
    let zocalo = zocalo.to_string_lossy().replace('"', "\"\"");
    let direcciones = if escucha.tcp { "127.0.0.1" } else { "" };
    [
        "-c".to_owned(),
        opcion("listen_addresses", direcciones),
        "-c".to_owned(),
        opcion("port", &escucha.puerto.to_string()),
        "-c".to_owned(),
        opcion("unix_socket_directories", &format!("\"{zocalo}\"")),
        "-c".to_owned(),
        opcion("unix_socket_permissions", "0700"),
        "-c".to_owned(),
        // Sin el detalle de los errores, que repite valores de las filas: pg.log no guarda datos personales.
        opcion("log_error_verbosity", "terse"),
    ]
}
