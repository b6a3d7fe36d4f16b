//! El servidor a la vista del servicio: arrancar, vigilar y detener.

use std::convert::Infallible;
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;

use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::binarios::{self, Binarios, Origen};
use super::carpeta::{self, Carpeta};
use super::conexion::{self, SERVICIO};
use super::cumulo;
use super::errores::{ErrorPostgres, al};
use super::postmaster::{Escucha, Postmaster};
use super::{superviviente, zocalo};

const PUERTO_DEL_ZOCALO: u16 = 5432;
const INTENTOS: u32 = 5;
const ESPERA_MINIMA: Duration = Duration::from_millis(100);
const ESPERA_MAXIMA: Duration = Duration::from_secs(10);
/// Tras este tiempo en pie, la siguiente caída vuelve a esperar lo mínimo.
const ESTABLE: Duration = Duration::from_mins(1);
const REVISION_DEL_REGISTRO: Duration = Duration::from_mins(1);

/// Por dónde se conecta el servicio. En los dos casos se entra con contraseña (SCRAM).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acceso {
    /// Por un zócalo Unix en una carpeta 0700; el servidor no escucha en la red.
    Zocalo,
    /// Por TCP en 127.0.0.1.
    Tcp {
        /// El puerto; debe estar libre.
        puerto: u16,
    },
}

/// Un PostgreSQL real, arrancado, vigilado y detenido por este proceso.
///
/// Mientras vive, si el servidor cae se vuelve a arrancar con espera creciente (de 0,1 s a 10 s).
/// Soltarlo sin [`detener`](Self::detener) pide la parada pero no la espera.
pub struct PostgresEmbebido {
    url: String,
    version: String,
    parada: DropGuard,
    vigilante: JoinHandle<Result<(), ErrorPostgres>>,
}

impl PostgresEmbebido {
    /// Arranca el servidor de `carpeta` y vuelve cuando acepta conexiones y la base existe.
    ///
    /// Crea la carpeta y el cúmulo si faltan, detiene al servidor que sobreviviera a un servicio
    /// anterior y recupera los datos de una caída. Busca los binarios en `AEROALPES_POSTGRES_BIN`
    /// o, sin ella, instalados y por último en Maven Central (`AEROALPES_POSTGRES_DESCARGA=si`
    /// salta los instalados). Si el proceso es root, el servidor se ejecuta como `postgres` o
    /// `nobody`.
    ///
    /// # Errors
    /// Cualquier [`ErrorPostgres`]; si el servidor ya se había lanzado, se le pide que pare.
    pub async fn arrancar(carpeta: &Path, acceso: Acceso) -> Result<Self, ErrorPostgres> {
        let ruta = carpeta.to_owned();
        let plan = spawn_blocking(move || Plan::preparar(&ruta, acceso)).await??;
        let (url, version) = (plan.url(), plan.binarios.version.clone());
        let parada = CancellationToken::new();
        let postmaster = plan.levantar(&parada).await?;
        let vigilante = tokio::spawn(vigilar(plan, postmaster, parada.clone()));
        Ok(Self { url, version, parada: parada.drop_guard(), vigilante })
    }

    /// Dirección `postgres://` de la base de `carpeta` mientras otro proceso la tiene en marcha, para trabajar a su lado sin
    /// arrancar ni detener nada. Entra por el zócalo, así que exige los permisos de ese proceso.
    ///
    /// # Errors
    /// [`ErrorPostgres::NoAtiende`] si el servidor no ha abierto su zócalo; los del sistema de archivos.
    pub fn direccion_en_marcha(carpeta: &Path) -> Result<String, ErrorPostgres> {
        let raiz = carpeta.canonicalize().map_err(al("resolver", carpeta))?;
        let clave = carpeta::clave_de(&raiz)?;
        match zocalo::abierto(&raiz)? {
            Some((zocalo, puerto)) => Ok(direccion(&codificar(&zocalo), puerto, &clave)),
            None => Err(ErrorPostgres::NoAtiende(raiz)),
        }
    }

    /// Dirección `postgres://` de la base `aeroalpes`, con su contraseña; la entienden sqlx y
    /// libpq. No cambia mientras la carpeta y el acceso sean los mismos.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Versión del servidor, como `17.5`.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Detiene el servidor (parada rápida: cierra las conexiones y guarda los datos) y suelta la
    /// carpeta. Dura 28 s como mucho, y casi siempre menos de uno.
    ///
    /// # Errors
    /// [`ErrorPostgres::NoSeDetiene`] si ni la parada inmediata basta.
    pub async fn detener(self) -> Result<(), ErrorPostgres> {
        drop(self.parada);
        self.vigilante.await?
    }
}

// La URL lleva la contraseña: no debe llegar a un registro.
impl fmt::Debug for PostgresEmbebido {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresEmbebido").field("version", &self.version).finish_non_exhaustive()
    }
}

/// Lo que hace falta para levantar el servidor cuantas veces se necesite.
struct Plan {
    carpeta: Carpeta,
    binarios: Binarios,
    escucha: Escucha,
}

impl Plan {
    fn preparar(ruta: &Path, acceso: Acceso) -> Result<Self, ErrorPostgres> {
        let carpeta = Carpeta::abrir(ruta)?;
        let datos = carpeta.datos();
        let mayor = cumulo::mayor(&datos)?;
        let origen = Origen::del_entorno();
        let binarios = binarios::localizar(&origen, &carpeta.usuario, mayor, &datos)?;
        if mayor.is_none() {
            cumulo::crear(&carpeta, &binarios)?;
        }
        let escucha = match acceso {
            Acceso::Zocalo => Escucha { puerto: PUERTO_DEL_ZOCALO, tcp: false },
            Acceso::Tcp { puerto } => Escucha { puerto, tcp: true },
        };
        Ok(Self { carpeta, binarios, escucha })
    }

    // Repite si el servidor termina al nacer: tras un kill -9 suyo, sus procesos tardan un momento
    // en soltar la memoria compartida y hasta entonces se niega a arrancar. Nada si llega la parada.
    async fn levantar(&self, parada: &CancellationToken) -> Result<Option<Postmaster>, ErrorPostgres> {
        let mut espera = ESPERA_MINIMA;
        let mut intento = 1;
        loop {
            superviviente::apartar(&self.carpeta.datos(), &self.carpeta.zocalo).await?;
            match self.intentar(parada).await {
                Err(ErrorPostgres::NoArranca { registro, .. }) if intento < INTENTOS => {
                    tracing::warn!(intento, %registro, "PostgreSQL no arrancó; se repite");
                }
                resultado => return resultado,
            }
            if parada.run_until_cancelled(sleep(espera)).await.is_none() {
                return Ok(None);
            }
            espera *= 2;
            intento += 1;
        }
    }

    async fn intentar(&self, parada: &CancellationToken) -> Result<Option<Postmaster>, ErrorPostgres> {
        let Self { carpeta, binarios, escucha } = self;
        let mut postmaster = Postmaster::lanzar(carpeta, binarios, *escucha)?;
        let listo = tokio::select! {
            listo = self.esperar_base() => listo.map(|()| true),
            () = parada.cancelled() => Ok(false),
            estado = postmaster.fin() => {
                let (estado, registro) = (estado?.to_string(), postmaster.ultimas_lineas());
                return Err(ErrorPostgres::NoArranca { estado, registro });
            }
        };
        if let Ok(true) = listo {
            tracing::info!(version = %binarios.version, "PostgreSQL acepta conexiones");
            return Ok(Some(postmaster));
        }
        postmaster.detener().await?;
        listo.map(|_| None)
    }

    async fn esperar_base(&self) -> Result<(), ErrorPostgres> {
        let Carpeta { zocalo, clave, .. } = &self.carpeta;
        let opciones = conexion::de_superusuario(zocalo, self.escucha.puerto, clave);
        let conectado = conexion::esperar(&opciones).await?;
        conexion::asegurar_base(conectado, clave).await
    }

    fn url(&self) -> String {
        let servidor = if self.escucha.tcp { "127.0.0.1".to_owned() } else { codificar(&self.carpeta.zocalo) };
        direccion(&servidor, self.escucha.puerto, &self.carpeta.clave)
    }
}

fn direccion(servidor: &str, puerto: u16, clave: &str) -> String {
    format!("postgres://{SERVICIO}:{clave}@{servidor}:{puerto}/{SERVICIO}")
}

// Codifica con % todo lo que no es seguro en el lugar del servidor de una URL.
fn codificar(ruta: &Path) -> String {
    let segura = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    let bytes = ruta.as_os_str().as_bytes().iter();
    bytes.map(|b| if segura(*b) { char::from(*b).to_string() } else { format!("%{b:02X}") }).collect()
}

async fn vigilar(
    plan: Plan,
    mut levantado: Option<Postmaster>,
    parada: CancellationToken,
) -> Result<(), ErrorPostgres> {
    let mut espera = ESPERA_MINIMA;
    while let Some(mut postmaster) = levantado {
        let desde = Instant::now();
        tokio::select! {
            () = parada.cancelled() => return postmaster.detener().await,
            estado = postmaster.fin() => {
                let registro = postmaster.ultimas_lineas();
                tracing::error!(?estado, %registro, "PostgreSQL cayó; se vuelve a arrancar");
            }
            nunca = acotar_el_registro(&plan.carpeta) => match nunca {},
        }
        if desde.elapsed() > ESTABLE {
            espera = ESPERA_MINIMA;
        }
        levantado = relevar(&plan, &mut espera, &parada).await?;
    }
    Ok(())
}

// Insiste hasta que hay otro servidor, o nada si llega la parada.
async fn relevar(
    plan: &Plan,
    espera: &mut Duration,
    parada: &CancellationToken,
) -> Result<Option<Postmaster>, ErrorPostgres> {
    while parada.run_until_cancelled(sleep(*espera)).await.is_some() {
        *espera = (*espera * 2).min(ESPERA_MAXIMA);
        match plan.levantar(parada).await {
            Err(error) if !parada.is_cancelled() => {
                tracing::error!(%error, "PostgreSQL sigue caído");
            }
            resultado => return resultado,
        }
    }
    Ok(None)
}

async fn acotar_el_registro(carpeta: &Carpeta) -> Infallible {
    let mut reloj = interval(REVISION_DEL_REGISTRO);
    reloj.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        reloj.tick().await;
        if let Err(error) = carpeta.acotar_registro() {
            tracing::warn!(%error, "no se pudo acotar el registro de PostgreSQL");
        }
    }
}
