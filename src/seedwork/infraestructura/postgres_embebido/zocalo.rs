//! La carpeta 0700 del zócalo Unix, corta aunque la de datos no lo sea.

use std::fs::{self, DirBuilder};
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use nix::unistd::geteuid;
use sha2::{Digest, Sha256};

use super::carpeta::hexadecimal;
use super::errores::{ErrorPostgres, al};
use super::usuario::Usuario;

// `sun_path` mide 104 bytes en macOS y 108 en Linux, con el cero final; el nombre más largo es
// `/.s.PGSQL.65535.lock`, pero sólo el del zócalo, sin `.lock`, tiene que caber.
const MAXIMO_DE_RUTA: usize = 103 - "/.s.PGSQL.65535".len();
/// El nombre de un zócalo es este y su puerto.
const PREFIJO: &str = ".s.PGSQL.";

/// Crea, si falta, la carpeta del zócalo para los datos de `raiz` y la entrega al usuario.
///
/// Está en `raiz` cuando la ruta cabe en un zócalo; si no, en una carpeta temporal cuyo nombre
/// depende sólo de `raiz`, para que sea la misma en cada arranque.
pub(super) fn preparar(raiz: &Path, usuario: &Usuario) -> Result<PathBuf, ErrorPostgres> {
    let carpeta = ubicacion(raiz);
    match DirBuilder::new().mode(0o700).create(&carpeta) {
        Ok(()) => usuario.apropiar(&carpeta)?,
        Err(e) if e.kind() == ErrorKind::AlreadyExists => {}
        Err(e) => return Err(al("crear", &carpeta)(e)),
    }
    // En una carpeta compartida como /tmp otro usuario pudo crearla antes, o poner un enlace.
    let datos = fs::symlink_metadata(&carpeta).map_err(al("examinar", &carpeta))?;
    if !datos.is_dir() || !usuario.es(datos.uid()) || datos.mode() & 0o077 != 0 {
        return Err(ErrorPostgres::ZocaloAjeno(carpeta));
    }
    usuario.exigir_paso(&carpeta)?;
    Ok(carpeta)
}

/// La carpeta del zócalo para los datos de `raiz`, exista o no.
fn ubicacion(raiz: &Path) -> PathBuf {
    let propia = raiz.join("zocalo");
    if propia.as_os_str().len() <= MAXIMO_DE_RUTA { propia } else { corta(raiz) }
}

/// El zócalo por el que ya atiende un servidor de `raiz`, y el puerto que le da nombre, si lo hay.
pub(super) fn abierto(raiz: &Path) -> Result<Option<(PathBuf, u16)>, ErrorPostgres> {
    let carpeta = ubicacion(raiz);
    let entradas = match fs::read_dir(&carpeta) {
        Ok(entradas) => entradas,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(al("leer", &carpeta)(e)),
    };
    for entrada in entradas {
        let nombre = entrada.map_err(al("leer", &carpeta))?.file_name();
        let puerto = nombre.to_str().and_then(|nombre| nombre.strip_prefix(PREFIJO)?.parse().ok());
        if let Some(puerto) = puerto {
            return Ok(Some((carpeta, puerto)));
        }
    }
    Ok(None)
}

fn corta(raiz: &Path) -> PathBuf {
    let huella = Sha256::digest(raiz.as_os_str().as_bytes());
    let huella: String = hexadecimal(&huella).chars().take(16).collect();
    let run = Path::new("/run");
    let base = if geteuid().is_root() && run.is_dir() { run } else { Path::new("/tmp") };
    base.join(format!("aeroalpes-{huella}"))
}
