//! Trazas (OpenTelemetry): un tramo (*span*) por paso, encadenados por el `traceparent` que ya viaja en el contexto.
//!
//! Sin nadie a quien exportarlas no se crea ninguno, y el `traceparent` que llegó sigue como llegó.

use std::borrow::Cow;
use std::sync::OnceLock;

use opentelemetry::trace::{
    Span, SpanBuilder, SpanContext, SpanId, SpanKind, Status, TraceContextExt, TraceFlags, TraceId, TraceState, Tracer,
};
use opentelemetry::{Context, KeyValue, Value};
use opentelemetry_sdk::trace::SdkTracer;

use crate::seedwork::aplicacion::contexto::Contexto;

static TRAZADOR: OnceLock<SdkTracer> = OnceLock::new();

/// Empieza a crear tramos con ese trazador, el mismo para todo el proceso; dice si no lo había ya.
pub fn encender(trazador: SdkTracer) -> bool {
    TRAZADOR.set(trazador).is_ok()
}

/// Qué hace un tramo (*span kind*).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clase {
    /// Atender una solicitud.
    Servidor,
    /// Dejar un mensaje.
    Productor,
    /// Llevar al bróker un mensaje que ya tenía su tramo.
    Cliente,
    /// Atender un mensaje.
    Consumidor,
    /// Algo de puertas adentro.
    Interno,
}

impl From<Clase> for SpanKind {
    fn from(clase: Clase) -> Self {
        match clase {
            Clase::Servidor => Self::Server,
            Clase::Productor => Self::Producer,
            Clase::Cliente => Self::Client,
            Clase::Consumidor => Self::Consumer,
            Clase::Interno => Self::Internal,
        }
    }
}

/// Un paso de una traza. Dura hasta que se suelta; no es nada si no se exportan trazas.
pub struct Tramo(Option<opentelemetry_sdk::trace::Span>);

impl Tramo {
    /// Empieza un tramo que sigue al de ese `traceparent`, si lo hay y está bien formado; si no, empieza una traza.
    pub fn abrir(clase: Clase, nombre: impl FnOnce() -> Cow<'static, str>, padre: Option<&str>) -> Self {
        let Some(trazador) = TRAZADOR.get() else { return Self(None) };
        let padre = padre
            .and_then(interpretar)
            .map_or_else(Context::new, |padre| Context::new().with_remote_span_context(padre));
        let tramo = SpanBuilder::from_name(nombre()).with_kind(clase.into());
        Self(Some(trazador.build_with_context(tramo, &padre)))
    }

    /// Uno que no es nada.
    pub const fn ninguno() -> Self {
        Self(None)
    }

    /// El tramo de dejar un mensaje en un tópico.
    pub fn de_envio(topico: &'static str, contexto: &Contexto) -> Self {
        let nombre = || Cow::Owned(format!("send {topico}"));
        let mut tramo = Self::abrir(Clase::Productor, nombre, Some(&contexto.traceparent));
        tramo.atributo("messaging.operation.type", || "send");
        tramo.atributo("messaging.destination.name", || topico);
        tramo
    }

    /// Su `traceparent`: el padre de lo que siga.
    #[must_use]
    pub fn traceparent(&self) -> Option<String> {
        let suyo = self.0.as_ref()?.span_context();
        Some(format!("00-{}-{}-{:02x}", suyo.trace_id(), suyo.span_id(), suyo.trace_flags().to_u8()))
    }

    /// Hace que lo que siga en ese contexto cuelgue de este tramo.
    pub fn encadenar(&self, contexto: &mut Contexto) {
        if let Some(traceparent) = self.traceparent() {
            contexto.traceparent = traceparent;
        }
    }

    /// El mismo contexto, colgado de este tramo.
    pub fn en<'a>(&self, contexto: &'a Contexto) -> Cow<'a, Contexto> {
        match self.traceparent() {
            Some(traceparent) => Cow::Owned(Contexto { traceparent, ..contexto.clone() }),
            None => Cow::Borrowed(contexto),
        }
    }

    /// Añade un dato, con el nombre que le dan las convenciones de OpenTelemetry. Nunca uno personal.
    pub fn atributo<V: Into<Value>>(&mut self, nombre: &'static str, valor: impl FnOnce() -> V) {
        if let Some(tramo) = &mut self.0 {
            tramo.set_attribute(KeyValue::new(nombre, valor()));
        }
    }

    /// Dice que el paso falló. El porqué queda en los registros.
    pub fn fallar(&mut self) {
        if let Some(tramo) = &mut self.0 {
            tramo.set_status(Status::error(""));
        }
    }
}

/// Lo que dice un `traceparent` de la versión 00 (*Trace Context* del W3C).
fn interpretar(traceparent: &str) -> Option<SpanContext> {
    let partes: Vec<_> = traceparent.split('-').collect();
    let ["00", traza, tramo, marcas] = partes[..] else { return None };
    let (traza, tramo) = (TraceId::from_hex(traza).ok()?, SpanId::from_hex(tramo).ok()?);
    let marcas = TraceFlags::new(u8::from_str_radix(marcas, 16).ok()?);
    Some(SpanContext::new(traza, tramo, marcas, true, TraceState::default())).filter(SpanContext::is_valid)
}

#[cfg(test)]
mod pruebas {
    use opentelemetry::trace::TracerProvider;
    use opentelemetry_sdk::trace::SdkTracerProvider;

    use super::*;

    const DE_FUERA: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn el_traceparent_es_el_del_tramo_y_sigue_al_que_llego() {
        let mut contexto = Contexto::nuevo("c".into(), DE_FUERA.into());
        Tramo::ninguno().encadenar(&mut contexto);
        assert_eq!(contexto.traceparent, DE_FUERA, "sin exportar, sigue como llegó");
        encender(SdkTracerProvider::builder().build().tracer("prueba"));
        let tramo = Tramo::abrir(Clase::Interno, || "x".into(), Some(DE_FUERA));
        tramo.encadenar(&mut contexto);
        let (traza, propio) = (&contexto.traceparent[..35], &contexto.traceparent[36..52]);
        assert_eq!(traza, &DE_FUERA[..35]);
        assert_ne!(propio, &DE_FUERA[36..52]);
        for mala in ["", "00-x-y-01", "00-00000000000000000000000000000000-00f067aa0ba902b7-01"] {
            let suelto = Tramo::abrir(Clase::Interno, || "x".into(), Some(mala));
            assert_ne!(suelto.traceparent().unwrap()[..35], DE_FUERA[..35], "{mala} empieza otra traza");
        }
    }
}
