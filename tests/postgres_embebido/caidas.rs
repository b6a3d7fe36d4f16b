//! Muertes súbitas del servidor, del servicio, de los dos y de un initdb a medias.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command};

use aeroalpes::seedwork::infraestructura::postgres_embebido::{Acceso, ErrorPostgres, PostgresEmbebido};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use sqlx::{Connection, PgConnection};
use tokio::runtime::Runtime;

use crate::apoyo::{
    Dueno, filas, hasta, matar, orden_de_dueno, pid_anotado, pid_del_servidor, sembrar, soy_root, vive,
};

#[tokio::test]
async fn si_muere_el_servidor_vuelve_con_los_datos() {
    let carpeta = tempfile::tempdir().unwrap();
    let pg = PostgresEmbebido::arrancar(carpeta.path(), Acceso::Zocalo).await.unwrap();
    sembrar(pg.url()).await;
    for _ in 0..2 {
        let pid = pid_del_servidor(carpeta.path());
        matar(pid);
        hasta("otro servidor", async || !vive(pid) && filas(pg.url()).await.is_ok()).await;
        assert_ne!(pid_del_servidor(carpeta.path()), pid);
        assert_eq!(filas(pg.url()).await.unwrap(), 1);
    }
    pg.detener().await.unwrap();
}

#[tokio::test]
async fn detenerlo_mientras_se_levanta_no_deja_servidor() {
    let carpeta = tempfile::tempdir().unwrap();
    let pg = PostgresEmbebido::arrancar(carpeta.path(), Acceso::Zocalo).await.unwrap();
    let caido = pid_del_servidor(carpeta.path());
    matar(caido);
    let mut relevo = caido;
    hasta("se lanza el relevo", async || {
        relevo = pid_anotado(carpeta.path()).unwrap_or(caido);
        relevo != caido
    })
    .await;
    pg.detener().await.unwrap();
    assert!(!vive(relevo), "el relevo sigue vivo");
}

#[test]
fn si_el_proceso_abandona_la_vigilancia_el_servidor_para() {
    let carpeta = tempfile::tempdir().unwrap();
    let abandonado = Runtime::new().unwrap();
    let arranque = PostgresEmbebido::arrancar(carpeta.path(), Acceso::Zocalo);
    let pg = abandonado.block_on(arranque).unwrap();
    let pid = pid_del_servidor(carpeta.path());
    drop(abandonado);
    let otro = Runtime::new().unwrap();
    otro.block_on(hasta("el servidor termina", async || !vive(pid)));
    drop(pg);
}

#[tokio::test]
async fn si_muere_el_servicio_el_siguiente_aparta_su_servidor() {
    let carpeta = tempfile::tempdir().unwrap();
    let mut dueno = Dueno::lanzar(orden_de_dueno(carpeta.path()));
    sembrar(&dueno.leer("URL ")).await;
    let pid = pid_del_servidor(carpeta.path());
    dueno.matar();
    assert!(vive(pid), "el servidor sobrevive a su servicio");

    let pg = PostgresEmbebido::arrancar(carpeta.path(), Acceso::Zocalo).await.unwrap();
    assert!(!vive(pid), "quedan dos servidores");
    assert_eq!(filas(pg.url()).await.unwrap(), 1);
    pg.detener().await.unwrap();
}

#[tokio::test]
async fn si_mueren_los_dos_estan_los_datos() {
    let carpeta = tempfile::tempdir().unwrap();
    let mut dueno = Dueno::lanzar(orden_de_dueno(carpeta.path()));
    sembrar(&dueno.leer("URL ")).await;
    let pid = pid_del_servidor(carpeta.path());
    dueno.hijo.kill().unwrap();
    matar(pid);
    dueno.hijo.wait().unwrap();
    let pg = PostgresEmbebido::arrancar(carpeta.path(), Acceso::Zocalo).await.unwrap();
    assert_eq!(filas(pg.url()).await.unwrap(), 1);
    pg.detener().await.unwrap();
}

#[tokio::test]
async fn a_un_proceso_rezagado_del_servidor_muerto_se_le_espera() {
    let carpeta = tempfile::tempdir().unwrap();
    let mut dueno = Dueno::lanzar(orden_de_dueno(carpeta.path()));
    let url = dueno.leer("URL ");
    sembrar(&url).await;
    let mut conexion = PgConnection::connect(&url).await.unwrap();
    let consulta = sqlx::query_scalar("select pg_backend_pid()");
    let rezagado: i32 = consulta.fetch_one(&mut conexion).await.unwrap();
    kill(Pid::from_raw(rezagado), Signal::SIGSTOP).unwrap();
    dueno.matar();
    matar(pid_del_servidor(carpeta.path()));

    let registro = carpeta.path().join("pg.log");
    let soltarlo = async {
        let negado = async || fs::read_to_string(&registro).unwrap().contains("shared memory");
        hasta("PostgreSQL se niega", negado).await;
        matar(rezagado);
    };
    let arranque = PostgresEmbebido::arrancar(carpeta.path(), Acceso::Zocalo);
    let (pg, ()) = tokio::join!(arranque, soltarlo);
    let pg = pg.unwrap();
    assert_eq!(filas(pg.url()).await.unwrap(), 1);
    pg.detener().await.unwrap();
}

#[tokio::test]
async fn un_superviviente_invisible_para_root_sin_ptrace_se_aparta() {
    if !soy_root() {
        return;
    }
    let carpeta = tempfile::tempdir().unwrap();
    let mut primero = Dueno::lanzar(orden_de_dueno(carpeta.path()));
    sembrar(&primero.leer("URL ")).await;
    let pid = pid_del_servidor(carpeta.path());
    primero.matar();

    let base = orden_de_dueno(carpeta.path());
    let mut orden = Command::new("setpriv");
    orden.arg("--bounding-set=-sys_ptrace").arg(base.get_program()).args(base.get_args());
    orden.envs(base.get_envs().filter_map(|(k, v)| Some((k, v?))));
    orden.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
    let mut segundo = Dueno::lanzar(orden);
    assert_eq!(filas(&segundo.leer("URL ")).await.unwrap(), 1);
    assert!(!vive(pid));
    segundo.terminar();
}

#[tokio::test]
async fn dos_servicios_no_comparten_carpeta() {
    let carpeta = tempfile::tempdir().unwrap();
    let mut dueno = Dueno::lanzar(orden_de_dueno(carpeta.path()));
    let url = dueno.leer("URL ");
    sembrar(&url).await;
    let error = PostgresEmbebido::arrancar(carpeta.path(), Acceso::Zocalo).await.unwrap_err();
    assert!(matches!(error, ErrorPostgres::CarpetaEnUso { .. }), "{error}");
    assert!(error.to_string().contains(&dueno.hijo.id().to_string()), "{error}");
    assert_eq!(filas(&url).await.unwrap(), 1, "el primero sigue");
    dueno.terminar();
}

#[tokio::test]
async fn ctrl_c_en_la_terminal_no_alcanza_al_servidor() {
    let carpeta = tempfile::tempdir().unwrap();
    let mut orden = orden_de_dueno(carpeta.path());
    orden.process_group(0);
    let mut dueno = Dueno::lanzar(orden);
    let url = dueno.leer("URL ");
    sembrar(&url).await;
    let grupo = i32::try_from(dueno.hijo.id()).unwrap();
    kill(Pid::from_raw(-grupo), Signal::SIGINT).unwrap();
    dueno.hijo.wait().unwrap();
    assert_eq!(filas(&url).await.unwrap(), 1);
    let pg = PostgresEmbebido::arrancar(carpeta.path(), Acceso::Zocalo).await.unwrap();
    pg.detener().await.unwrap();
}

#[tokio::test]
async fn un_initdb_interrumpido_se_repite() {
    let carpeta = tempfile::tempdir().unwrap();
    let mut dueno = Dueno::lanzar(orden_de_dueno(carpeta.path()));
    hasta("initdb trabaja", async || initdb_en_marcha(carpeta.path())).await;
    dueno.matar();
    assert!(!carpeta.path().join("datos").exists());
    let pg = PostgresEmbebido::arrancar(carpeta.path(), Acceso::Zocalo).await.unwrap();
    sembrar(pg.url()).await;
    pg.detener().await.unwrap();
}

fn initdb_en_marcha(carpeta: &Path) -> bool {
    let entradas = fs::read_dir(carpeta).unwrap().flatten();
    let mut provisionales = entradas.filter(|e| e.file_name().to_string_lossy().starts_with("nuevo-"));
    provisionales.any(|p| p.path().join("datos/base").exists())
}

#[tokio::test]
async fn una_anotacion_con_numero_reutilizado_o_zombi_no_estorba() {
    let carpeta = tempfile::tempdir().unwrap();
    let pg = PostgresEmbebido::arrancar(carpeta.path(), Acceso::Zocalo).await.unwrap();
    sembrar(pg.url()).await;
    let anotado = carpeta.path().join("datos/postmaster.pid");
    let candado = carpeta.path().join("zocalo/.s.PGSQL.5432.lock");
    let texto = fs::read_to_string(&anotado).unwrap();
    let (_, resto) = texto.split_once('\n').unwrap();
    pg.detener().await.unwrap();

    let propietario = fs::metadata(carpeta.path().join("datos")).unwrap();
    let mut ajeno = como(&propietario, "cat");
    let mut zombi = como(&propietario, "true");
    let pid_zombi = i32::try_from(zombi.id()).unwrap();
    hasta("es zombi", async || !vive(pid_zombi)).await;
    for pid in [ajeno.id(), zombi.id()] {
        for ruta in [&anotado, &candado] {
            fs::write(ruta, format!("{pid}\n{resto}")).unwrap();
        }
        let pg = PostgresEmbebido::arrancar(carpeta.path(), Acceso::Zocalo).await.unwrap();
        assert_eq!(filas(pg.url()).await.unwrap(), 1);
        pg.detener().await.unwrap();
    }
    assert!(ajeno.try_wait().unwrap().is_none(), "se señaló a un proceso ajeno");
    ajeno.kill().unwrap();
    ajeno.wait().unwrap();
    zombi.wait().unwrap();
}

// Un proceso del usuario de los datos que espera en su entrada.
fn como(propietario: &fs::Metadata, programa: &str) -> Child {
    let mut orden = Command::new(programa);
    orden.stdin(std::process::Stdio::piped());
    if soy_root() {
        orden.uid(propietario.uid()).gid(propietario.gid());
    }
    orden.spawn().unwrap()
}
