//! La carpeta del servicio: el candado que le da un solo dueño, la contraseña y los datos.

use std::env;
use std::fs::{self, File, OpenOptions, Permissions, TryLockError};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{self, Path, PathBuf};

use nix::unistd::geteuid;

use super::errores::{ErrorPostgres, al};
use super::usuario::Usuario;
use super::zocalo;

const CANDADO: &str = "candado";
const PREFIJO_PROVISIONAL: &str = "nuevo-";
const MAXIMO_DE_REGISTRO: u64 = 10 * 1024 * 1024;

/// Carpeta que usa el servicio si no se le indica otra: `/var/lib/aeroalpes/servicio` para root y
/// `${XDG_DATA_HOME:-~/.local/share}/aeroalpes` para los demás.
#[must_use]
pub fn carpeta_por_defecto() -> PathBuf {
    if geteuid().is_root() {
        return PathBuf::from("/var/lib/aeroalpes/servicio");
    }
    base_xdg("XDG_DATA_HOME", ".local/share").join("aeroalpes")
}

/// La carpeta base de `variable` o, si falta o es relativa, `en_casa` dentro de la personal.
pub(super) fn base_xdg(variable: &str, en_casa: &str) -> PathBuf {
    let indicada = env::var_os(variable).map(PathBuf::from).filter(|p| p.is_absolute());
    indicada.unwrap_or_else(|| env::home_dir().unwrap_or_default().join(en_casa))
}

/// La carpeta en uso; mientras este valor viva ningún otro proceso puede abrirla.
pub(super) struct Carpeta {
    raiz: PathBuf,
    /// Quién ejecuta el servidor.
    pub usuario: Usuario,
    /// Carpeta 0700 del zócalo.
    pub zocalo: PathBuf,
    /// Contraseña de los dos roles, hexadecimal.
    pub clave: String,
    // El núcleo suelta el candado al cerrarse, también tras un kill -9, y no lo hereda el servidor
    // porque la biblioteca estándar abre con O_CLOEXEC.
    candado: File,
}

impl Carpeta {
    /// Toma la carpeta (la crea si falta) y deja listos el candado, la contraseña y el zócalo.
    pub fn abrir(ruta: &Path) -> Result<Self, ErrorPostgres> {
        let ruta = path::absolute(ruta).map_err(al("resolver", ruta))?;
        let nueva = !ruta.is_dir();
        crear_con_padres(&ruta)?;
        let raiz = ruta.canonicalize().map_err(al("resolver", &ruta))?;
        let propia = nueva || es_propia(&raiz)?;
        let candado = echar_candado(&raiz)?;
        let usuario = Usuario::del_servidor(&raiz.join("datos"))?;
        if propia {
            dar_paso(&raiz, nueva, usuario.es_cedido())?;
        }
        usuario.exigir_paso(&raiz)?;
        quitar_provisionales(&raiz)?;
        let clave = leer_o_crear_clave(&raiz)?;
        let zocalo = zocalo::preparar(&raiz, &usuario)?;
        Ok(Self { raiz, usuario, zocalo, clave, candado })
    }

    /// El cúmulo de PostgreSQL.
    pub fn datos(&self) -> PathBuf {
        self.raiz.join("datos")
    }

    /// Una carpeta de nombre irrepetible donde crear el cúmulo antes de darle su sitio: el initdb
    /// de un servicio muerto puede seguir escribiendo en la suya.
    pub fn provisional(&self) -> Result<PathBuf, ErrorPostgres> {
        Ok(self.raiz.join(format!("{PREFIJO_PROVISIONAL}{}", azar(8)?)))
    }

    /// El registro del servidor.
    pub fn registro(&self) -> PathBuf {
        self.raiz.join("pg.log")
    }

    /// Abre el registro para añadir, legible sólo por el dueño de la carpeta.
    pub fn abrir_registro(&self) -> Result<File, ErrorPostgres> {
        let ruta = self.registro();
        let mut opciones = OpenOptions::new();
        let opciones = opciones.append(true).create(true).mode(0o600);
        opciones.open(&ruta).map_err(al("abrir", &ruta))
    }

    /// Si el registro pasa de 10 MB lo copia a `pg.log.anterior` y lo vacía sin cambiar de
    /// archivo, porque el servidor lo tiene abierto.
    pub fn acotar_registro(&self) -> Result<(), ErrorPostgres> {
        let ruta = self.registro();
        let archivo = self.abrir_registro()?;
        let tamano = archivo.metadata().map_err(al("examinar", &ruta))?.len();
        if tamano <= MAXIMO_DE_REGISTRO {
            return Ok(());
        }
        fs::copy(&ruta, ruta.with_extension("log.anterior")).map_err(al("copiar", &ruta))?;
        archivo.set_len(0).map_err(al("vaciar", &ruta))
    }
}

impl Drop for Carpeta {
    fn drop(&mut self) {
        // La del zócalo corto no está entre los datos; vacía, ya no sirve a nadie.
        if !self.zocalo.starts_with(&self.raiz)
            && let Err(causa) = fs::remove_dir(&self.zocalo)
        {
            tracing::debug!(zocalo = %self.zocalo.display(), %causa, "se conserva el zócalo");
        }
        // No basta con cerrarlo: un proceso que otro hilo esté creando en este instante aún tiene una copia abierta.
        if let Err(error) = self.candado.unlock() {
            tracing::warn!(%error, "no se pudo quitar el candado de la carpeta");
        }
    }
}

// Una carpeta compartida con otros archivos no es nuestra y no se le tocan los permisos.
fn es_propia(raiz: &Path) -> Result<bool, ErrorPostgres> {
    let vacia = fs::read_dir(raiz).map_err(al("leer", raiz))?.next().is_none();
    Ok(vacia || raiz.join(CANDADO).exists())
}

// Escribe en la carpeta sólo el servicio; el servidor, si es otro usuario, sólo pasa. Así no puede
// poner enlaces donde root escribe el registro o la contraseña.
fn dar_paso(raiz: &Path, nueva: bool, cedido: bool) -> Result<(), ErrorPostgres> {
    let actual = fs::metadata(raiz).map_err(al("examinar", raiz))?.permissions().mode() & 0o7777;
    let privado = if nueva { 0o700 } else { actual };
    let modo = if cedido { privado | 0o011 } else { privado };
    if modo == actual {
        return Ok(());
    }
    fs::set_permissions(raiz, Permissions::from_mode(modo)).map_err(al("cambiar los permisos de", raiz))
}

/// Crea `ruta` y los padres que falten con paso para todos, sea cual sea la `umask`.
pub(super) fn crear_con_padres(ruta: &Path) -> Result<(), ErrorPostgres> {
    if ruta.is_dir() {
        return Ok(());
    }
    if let Some(padre) = ruta.parent() {
        crear_con_padres(padre)?;
    }
    match fs::create_dir(ruta) {
        Ok(()) => fs::set_permissions(ruta, Permissions::from_mode(0o755)).map_err(al("cambiar los permisos de", ruta)),
        Err(e) if e.kind() == ErrorKind::AlreadyExists && ruta.is_dir() => Ok(()),
        Err(e) => Err(al("crear", ruta)(e)),
    }
}

fn echar_candado(raiz: &Path) -> Result<File, ErrorPostgres> {
    let ruta = raiz.join(CANDADO);
    let mut opciones = OpenOptions::new();
    let opciones = opciones.read(true).write(true).create(true).truncate(false).mode(0o600);
    let mut archivo = opciones.open(&ruta).map_err(al("abrir", &ruta))?;
    match archivo.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut dueno = String::new();
            archivo.read_to_string(&mut dueno).map_err(al("leer", &ruta))?;
            return Err(ErrorPostgres::CarpetaEnUso { carpeta: raiz.to_owned(), dueno });
        }
        Err(TryLockError::Error(e)) => return Err(al("echar el candado a", &ruta)(e)),
    }
    archivo.set_len(0).map_err(al("vaciar", &ruta))?;
    write!(archivo, "{}", std::process::id()).map_err(al("escribir", &ruta))?;
    Ok(archivo)
}

fn quitar_provisionales(raiz: &Path) -> Result<(), ErrorPostgres> {
    for entrada in fs::read_dir(raiz).map_err(al("leer", raiz))? {
        let entrada = entrada.map_err(al("leer", raiz))?;
        if !entrada.file_name().to_string_lossy().starts_with(PREFIJO_PROVISIONAL) {
            continue;
        }
        tracing::warn!(carpeta = %entrada.path().display(), "se borra un cúmulo a medio crear");
        if let Err(causa) = fs::remove_dir_all(entrada.path()) {
            // Su initdb puede seguir vivo y crear archivos; no estorba y se borrará otro día.
            tracing::warn!(%causa, "no se pudo borrar del todo");
        }
    }
    Ok(())
}

fn leer_o_crear_clave(raiz: &Path) -> Result<String, ErrorPostgres> {
    let ruta = ruta_de_clave(raiz);
    match fs::read_to_string(&ruta) {
        Ok(clave) => return Ok(clave.trim().to_owned()),
        Err(e) if e.kind() != ErrorKind::NotFound => return Err(al("leer", &ruta)(e)),
        Err(_) if raiz.join("datos").join("PG_VERSION").exists() => {
            return Err(ErrorPostgres::ClavePerdida(ruta));
        }
        Err(_) => {}
    }
    let clave = azar(24)?;
    let provisional = raiz.join("clave.nueva");
    escribir_privado(&provisional, &clave)?;
    fs::rename(&provisional, &ruta).map_err(al("crear", &ruta))?;
    sincronizar(raiz)?;
    Ok(clave)
}

fn ruta_de_clave(raiz: &Path) -> PathBuf {
    raiz.join("clave")
}

/// La contraseña de una carpeta que ya está en uso.
pub(super) fn clave_de(raiz: &Path) -> Result<String, ErrorPostgres> {
    let ruta = ruta_de_clave(raiz);
    fs::read_to_string(&ruta).map(|clave| clave.trim().to_owned()).map_err(al("leer", &ruta))
}

/// Escribe `texto` en un archivo 0600 y lo lleva al disco.
pub(super) fn escribir_privado(ruta: &Path, texto: &str) -> Result<(), ErrorPostgres> {
    let mut opciones = OpenOptions::new();
    let opciones = opciones.write(true).create(true).truncate(true).mode(0o600);
    let mut archivo = opciones.open(ruta).map_err(al("crear", ruta))?;
    archivo.write_all(texto.as_bytes()).map_err(al("escribir", ruta))?;
    archivo.sync_all().map_err(al("llevar al disco", ruta))
}

/// Lleva al disco las entradas de una carpeta.
pub(super) fn sincronizar(carpeta: &Path) -> Result<(), ErrorPostgres> {
    let abierta = File::open(carpeta).map_err(al("abrir", carpeta))?;
    abierta.sync_all().map_err(al("llevar al disco", carpeta))
}

fn azar(bytes: usize) -> Result<String, ErrorPostgres> {
    let fuente = Path::new("/dev/urandom");
    let mut semilla = vec![0; bytes];
    let leido = File::open(fuente).and_then(|mut f| f.read_exact(&mut semilla));
    leido.map_err(al("leer", fuente))?;
    Ok(hexadecimal(&semilla))
}

/// Escribe `bytes` en hexadecimal.
pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |texto, byte| texto + &format!("{byte:02x}"))
}
