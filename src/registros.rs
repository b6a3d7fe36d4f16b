//! Registros (*logs*): para personas en una terminal, en JSON fuera de ella. Nunca frenan al servicio.

use std::ffi::OsString;
use std::fmt;
use std::io::{IsTerminal, stderr};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id};
use tracing::{Event, Subscriber};
use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::fmt::format::{JsonFields, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, format};
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use crate::config::ErrorConfig;

/// Lo que se registra si `RUST_LOG` no dice otra cosa.
const POR_DEFECTO: &str = "info,sqlx=warn";

/// Cuántas líneas esperan, como mucho, a que las lea quien tarda. Su sitio se ocupa desde el principio, 32 bytes por línea.
pub const LINEAS_EN_COLA: usize = 32 * 1024;

/// Empieza a registrar en la salida de errores. Al soltar la guarda se escribe lo que falte.
///
/// # Errors
/// [`ErrorConfig`] si `RUST_LOG` no es un filtro.
pub fn empezar() -> Result<WorkerGuard, ErrorConfig> {
    let filtro = filtro(std::env::var_os("RUST_LOG"))?;
    // Con pérdida: si nadie lee la salida, se pierden líneas antes que solicitudes.
    let cola = NonBlockingBuilder::default().buffered_lines_limit(LINEAS_EN_COLA).lossy(true);
    let (salida, guarda) = cola.finish(stderr());
    let base = tracing_subscriber::registry().with(filtro).with(AnotarTraza);
    let lineas = tracing_subscriber::fmt::layer().with_writer(salida);
    if stderr().is_terminal() {
        base.with(lineas.with_target(false)).init();
    } else {
        let json = format().json().flatten_event(true).with_current_span(true).with_span_list(false);
        base.with(lineas.fmt_fields(JsonFields::new()).event_format(ConTraza(json))).init();
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

/// El mismo formato, con el `trace_id` del span más cercano que lo diga por delante: está en toda línea que nazca de una
/// solicitud o de un mensaje, por hondo que sea el span.
struct ConTraza<F>(F);

impl<S, N, F> FormatEvent<S, N> for ConTraza<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(&self, contexto: &FmtContext<'_, S, N>, mut salida: Writer<'_>, evento: &Event<'_>) -> fmt::Result {
        let traza = contexto.event_scope().and_then(|mut spans| {
            spans.find_map(|span| span.extensions().get::<Traza>().map(|Traza(traza)| traza.clone()))
        });
        let Some(traza) = traza else { return self.0.format_event(contexto, salida, evento) };
        let mut linea = String::new();
        self.0.format_event(contexto, Writer::new(&mut linea), evento)?;
        write!(salida, "{{\"trace_id\":\"{traza}\",{}", linea.strip_prefix('{').unwrap_or(&linea))
    }
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
