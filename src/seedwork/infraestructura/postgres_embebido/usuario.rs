//! El usuario del sistema que ejecuta el servidor: el propio o, si el servicio es root, otro
//! sin privilegios, porque PostgreSQL se niega a ejecutarse como root.

use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use nix::unistd::{Gid, Uid, User, getegid, geteuid};

use super::errores::{ErrorPostgres, al};

const RUTA_DE_ORDENES: &str = "/usr/local/bin:/usr/bin:/bin";
const CANDIDATOS: [&str; 2] = ["postgres", "nobody"];

/// Identidad con la que se ejecutan `initdb` y `postgres`.
#[derive(Clone, Debug)]
pub(super) struct Usuario {
    uid: Uid,
    gid: Gid,
    /// El servicio es root y debe cambiar de identidad.
    cedido: bool,
}

impl Usuario {
    /// Decide quién ejecuta el servidor de `datos`. Si esa carpeta ya existe manda su dueño: entre
    /// dos arranques puede aparecer el usuario `postgres` y los datos seguir siendo de `nobody`.
    pub fn del_servidor(datos: &Path) -> Result<Self, ErrorPostgres> {
        let (uid, gid) = (geteuid(), getegid());
        if !uid.is_root() {
            return Ok(Self { uid, gid, cedido: false });
        }
        if let Ok(dueno) = fs::symlink_metadata(datos)
            && dueno.uid() != 0
        {
            let (uid, gid) = (Uid::from_raw(dueno.uid()), Gid::from_raw(dueno.gid()));
            return Ok(Self { uid, gid, cedido: true });
        }
        CANDIDATOS
            .iter()
            .find_map(|nombre| User::from_name(nombre).ok().flatten())
            .map(|u| Self { uid: u.uid, gid: u.gid, cedido: true })
            .ok_or(ErrorPostgres::SinUsuario)
    }

    /// Si el servidor se ejecuta con otra identidad que el servicio.
    pub fn es_cedido(&self) -> bool {
        self.cedido
    }

    /// Si `uid` es el de este usuario.
    pub fn es(&self, uid: u32) -> bool {
        self.uid.as_raw() == uid
    }

    /// Nombre para los mensajes; el número si el sistema no lo conoce.
    pub fn nombre(&self) -> String {
        let conocido = User::from_uid(self.uid).ok().flatten();
        conocido.map_or_else(|| self.uid.to_string(), |u| u.name)
    }

    /// Prepara una orden que se ejecutará como este usuario, sin entrada y con un entorno limpio:
    /// las variables `PG*` del servicio cambiarían el comportamiento del servidor.
    pub fn orden(&self, programa: &Path) -> Command {
        let mut orden = Command::new(programa);
        orden.env_clear().env("PATH", RUTA_DE_ORDENES).env("LC_ALL", "C");
        orden.current_dir("/").stdin(Stdio::null());
        if self.cedido {
            // La biblioteca estándar vacía también los grupos suplementarios de root.
            orden.gid(self.gid.as_raw()).uid(self.uid.as_raw());
        }
        orden
    }

    /// Hace a este usuario dueño de `ruta`.
    pub fn apropiar(&self, ruta: &Path) -> Result<(), ErrorPostgres> {
        if !self.cedido {
            return Ok(());
        }
        chown(ruta, Some(self.uid.as_raw()), Some(self.gid.as_raw())).map_err(al("cambiar el dueño de", ruta))
    }

    /// Comprueba que puede entrar en `carpeta` (absoluta); si no, nombra la que lo impide.
    pub fn exigir_paso(&self, carpeta: &Path) -> Result<(), ErrorPostgres> {
        if self.puede_pasar(carpeta)? {
            return Ok(());
        }
        let mut obstaculo = carpeta;
        for tramo in carpeta.ancestors() {
            if !self.puede_pasar(tramo)? {
                obstaculo = tramo;
            }
        }
        let obstaculo = obstaculo.to_owned();
        let (destino, usuario) = (carpeta.to_owned(), self.nombre());
        Err(ErrorPostgres::CarpetaInalcanzable { destino, obstaculo, usuario })
    }

    // Se pregunta al núcleo con la identidad del usuario: los bits de modo no cuentan las ACL.
    fn puede_pasar(&self, carpeta: &Path) -> Result<bool, ErrorPostgres> {
        let mut orden = self.orden(Path::new("test"));
        let estado = orden.arg("-x").arg(carpeta).status();
        Ok(estado.map_err(al("comprobar el paso por", carpeta))?.success())
    }
}
