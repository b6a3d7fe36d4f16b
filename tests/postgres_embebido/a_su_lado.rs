//! Trabajar al lado de un servicio en marcha: las órdenes entran por su zócalo, y no arrancan ni detienen nada.

use std::path::Path;
use std::process::{Command, Output};

use aeroalpes::seedwork::infraestructura::postgres_embebido::{Acceso, ErrorPostgres, PostgresEmbebido};

use crate::apoyo::{pid_del_servidor, valor, vive};

fn ordenar(carpeta: &Path, argumentos: &[&str]) -> Output {
    let mut orden = Command::new(env!("CARGO_BIN_EXE_aeroalpes"));
    let orden = orden.args(argumentos).env_remove("DATABASE_URL").env_remove("PULSAR_URL");
    orden.env("AEROALPES_DATOS", carpeta).env("RUST_LOG", "error").output().unwrap()
}

fn dice(carpeta: &Path, argumentos: &[&str]) -> String {
    let fin = ordenar(carpeta, argumentos);
    assert!(fin.status.success(), "{}", String::from_utf8_lossy(&fin.stderr));
    String::from_utf8(fin.stdout).unwrap()
}

#[tokio::test]
async fn las_ordenes_sirven_con_el_servicio_en_marcha_y_sin_el() {
    let carpeta = tempfile::tempdir().unwrap();
    let pg = PostgresEmbebido::arrancar(carpeta.path(), Acceso::Zocalo).await.unwrap();
    let pid = pid_del_servidor(carpeta.path());
    let ruta = carpeta.path().to_owned();
    let vistas = move || {
        let vistas = dice(&ruta, &["letras-muertas", "listar"]);
        dice(&ruta, &["purgar"]);
        dice(&ruta, &["migrar"]);
        vistas
    };
    let con_servicio = vistas.clone();
    assert_eq!(tokio::task::spawn_blocking(con_servicio).await.unwrap(), "No hay letras muertas.\n");
    assert!(vive(pid) && pid_del_servidor(carpeta.path()) == pid, "el servidor es el mismo");
    assert_eq!(valor(pg.url(), "select count(*)::text from letras_muertas").await, "0");
    pg.detener().await.unwrap();
    assert_eq!(tokio::task::spawn_blocking(vistas).await.unwrap(), "No hay letras muertas.\n");
    assert!(!carpeta.path().join("datos/postmaster.pid").exists());
}

#[tokio::test]
async fn la_direccion_es_la_del_que_corre_aunque_escuche_por_tcp() {
    let carpeta = tempfile::tempdir().unwrap();
    let pg = PostgresEmbebido::arrancar(carpeta.path(), Acceso::Zocalo).await.unwrap();
    assert_eq!(PostgresEmbebido::direccion_en_marcha(carpeta.path()).unwrap(), pg.url());
    pg.detener().await.unwrap();
    let nada = PostgresEmbebido::direccion_en_marcha(carpeta.path()).unwrap_err();
    assert!(matches!(nada, ErrorPostgres::NoAtiende(_)), "{nada}");
    let puerto = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let pg = PostgresEmbebido::arrancar(carpeta.path(), Acceso::Tcp { puerto }).await.unwrap();
    let url = PostgresEmbebido::direccion_en_marcha(carpeta.path()).unwrap();
    assert_eq!(valor(&url, "show port").await, puerto.to_string());
    pg.detener().await.unwrap();
}
