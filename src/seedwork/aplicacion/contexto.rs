//! Quién, cuándo y a raíz de qué pidió algo: viaja desde la petición hasta la bandeja de salida.

use time::OffsetDateTime;
use uuid::Uuid;

use super::actor::Actor;

/// El contexto de una orden. Los handlers lo leen de la unidad de trabajo.
#[derive(Debug, Clone)]
pub struct Contexto {
    /// Quién lo pide.
    pub actor: Actor,
    /// Identifica todo lo que nace de una misma petición.
    pub correlacion: String,
    /// El mensaje que provocó la orden, si la provocó un mensaje.
    pub causa: Option<Uuid>,
    /// Traza del W3C (*Trace Context*, cabecera `traceparent`).
    pub traceparent: String,
    /// El momento de la orden: el mismo para todo lo que cambie (UTC, con precisión de microsegundos).
    pub momento: OffsetDateTime,
}

impl Contexto {
    /// El contexto de algo que empieza ahora y pide un sistema de confianza; lo que llega por el bus lo es.
    #[must_use]
    pub fn nuevo(correlacion: String, traceparent: String) -> Self {
        Self { actor: Actor::Servicio, correlacion, causa: None, traceparent, momento: ahora() }
    }
}

impl Contexto {
    /// El mismo contexto, de parte de ese actor.
    #[must_use]
    pub fn de(self, actor: Actor) -> Self {
        Self { actor, ..self }
    }

    /// La identidad de la traza: una parte de su `traceparent`, o todo él si no tiene la forma debida.
    #[must_use]
    pub fn traza(&self) -> &str {
        traza_de(&self.traceparent)
    }

    /// El mismo contexto, en el momento en que se empieza a cumplir la orden.
    #[must_use]
    pub fn ahora(self) -> Self {
        Self { momento: ahora(), ..self }
    }
}

/// La identidad de la traza de un `traceparent` (W3C), o todo él si no tiene la forma debida.
#[must_use]
pub fn traza_de(traceparent: &str) -> &str {
    traceparent.split('-').nth(1).unwrap_or(traceparent)
}

/// El instante actual con la precisión que guarda PostgreSQL: lo que se responde es lo que quedó guardado.
fn ahora() -> OffsetDateTime {
    let ahora = OffsetDateTime::now_utc();
    ahora.replace_nanosecond(ahora.microsecond() * 1_000).unwrap_or(ahora)
}

#[cfg(test)]
mod pruebas {
    use super::*;

    #[test]
    fn el_momento_no_tiene_mas_precision_que_la_guardada() {
        let contexto = Contexto::nuevo("c".into(), "t".into());
        assert_eq!(contexto.momento.nanosecond() % 1_000, 0);
    }
}
