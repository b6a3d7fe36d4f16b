//! Registros (*logs*): para personas en una terminal, en JSON fuera de ella. Nunca frenan al servicio.

mod json;
mod salida;

use std::error::Error;
use std::ffi::OsString;
use std::fmt;
use std::io::{IsTerminal, stderr};

use tracing::Subscriber;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id};
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use self::json::{Linea, Miembros};
pub use self::salida::Guarda;
use self::salida::Salida;
use crate::config::ErrorConfig;

/// Lo que se registra si `RUST_LOG` no dice otra cosa.
const POR_DEFECTO: &str = "info,sqlx=warn";

/// Empieza a registrar en la salida de errores. Al soltar la guarda se escribe lo que falte.
///
/// # Errors
/// [`ErrorConfig`] si `RUST_LOG` no es un filtro; [`std::io::Error`] si el sistema no da otro hilo.
pub fn empezar() -> Result<Guarda, Box<dyn Error>> {
    let filtro = filtro(std::env::var_os("RUST_LOG"))?;
    let (salida, guarda) = Salida::hacia(stderr())?;
    let base = tracing_subscriber::registry().with(filtro).with(AnotarTraza);
    let lineas = tracing_subscriber::fmt::layer().with_writer(salida);
    if stderr().is_terminal() {
        base.with(lineas.with_target(false)).init();
    } else {
        base.with(lineas.fmt_fields(Miembros).event_format(Linea)).init();
    }
    Ok(guarda)
}

/// La identidad de la traza de un span.
struct Traza(String);

/// Guarda el `trace_id` de cada span que lo dice.
struct AnotarTraza;

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for AnotarTraza {
    fn on_new_span(&self, atributos: &Attributes<'_>, id: &Id, contexto: Context<'_, S>) {
        let mut hallada = Hallada(None);
        atributos.record(&mut hallada);
        if let (Some(traza), Some(span)) = (hallada.0, contexto.span(id)) {
            span.extensions_mut().insert(Traza(traza));
        }
    }
}

struct Hallada(Option<String>);

impl Visit for Hallada {
    fn record_str(&mut self, campo: &Field, valor: &str) {
        // Va tal cual dentro de un JSON, y en los mensajes puede venir de fuera.
        if campo.name() == "trace_id" && valor.bytes().all(|b| b.is_ascii_hexdigit()) {
            self.0 = Some(valor.to_owned());
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn fmt::Debug) {}
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
