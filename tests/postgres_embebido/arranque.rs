//! Arranques normales: en frío, en caliente, por TCP, con otro usuario y al soltarlo.

use std::fs::{self, Permissions};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::time::Instant;

use aeroalpes::seedwork::infraestructura::postgres_embebido::{Acceso, ErrorPostgres, PostgresEmbebido};
use sqlx::{Connection, PgConnection};

use crate::apoyo::{Dueno, NOBODY, filas, hasta, orden_de_dueno, pid_del_servidor, sembrar, soy_root, valor, vive};

fn puerto_libre() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn modo(ruta: &Path) -> u32 {
    fs::metadata(ruta).unwrap().mode() & 0o777
}

#[tokio::test]
async fn en_frio_y_en_caliente_con_los_datos() {
    let carpeta = tempfile::tempdir().unwrap();
    let reloj = Instant::now();
    let pg = PostgresEmbebido::arrancar(carpeta.path(), Acceso::Zocalo).await.unwrap();
    println!("en frío: {:?}", reloj.elapsed());
    let url = pg.url().to_owned();
    sembrar(&url).await;
    assert!(valor(&url, "select version()").await.contains(pg.version()));
    let reloj = Instant::now();
    pg.detener().await.unwrap();
    println!("parada: {:?}", reloj.elapsed());

    let reloj = Instant::now();
    let pg = PostgresEmbebido::arrancar(carpeta.path(), Acceso::Zocalo).await.unwrap();
    println!("en caliente: {:?}", reloj.elapsed());
    assert_eq!(pg.url(), url);
    assert_eq!(filas(&url).await.unwrap(), 1);
    pg.detener().await.unwrap();
}

#[tokio::test]
async fn por_zocalo_es_privado_duradero_y_sin_red() {
    let carpeta = tempfile::tempdir().unwrap();
    let pg = PostgresEmbebido::arrancar(carpeta.path(), Acceso::Zocalo).await.unwrap();
    assert_eq!(valor(pg.url(), "show listen_addresses").await, "");
    assert_eq!(valor(pg.url(), "show fsync").await, "on");
    assert_eq!(valor(pg.url(), "show synchronous_commit").await, "on");
    assert_eq!(valor(pg.url(), "show max_connections").await, "100");
    assert_eq!(valor(pg.url(), "show shared_buffers").await, "128MB");
    assert_eq!(valor(pg.url(), "show server_encoding").await, "UTF8");
    assert_eq!(valor(pg.url(), "select datcollate::text from pg_database limit 1").await, "C");
    let privilegio = "select rolsuper::text from pg_roles where rolname = current_user";
    assert_eq!(valor(pg.url(), privilegio).await, "false");
    assert_eq!(modo(&carpeta.path().join("zocalo")), 0o700);
    assert_eq!(modo(&carpeta.path().join("datos")), 0o700);
    assert_eq!(modo(&carpeta.path().join("clave")), 0o600);
    assert_eq!(modo(&carpeta.path().join("pg.log")), 0o600);
    exigir_clave(pg.url()).await;
    pg.detener().await.unwrap();
}

#[tokio::test]
async fn por_tcp_solo_en_la_maquina_y_con_clave() {
    let carpeta = tempfile::tempdir().unwrap();
    let puerto = puerto_libre();
    let acceso = Acceso::Tcp { puerto };
    let pg = PostgresEmbebido::arrancar(carpeta.path(), acceso).await.unwrap();
    let url = pg.url().to_owned();
    assert!(url.ends_with(&format!("@127.0.0.1:{puerto}/aeroalpes")), "{url}");
    sembrar(&url).await;
    exigir_clave(&url).await;
    assert!(TcpStream::connect(("127.0.0.2", puerto)).is_err());
    pg.detener().await.unwrap();
    let pg = PostgresEmbebido::arrancar(carpeta.path(), acceso).await.unwrap();
    assert_eq!(pg.url(), url);
    assert_eq!(filas(&url).await.unwrap(), 1);
    pg.detener().await.unwrap();
}

// La misma dirección con otra contraseña no entra.
async fn exigir_clave(url: &str) {
    let (antes, despues) = url.split_once('@').unwrap();
    let (inicio, _) = antes.rsplit_once(':').unwrap();
    for rol in [inicio, "postgres://postgres"] {
        let error = PgConnection::connect(&format!("{rol}:otra@{despues}")).await.unwrap_err();
        let codigo = error.as_database_error().unwrap().code().unwrap().into_owned();
        assert_eq!(codigo, "28P01", "{error}");
    }
}

#[tokio::test]
async fn un_puerto_ocupado_se_explica_con_el_registro() {
    let carpeta = tempfile::tempdir().unwrap();
    let oyente = TcpListener::bind("127.0.0.1:0").unwrap();
    let acceso = Acceso::Tcp { puerto: oyente.local_addr().unwrap().port() };
    let error = PostgresEmbebido::arrancar(carpeta.path(), acceso).await.unwrap_err();
    assert!(matches!(error, ErrorPostgres::NoArranca { .. }), "{error}");
    assert!(error.to_string().contains("Address already in use"), "{error}");
}

#[tokio::test]
async fn soltarlo_sin_detenerlo_no_deja_el_servidor() {
    let carpeta = tempfile::tempdir().unwrap();
    let pg = PostgresEmbebido::arrancar(carpeta.path(), Acceso::Zocalo).await.unwrap();
    let pid = pid_del_servidor(carpeta.path());
    drop(pg);
    hasta("el servidor termina", async || !vive(pid)).await;
}

#[tokio::test]
async fn como_root_el_servidor_no_lo_es() {
    if !soy_root() {
        return;
    }
    let carpeta = tempfile::tempdir().unwrap();
    fs::set_permissions(carpeta.path(), Permissions::from_mode(0o700)).unwrap();
    let pg = PostgresEmbebido::arrancar(carpeta.path(), Acceso::Zocalo).await.unwrap();
    let pid = pid_del_servidor(carpeta.path());
    assert_ne!(fs::metadata(format!("/proc/{pid}")).unwrap().uid(), 0);
    let estado = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let grupos = estado.lines().find_map(|l| l.strip_prefix("Groups:")).unwrap();
    assert_eq!(grupos.trim(), "");
    // El servidor no puede escribir donde root escribe el registro y la contraseña.
    assert_eq!(fs::metadata(carpeta.path()).unwrap().uid(), 0);
    assert_eq!(modo(carpeta.path()), 0o711);
    pg.detener().await.unwrap();
}

#[tokio::test]
async fn como_otro_usuario_todo_es_suyo() {
    if !soy_root() {
        return;
    }
    let carpeta = tempfile::tempdir().unwrap();
    chown(carpeta.path(), Some(NOBODY), Some(NOBODY)).unwrap();
    let mut orden = orden_de_dueno(carpeta.path());
    orden.uid(NOBODY).gid(NOBODY);
    let mut dueno = Dueno::lanzar(orden);
    sembrar(&dueno.leer("URL ")).await;
    let pid = pid_del_servidor(carpeta.path());
    assert_eq!(fs::metadata(format!("/proc/{pid}")).unwrap().uid(), NOBODY);
    dueno.terminar();
    assert!(!vive(pid));

    // Un servicio root que hereda esos datos los sirve con el usuario de ellos.
    let pg = PostgresEmbebido::arrancar(carpeta.path(), Acceso::Zocalo).await.unwrap();
    let pid = pid_del_servidor(carpeta.path());
    assert_eq!(fs::metadata(format!("/proc/{pid}")).unwrap().uid(), NOBODY);
    assert_eq!(filas(pg.url()).await.unwrap(), 1);
    pg.detener().await.unwrap();
}
