//! La línea de órdenes: interpreta, configura, arranca y se apaga en orden.

#![warn(clippy::expect_used, clippy::unwrap_used)]

mod avance;
mod ordenes;
mod ordenes_base;
mod ordenes_estado;
mod ordenes_letras;
mod ordenes_letras_texto;

use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use aeroalpes::config::leer_hilos;
use aeroalpes::seedwork::aplicacion::causas::cadena;
use tikv_jemallocator::Jemalloc;
use tokio::runtime::Builder;

use self::ordenes::Orden;

/// De dónde sale la memoria (docs/adr/0029).
#[global_allocator]
static MEMORIA: Jemalloc = Jemalloc;

/// Cuánto se espera, ya terminado todo, a lo que no se puede cortar.
const GRACIA: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    let orden = match ordenes::interpretar(std::env::args_os()) {
        Ok(orden) => orden,
        Err(salida) => return salida,
    };
    match cumplir(orden) {
        Ok(salida) => salida,
        Err(error) => {
            eprintln!("aeroalpes: {}", cadena(error.as_ref()));
            ExitCode::FAILURE
        }
    }
}

fn cumplir(orden: Orden) -> Result<ExitCode, Box<dyn Error>> {
    let hilos = leer_hilos(&|variable| std::env::var_os(variable))?;
    let ejecucion = Builder::new_multi_thread().worker_threads(hilos).enable_all().build()?;
    let fin = ejecucion.block_on(orden.cumplir());
    // Lo que se quedó esperando al sistema (un nombre que nadie resuelve, por ejemplo) no retrasa el final.
    ejecucion.shutdown_timeout(GRACIA);
    fin
}
