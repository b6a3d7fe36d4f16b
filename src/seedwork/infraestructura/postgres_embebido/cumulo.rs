//! El cúmulo de bases de datos: qué versión tiene y cómo se crea entero o no se crea.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use super::binarios::Binarios;
use super::carpeta::{Carpeta, escribir_privado, sincronizar};
use super::conexion::SUPERUSUARIO;
use super::errores::{ErrorPostgres, al};

/// Versión mayor del cúmulo de `datos`, o nada si aún no existe.
pub(super) fn mayor(datos: &Path) -> Result<Option<u32>, ErrorPostgres> {
    match fs::read_to_string(datos.join("PG_VERSION")) {
        Ok(texto) => match texto.trim().parse() {
            Ok(mayor) => Ok(Some(mayor)),
            Err(_) => Err(ErrorPostgres::CarpetaAjena(datos.to_owned())),
        },
        Err(e) if e.kind() == ErrorKind::NotFound => exigir_vacia(datos).map(|()| None),
        Err(e) => Err(al("leer la versión de", datos)(e)),
    }
}

fn exigir_vacia(datos: &Path) -> Result<(), ErrorPostgres> {
    match fs::read_dir(datos) {
        Ok(mut entradas) => match entradas.next() {
            None => Ok(()),
            Some(_) => Err(ErrorPostgres::CarpetaAjena(datos.to_owned())),
        },
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(()),
        Err(e) => Err(al("leer", datos)(e)),
    }
}

/// Crea el cúmulo en una carpeta provisional y le da su nombre cuando está completo en el disco:
/// un `initdb` interrumpido no deja nada que se confunda con un cúmulo.
pub(super) fn crear(carpeta: &Carpeta, binarios: &Binarios) -> Result<(), ErrorPostgres> {
    let provisional = carpeta.provisional()?;
    let nuevos = provisional.join("datos");
    let clave = provisional.join("clave");
    for creada in [&provisional, &nuevos] {
        fs::create_dir(creada).map_err(al("crear", creada))?;
    }
    escribir_privado(&clave, &carpeta.clave)?;
    for suyo in [&provisional, &nuevos, &clave] {
        carpeta.usuario.apropiar(suyo)?;
    }
    tracing::info!(version = %binarios.version, "se crea el cúmulo de PostgreSQL");
    let mut orden = carpeta.usuario.orden(&binarios.carpeta.join("initdb"));
    orden.args(["--username", SUPERUSUARIO, "--encoding=UTF8", "--locale=C"]);
    orden.args(["--auth-local=scram-sha-256", "--auth-host=scram-sha-256"]);
    orden.arg("--pwfile").arg(&clave).arg("-D").arg(&nuevos);
    let salida = orden.output().map_err(al("ejecutar", &binarios.carpeta.join("initdb")))?;
    if !salida.status.success() {
        let texto = String::from_utf8_lossy(&salida.stderr).trim().to_owned();
        return Err(ErrorPostgres::Initdb(texto));
    }
    let datos = carpeta.datos();
    fs::rename(&nuevos, &datos).map_err(al("crear", &datos))?;
    if let Some(raiz) = datos.parent() {
        sincronizar(raiz)?;
    }
    fs::remove_dir_all(&provisional).map_err(al("borrar", &provisional))
}
