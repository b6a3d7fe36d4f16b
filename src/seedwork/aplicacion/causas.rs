//! La causa completa de un error, para los registros y la consola.

use std::error::Error;

/// El error y sus causas, de fuera a dentro, separados por dos puntos.
pub fn cadena(error: &dyn Error) -> String {
    let causas = std::iter::successors(Some(error), |&error| error.source());
    causas.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
