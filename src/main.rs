//! La línea de órdenes: interpreta, configura, arranca y se apaga en orden.

#![warn(clippy::expect_used, clippy::unwrap_used)]

mod ordenes;

use std::process::ExitCode;

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

fn cadena(error: &dyn std::error::Error) -> String {
    let causas = std::iter::successors(Some(error), |e| e.source());
    causas.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
