//! De dónde salen los binarios y la versión que recuerdan los datos.

use std::fs;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use aeroalpes::seedwork::infraestructura::postgres_embebido::{Acceso, ErrorPostgres, PostgresEmbebido};

use crate::apoyo::{Dueno, NOBODY, filas, orden_de_dueno, sembrar, soy_root};

#[tokio::test]
async fn unos_datos_de_otra_version_se_rechazan_nombrando_ambas() {
    let carpeta = tempfile::tempdir().unwrap();
    fs::create_dir(carpeta.path().join("datos")).unwrap();
    fs::write(carpeta.path().join("datos/PG_VERSION"), "13\n").unwrap();
    fs::write(carpeta.path().join("clave"), "00").unwrap();
    let error = PostgresEmbebido::arrancar(carpeta.path(), Acceso::Zocalo).await.unwrap_err();
    assert!(matches!(error, ErrorPostgres::VersionIncompatible { mayor: 13, .. }), "{error}");
    assert!(error.to_string().contains("Maven Central (17)"), "{error}");
}

#[test]
fn una_carpeta_de_binarios_que_no_sirve_se_nombra() {
    let carpeta = tempfile::tempdir().unwrap();
    let vacia = tempfile::tempdir().unwrap();
    let mut orden = orden_de_dueno(carpeta.path());
    orden.env("AEROALPES_POSTGRES_BIN", vacia.path());
    let mut dueno = Dueno::lanzar(orden);
    let error = dueno.leer("ERROR ");
    dueno.terminar();
    assert!(error.contains(&vacia.path().display().to_string()), "{error}");
}

// Con una caché vacía y como `nobody`, si se puede, para que se descargue siempre.
fn descargando(carpeta: &Path, cache: &Path) -> Command {
    let mut orden = orden_de_dueno(carpeta);
    orden.env("AEROALPES_POSTGRES_DESCARGA", "si").env("XDG_CACHE_HOME", cache);
    if soy_root() {
        for suya in [carpeta, cache] {
            chown(suya, Some(NOBODY), Some(NOBODY)).unwrap();
        }
        orden.uid(NOBODY).gid(NOBODY);
    }
    orden
}

#[tokio::test]
async fn la_descarga_sirve_a_dos_a_la_vez_y_sus_datos_la_recuerdan() {
    let cache = tempfile::tempdir().unwrap();
    let carpetas = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let ordenes = carpetas.each_ref().map(|c| descargando(c.path(), cache.path()));
    let mut duenos = ordenes.map(Dueno::lanzar);
    for dueno in &mut duenos {
        sembrar(&dueno.leer("URL ")).await;
        assert_eq!(dueno.leer("VERSION "), "17.5");
    }
    duenos.into_iter().for_each(Dueno::terminar);

    // Sin forzarla, los datos de la 17 no se sirven con lo que haya instalado de otra versión.
    let mut orden = descargando(carpetas[0].path(), cache.path());
    orden.env_remove("AEROALPES_POSTGRES_DESCARGA");
    let mut dueno = Dueno::lanzar(orden);
    assert_eq!(filas(&dueno.leer("URL ")).await.unwrap(), 1);
    assert!(dueno.leer("VERSION ").starts_with("17."));
    dueno.terminar();
}
