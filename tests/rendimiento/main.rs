//! `./dev rendimiento`: mide el servicio contra su límite, en la misma corrida y en la misma máquina.

mod argumentos;
mod carga;
mod instancia;
mod medida;
mod mundo;
mod pgbench;
#[path = "../caos/procesos.rs"]
#[expect(dead_code, reason = "aquí se usa sólo una parte")]
mod procesos;
#[path = "../caos/servicios.rs"]
#[expect(dead_code, reason = "aquí se usa sólo una parte")]
mod servicios;
mod tabla;
mod uso;
mod wrk;

use std::error::Error;
use std::process::ExitCode;

use tokio::signal::unix::{SignalKind, signal};

use argumentos::Argumentos;
use medida::Resultados;
use mundo::Mundo;

/// Lo que impide seguir: un tropiezo de quien mide, no una meta que falta.
type Fallo = Box<dyn Error + Send + Sync>;

/// Las claves que admite `--solo`, por grupos.
const CLAVES: [&[&str]; 1] = [&["post"]];

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
    let corrida = hilos.map_err(Fallo::from).and_then(|hilos| hilos.block_on(hasta_que_interrumpan(argumentos)));
    corrida.unwrap_or_else(|fallo| {
        eprintln!("rendimiento: no se pudo medir: {fallo}");
        ExitCode::from(2)
    })
}

async fn hasta_que_interrumpan(argumentos: Argumentos) -> Result<ExitCode, Fallo> {
    let (mut interrumpir, mut terminar) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let _ = (&mut interrumpir, &mut terminar);
    let mundo = Mundo::levantar(&argumentos, std::path::Path::new("/tmp")).await?;
    let _ = Resultados::default();
    mundo.rematar();
    Ok(ExitCode::SUCCESS)
}
