//! Carpetas difíciles: rutas largas o raras, sin paso, ajenas o sin contraseña.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use aeroalpes::seedwork::infraestructura::postgres_embebido::{Acceso, ErrorPostgres, PostgresEmbebido};

use crate::apoyo::{filas, sembrar, soy_root};

async fn arranca_dos_veces(carpeta: &Path) -> String {
    let pg = PostgresEmbebido::arrancar(carpeta, Acceso::Zocalo).await.unwrap();
    let url = pg.url().to_owned();
    sembrar(&url).await;
    pg.detener().await.unwrap();
    let pg = PostgresEmbebido::arrancar(carpeta, Acceso::Zocalo).await.unwrap();
    assert_eq!(pg.url(), url);
    assert_eq!(filas(&url).await.unwrap(), 1);
    pg.detener().await.unwrap();
    url
}

#[tokio::test]
async fn una_ruta_mas_larga_que_un_zocalo_sirve() {
    let base = tempfile::tempdir().unwrap();
    let url = arranca_dos_veces(&base.path().join("x".repeat(150))).await;
    let (_, servidor) = url.split_once('@').unwrap();
    let (zocalo, _) = servidor.split_once(':').unwrap();
    let zocalo = zocalo.replace("%2F", "/");
    assert!(!Path::new(&zocalo).exists(), "queda la carpeta corta del zócalo: {zocalo}");
}

#[tokio::test]
async fn una_ruta_con_espacios_comas_y_tildes_sirve() {
    let base = tempfile::tempdir().unwrap();
    arranca_dos_veces(&base.path().join("año 1, \"dos\"#@%:'")).await;
}

#[tokio::test]
async fn una_carpeta_inalcanzable_nombra_la_que_lo_impide() {
    if !soy_root() {
        return;
    }
    let base = tempfile::tempdir().unwrap();
    let cerrada = base.path().join("cerrada");
    let carpeta = cerrada.join("dentro/datos");
    fs::create_dir_all(&carpeta).unwrap();
    fs::set_permissions(base.path(), Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(&cerrada, Permissions::from_mode(0o700)).unwrap();
    let error = PostgresEmbebido::arrancar(&carpeta, Acceso::Zocalo).await.unwrap_err();
    let ErrorPostgres::CarpetaInalcanzable { obstaculo, .. } = &error else { panic!("{error}") };
    assert_eq!(*obstaculo, cerrada);
    let modo = fs::metadata(&cerrada).unwrap().permissions().mode() & 0o777;
    assert_eq!(modo, 0o700, "no se abre lo que es de otro");
}

#[tokio::test]
async fn unos_datos_que_no_son_de_postgresql_no_se_tocan() {
    let carpeta = tempfile::tempdir().unwrap();
    let ajeno = carpeta.path().join("datos/importante.txt");
    fs::create_dir(carpeta.path().join("datos")).unwrap();
    fs::write(&ajeno, "no borrar").unwrap();
    let error = PostgresEmbebido::arrancar(carpeta.path(), Acceso::Zocalo).await.unwrap_err();
    assert!(matches!(error, ErrorPostgres::CarpetaAjena(_)), "{error}");
    assert_eq!(fs::read_to_string(&ajeno).unwrap(), "no borrar");
}

#[tokio::test]
async fn sin_la_clave_de_unos_datos_existentes_se_niega() {
    let carpeta = tempfile::tempdir().unwrap();
    let pg = PostgresEmbebido::arrancar(carpeta.path(), Acceso::Zocalo).await.unwrap();
    pg.detener().await.unwrap();
    fs::remove_file(carpeta.path().join("clave")).unwrap();
    let error = PostgresEmbebido::arrancar(carpeta.path(), Acceso::Zocalo).await.unwrap_err();
    assert!(matches!(error, ErrorPostgres::ClavePerdida(_)), "{error}");
}

#[tokio::test]
async fn un_registro_enorme_se_acota() {
    let carpeta = tempfile::tempdir().unwrap();
    fs::write(carpeta.path().join("candado"), "").unwrap();
    fs::write(carpeta.path().join("pg.log"), vec![b'x'; 11 * 1024 * 1024]).unwrap();
    let pg = PostgresEmbebido::arrancar(carpeta.path(), Acceso::Zocalo).await.unwrap();
    pg.detener().await.unwrap();
    assert!(fs::metadata(carpeta.path().join("pg.log")).unwrap().len() < 1024 * 1024);
    assert!(carpeta.path().join("pg.log.anterior").exists());
}
