//! Registros (*logs*): para personas en una terminal, en JSON fuera de ella. Nunca frenan al servicio.

use std::ffi::OsString;
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
    let filtro = filtro(std::env::var_os("RUST_LOG"))?;
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

fn filtro(pedido: Option<OsString>) -> Result<EnvFilter, ErrorConfig> {
    let pedido = pedido.filter(|texto| !texto.is_empty()).unwrap_or_else(|| POR_DEFECTO.into());
    pedido.to_str().and_then(|texto| EnvFilter::try_new(texto).ok()).ok_or_else(|| ErrorConfig {
        variable: "RUST_LOG",
        valor: Some(pedido.to_string_lossy().into_owned()),
        esperado: "un filtro, por ejemplo info o aeroalpes=debug,info".into(),
    })
}

#[cfg(test)]
mod pruebas {
    use std::os::unix::ffi::OsStringExt;

    use super::*;

    #[test]
    fn un_filtro_que_no_sirve_detiene_el_arranque_tambien_si_no_es_texto() {
        for bueno in ["", "info", "aeroalpes=debug,info"] {
            assert!(filtro(Some(bueno.into())).is_ok(), "{bueno}");
        }
        for malo in [b"aeroalpes=mucho".to_vec(), b"info\xff".to_vec()] {
            assert_eq!(filtro(Some(OsString::from_vec(malo))).err().map(|error| error.variable), Some("RUST_LOG"));
        }
    }
}
