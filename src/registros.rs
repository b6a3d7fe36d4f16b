//! Registros (*logs*): para personas en una terminal, en JSON fuera de ella. Nunca frenan al servicio.

use std::io::{IsTerminal, stderr};

use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::EnvFilter;

use crate::config::ErrorConfig;

/// Lo que se registra si `RUST_LOG` no dice otra cosa.
const POR_DEFECTO: &str = "info,sqlx=warn";

/// Empieza a registrar en la salida de errores. Al soltar la guarda se escribe lo que falte.
///
/// # Errors
/// [`ErrorConfig`] si `RUST_LOG` no es un filtro.
pub fn empezar() -> Result<WorkerGuard, ErrorConfig> {
    let texto = std::env::var("RUST_LOG").ok().filter(|texto| !texto.is_empty());
    let texto = texto.unwrap_or_else(|| POR_DEFECTO.into());
    let filtro = EnvFilter::try_new(&texto).map_err(|_| ErrorConfig {
        variable: "RUST_LOG",
        valor: Some(texto.clone()),
        esperado: "un filtro, por ejemplo info o aeroalpes=debug,info".into(),
    })?;
    // Con pérdida: si nadie lee la salida, se pierden líneas antes que solicitudes.
    let (salida, guarda) = NonBlockingBuilder::default().lossy(true).finish(stderr());
    let base = tracing_subscriber::fmt().with_env_filter(filtro).with_writer(salida);
    if stderr().is_terminal() {
        base.with_target(false).init();
    } else {
        base.json().flatten_event(true).with_current_span(true).with_span_list(false).init();
    }
    Ok(guarda)
}
