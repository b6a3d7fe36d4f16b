//! Dónde están `initdb` y `postgres`: indicados, instalados o descargados.

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use super::descarga;
use super::errores::ErrorPostgres;
use super::usuario::Usuario;

const MINIMO: u32 = 14;
const DE_DEBIAN: &str = "/usr/lib/postgresql";

/// Un PostgreSQL que el usuario del servidor puede ejecutar.
#[derive(Clone, Debug)]
pub(super) struct Binarios {
    /// Carpeta con `initdb` y `postgres`.
    pub carpeta: PathBuf,
    /// Versión completa, como `17.5`.
    pub version: String,
    mayor: u32,
}

/// Qué lugares se miran.
#[derive(Debug)]
pub(super) enum Origen {
    /// Sólo esta carpeta.
    Indicado(PathBuf),
    /// Sólo la descarga.
    Descarga,
    /// Lo instalado y, si no sirve, la descarga.
    Cualquiera,
}

impl Origen {
    /// Lee `AEROALPES_POSTGRES_BIN` y `AEROALPES_POSTGRES_DESCARGA`.
    pub fn del_entorno() -> Self {
        if let Some(carpeta) = env::var_os("AEROALPES_POSTGRES_BIN").filter(|carpeta| !carpeta.is_empty()) {
            return Self::Indicado(carpeta.into());
        }
        match env::var("AEROALPES_POSTGRES_DESCARGA").as_deref() {
            Ok("si" | "sí") => Self::Descarga,
            _ => Self::Cualquiera,
        }
    }

    fn carpetas(&self) -> BTreeSet<PathBuf> {
        match self {
            Self::Indicado(carpeta) => BTreeSet::from([carpeta.clone()]),
            Self::Descarga => BTreeSet::new(),
            Self::Cualquiera => instaladas(),
        }
    }
}

/// Busca el PostgreSQL más nuevo o, si hay un cúmulo de versión `mayor` en `datos`, el de la suya.
pub(super) fn localizar(
    origen: &Origen,
    usuario: &Usuario,
    mayor: Option<u32>,
    datos: &Path,
) -> Result<Binarios, ErrorPostgres> {
    let mut lugares = Vec::new();
    let mut elegido: Option<Binarios> = None;
    for carpeta in origen.carpetas() {
        match examinar(&carpeta, usuario) {
            Ok(hallado) => {
                lugares.push(format!("{} ({})", carpeta.display(), hallado.version));
                let sirve = mayor.map_or(hallado.mayor >= MINIMO, |m| m == hallado.mayor);
                if sirve && elegido.as_ref().is_none_or(|e| e.mayor < hallado.mayor) {
                    elegido = Some(hallado);
                }
            }
            Err(motivo) => lugares.push(format!("{} ({motivo})", carpeta.display())),
        }
    }
    if let Some(elegido) = elegido {
        return Ok(elegido);
    }
    if !matches!(origen, Origen::Indicado(_)) {
        if mayor.is_none_or(|m| m == descarga::MAYOR) {
            return de_la_descarga(usuario);
        }
        lugares.push(format!("Maven Central ({})", descarga::MAYOR));
    }
    let lugares = lugares.join(", ");
    Err(match mayor {
        Some(mayor) => ErrorPostgres::VersionIncompatible { datos: datos.to_owned(), mayor, lugares },
        None => ErrorPostgres::SinPostgres { minimo: MINIMO, lugares },
    })
}

fn de_la_descarga(usuario: &Usuario) -> Result<Binarios, ErrorPostgres> {
    let carpeta = descarga::obtener()?;
    usuario.exigir_paso(&carpeta)?;
    examinar(&carpeta, usuario).map_err(|motivo| {
        let lugares = format!("{} ({motivo})", carpeta.display());
        ErrorPostgres::SinPostgres { minimo: MINIMO, lugares }
    })
}

// El PATH suele contener enlaces a los binarios: lo que cuenta es la carpeta a la que apuntan.
fn instaladas() -> BTreeSet<PathBuf> {
    let camino = env::var_os("PATH").unwrap_or_default();
    let mut carpetas: Vec<PathBuf> = env::split_paths(&camino).collect();
    if let Ok(versiones) = fs::read_dir(DE_DEBIAN) {
        carpetas.extend(versiones.flatten().map(|v| v.path().join("bin")));
    }
    let reales = carpetas.iter().filter_map(|c| c.join("initdb").canonicalize().ok());
    reales.filter_map(|initdb| initdb.parent().map(Path::to_owned)).collect()
}

// `initdb --show` se niega si no tiene un `postgres` de su versión al lado, dice dónde busca sus
// archivos y, ejecutado con la identidad del servidor, prueba que ésta puede usarlos.
fn examinar(carpeta: &Path, usuario: &Usuario) -> Result<Binarios, String> {
    let mut orden = usuario.orden(&carpeta.join("initdb"));
    let salida = orden.args(["--show", "-D", "/"]).output();
    let salida = salida.map_err(|e| format!("«{}» no puede ejecutarlo: {e}", usuario.nombre()))?;
    let texto = String::from_utf8_lossy(&salida.stderr);
    let valor = |clave: &str| texto.lines().find_map(|l| l.strip_prefix(clave));
    let (Some(version), Some(bki)) = (valor("VERSION="), valor("POSTGRES_BKI=")) else {
        return Err(texto.lines().next().unwrap_or("initdb no contesta").to_owned());
    };
    if !Path::new(bki).exists() {
        return Err(format!("faltan sus archivos: no existe {bki}"));
    }
    let version = version.split_whitespace().next().unwrap_or_default();
    let mayor = version.chars().take_while(char::is_ascii_digit).collect::<String>().parse();
    let mayor = mayor.map_err(|_| format!("versión desconocida: {version}"))?;
    Ok(Binarios { carpeta: carpeta.to_owned(), version: version.to_owned(), mayor })
}
