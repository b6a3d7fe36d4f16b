//! `./dev rendimiento`: mide el servicio contra su límite, en la misma corrida y en la misma máquina.

mod argumentos;
mod arranques;
mod bus;
mod carga;
mod crecimiento;
mod dibujo;
mod http;
mod informe;
mod instancia;
mod limites;
mod maquina;
mod medida;
mod metas;
mod mundo;
mod pgbench;
#[path = "../caos/procesos.rs"]
mod procesos;
mod remojo;
mod reparto;
#[path = "../caos/servicios.rs"]
#[expect(dead_code, reason = "aquí se usa sólo una parte")]
mod servicios;
mod tabla;
mod uso;
mod wrk;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use tempfile::TempDir;
use tokio::signal::unix::{SignalKind, signal};

use argumentos::Argumentos;
use maquina::Maquina;
use medida::Resultados;
use mundo::Mundo;

/// Lo que impide seguir: un tropiezo de quien mide, no una meta que falta.
type Fallo = Box<dyn Error + Send + Sync>;

/// Las claves que admite `--solo`, por grupos, en el orden en que se miden.
const CLAVES: [&[&str]; 6] =
    [arranques::CLAVES, http::CLAVES, bus::CLAVES, reparto::CLAVES, crecimiento::CLAVES, remojo::CLAVES];

/// Todas las claves que admite `--solo`.
fn claves() -> Vec<&'static str> {
    CLAVES.concat()
}

fn main() -> ExitCode {
    let argumentos = match Argumentos::leer() {
        Ok(argumentos) => argumentos,
        Err(codigo) => return codigo,
    };
    let hilos = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let corrida = hilos.map_err(Fallo::from).and_then(|hilos| hilos.block_on(hasta_que_interrumpan(&argumentos)));
    corrida.unwrap_or_else(|fallo| {
        eprintln!("rendimiento: no se pudo medir: {fallo}");
        ExitCode::from(2)
    })
}

async fn hasta_que_interrumpan(argumentos: &Argumentos) -> Result<ExitCode, Fallo> {
    let (carpeta, _temporal) = carpeta(argumentos.conservar)?;
    let (mut interrumpir, mut terminar) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let mundo = tokio::select! {
        mundo = Mundo::levantar(argumentos, &carpeta) => mundo?,
        _ = interrumpir.recv() => return Ok(ExitCode::from(130)),
        _ = terminar.recv() => return Ok(ExitCode::from(143)),
    };
    let fin = tokio::select! {
        fin = correr(argumentos, &mundo) => fin,
        _ = interrumpir.recv() => Ok(ExitCode::from(130)),
        _ = terminar.recv() => Ok(ExitCode::from(143)),
    };
    mundo.rematar();
    fin
}

/// La carpeta de la corrida y, si no se conserva, quien la borra al soltarlo.
fn carpeta(conservar: bool) -> Result<(PathBuf, Option<TempDir>), Fallo> {
    // Como root, PostgreSQL corre bajo otro usuario, y tiene que poder llegar.
    let permisos = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    let temporal = tempfile::Builder::new().prefix("aeroalpes-rendimiento.").permissions(permisos).tempdir()?;
    if !conservar {
        return Ok((temporal.path().to_owned(), Some(temporal)));
    }
    let ruta = temporal.keep();
    println!("rendimiento: los datos y los registros quedan en {}", ruta.display());
    Ok((ruta, None))
}

async fn correr(argumentos: &Argumentos, mundo: &Mundo) -> Result<ExitCode, Fallo> {
    let (maquina, mut resultados) = (Maquina::mirar(mundo).await?, Resultados::default());
    println!("rendimiento: {} rondas de {} s; {maquina}", argumentos.rondas, argumentos.segundos);
    println!("{}", tabla::cabecera());
    arranques::medir(mundo, &mut resultados).await;
    mundo.estrenar().await?;
    bus::calentar(mundo).await?;
    http::medir(mundo, &mut resultados).await;
    bus::medir(mundo, &mut resultados).await;
    reparto::medir(mundo, &mut resultados).await;
    crecimiento::medir(mundo, &mut resultados).await;
    remojo::medir(mundo, &mut resultados).await;
    concluir(argumentos, &maquina, &resultados)
}

/// Juzga, cuenta y, si se pidió o la corrida es entera, escribe.
fn concluir(argumentos: &Argumentos, maquina: &Maquina, resultados: &Resultados) -> Result<ExitCode, Fallo> {
    let mut juicios = metas::juzgar(resultados);
    if !argumentos.solo.is_empty() {
        juicios.retain(|juicio| juicio.medida.is_some());
    }
    println!("\n{}", tabla::metas(&juicios));
    let docs = argumentos.es_entera().then(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("docs"));
    if let Some(carpeta) = argumentos.salida.clone().or(docs) {
        informe::escribir(&carpeta, argumentos, maquina, resultados, &juicios)?;
    }
    for (clave, por_que) in &resultados.sin_medir {
        eprintln!("rendimiento: {clave} quedó sin medir: {por_que}");
    }
    if !resultados.sin_medir.is_empty() {
        return Ok(ExitCode::from(2));
    }
    if argumentos.rondas < argumentos::RONDAS {
        println!("rendimiento: con menos de {} rondas no hay veredicto", argumentos::RONDAS);
        return Ok(ExitCode::SUCCESS);
    }
    let faltan = juicios.iter().filter(|juicio| juicio.cumplida == Some(false)).count();
    println!("rendimiento: {} metas, {faltan} sin cumplir", juicios.len());
    Ok(ExitCode::from(u8::from(faltan > 0)))
}
