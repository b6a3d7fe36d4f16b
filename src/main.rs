//! La línea de órdenes: interpreta, configura, arranca y se apaga en orden.

#![warn(clippy::expect_used, clippy::unwrap_used)]

mod letras_escritas;
mod ordenes;
mod ordenes_base;
mod ordenes_letras;

use std::process::ExitCode;

use aeroalpes::seedwork::aplicacion::causas::cadena;

fn main() -> ExitCode {
    let orden = match ordenes::interpretar(std::env::args_os()) {
        Ok(orden) => orden,
        Err(salida) => return salida,
    };
    match tokio::runtime::Runtime::new().map_err(Into::into).and_then(|hilos| hilos.block_on(orden.cumplir())) {
        Ok(salida) => salida,
        Err(error) => {
            eprintln!("aeroalpes: {}", cadena(error.as_ref()));
            ExitCode::FAILURE
        }
    }
}
