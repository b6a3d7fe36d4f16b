//! Apoyo de las pruebas: un servicio dueño en otro proceso y esperas con límite.

use std::env;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use aeroalpes::seedwork::infraestructura::postgres_embebido::{Acceso, PostgresEmbebido};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, geteuid};
use sqlx::{Connection, PgConnection};

const CARPETA: &str = "AEROALPES_PRUEBA_CARPETA";
const PUERTO: &str = "AEROALPES_PRUEBA_PUERTO";
const LIMITE: Duration = Duration::from_mins(1);
pub const NOBODY: u32 = 65534;

/// Cuerpo del proceso dueño: arranca, dice su URL y espera a que le cierren la entrada.
#[tokio::test]
#[ignore = "la ejecutan las demás pruebas en otro proceso"]
async fn dueno() {
    let carpeta = PathBuf::from(env::var_os(CARPETA).unwrap());
    let puerto = env::var(PUERTO).ok().map(|p| p.parse().unwrap());
    let acceso = puerto.map_or(Acceso::Zocalo, |puerto| Acceso::Tcp { puerto });
    match PostgresEmbebido::arrancar(&carpeta, acceso).await {
        Ok(pg) => {
            println!("\nURL {}\nVERSION {}", pg.url(), pg.version());
            tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new())).await.unwrap().unwrap();
            pg.detener().await.unwrap();
        }
        Err(error) => println!("\nERROR {error}"),
    }
}

/// Prepara el proceso dueño de `carpeta` sin lanzarlo.
pub fn orden_de_dueno(carpeta: &Path) -> Command {
    // Lo que se lanza en segundo plano hereda SIGINT sin atender, y así un Ctrl-C no lo terminaría nunca.
    let mut orden = Command::new("env");
    orden.arg("--default-signal=INT").arg(env::current_exe().unwrap());
    orden.args(["--exact", "apoyo::dueno", "--ignored", "--nocapture"]).env(CARPETA, carpeta);
    orden.stdin(Stdio::piped()).stdout(Stdio::piped());
    orden
}

/// Un servicio dueño en otro proceso.
pub struct Dueno {
    pub hijo: Child,
    entrada: Option<ChildStdin>,
    salida: BufReader<ChildStdout>,
}

impl Dueno {
    pub fn lanzar(mut orden: Command) -> Self {
        let mut hijo = orden.spawn().unwrap();
        let entrada = hijo.stdin.take();
        let salida = BufReader::new(hijo.stdout.take().unwrap());
        Self { hijo, entrada, salida }
    }

    /// Espera la línea que empieza por `clave` y da el resto.
    pub fn leer(&mut self, clave: &str) -> String {
        let lineas = self.salida.by_ref().lines().map(Result::unwrap);
        let mut vistas = Vec::new();
        for linea in lineas {
            if let Some(valor) = linea.strip_prefix(clave) {
                return valor.trim().to_owned();
            }
            vistas.push(linea);
        }
        panic!("el dueño no dijo {clave}: {vistas:?}")
    }

    /// Le pide que se detenga y lo espera.
    pub fn terminar(mut self) {
        drop(self.entrada.take());
        assert!(self.hijo.wait().unwrap().success());
    }

    /// kill -9.
    pub fn matar(&mut self) {
        self.hijo.kill().unwrap();
        self.hijo.wait().unwrap();
    }
}

/// Mientras no se cumpla `condicion` espera, 60 s como mucho.
pub async fn hasta<F: AsyncFnMut() -> bool>(que: &str, mut condicion: F) {
    let limite = Instant::now() + LIMITE;
    while !condicion().await {
        assert!(Instant::now() < limite, "no llegó: {que}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Identificador del servidor que usa la carpeta.
pub fn pid_del_servidor(carpeta: &Path) -> i32 {
    pid_anotado(carpeta).unwrap()
}

/// Lo mismo, o nada si ahora no hay servidor.
pub fn pid_anotado(carpeta: &Path) -> Option<i32> {
    let texto = fs::read_to_string(carpeta.join("datos/postmaster.pid")).ok()?;
    texto.lines().next()?.parse().ok()
}

pub fn matar(pid: i32) {
    kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();
}

/// Si el proceso existe y no es un zombi.
pub fn vive(pid: i32) -> bool {
    let estado = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    estado.rsplit(')').next().is_some_and(|resto| !resto.is_empty() && !resto.starts_with(" Z"))
}

pub fn soy_root() -> bool {
    geteuid().is_root()
}

/// Crea la tabla de prueba con una fila confirmada.
pub async fn sembrar(url: &str) {
    let mut conexion = PgConnection::connect(url).await.unwrap();
    let sql = "create table vuelo (id int); insert into vuelo values (42)";
    sqlx::raw_sql(sql).execute(&mut conexion).await.unwrap();
}

/// Las filas que hay, o el error de conexión.
pub async fn filas(url: &str) -> Result<i64, sqlx::Error> {
    let mut conexion = PgConnection::connect(url).await?;
    sqlx::query_scalar("select count(*) from vuelo").fetch_one(&mut conexion).await
}

/// Un valor de texto que contesta el servidor.
pub async fn valor(url: &str, consulta: &'static str) -> String {
    let mut conexion = PgConnection::connect(url).await.unwrap();
    sqlx::query_scalar(consulta).fetch_one(&mut conexion).await.unwrap()
}
