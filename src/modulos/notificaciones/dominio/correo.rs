//! Un correo por enviar: sólo identidades, y la paciencia con que se intenta.

use std::time::Duration;

use time::OffsetDateTime;
use uuid::Uuid;

use crate::identidad;

/// La espera después del primer intento fallido; se dobla en cada uno.
const PRIMERA_ESPERA: Duration = Duration::from_secs(1);
/// La espera más larga: cuando el servidor vuelve, se nota pronto.
const ESPERA_MAXIMA: Duration = Duration::from_mins(10);
/// Cuánto se insiste desde que se anotó: lo menos que aconseja la RFC 5321, sección 4.5.4.1.
const SE_INSISTE: Duration = Duration::from_hours(4 * 24);

identidad!(
    /// Identidad de un correo: la del evento que lo causó, así que un evento no causa dos.
    IdCorreo
);

/// De qué trata un correo.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asunto {
    /// El código de validación de ese usuario.
    Codigo(Uuid),
    /// La confirmación de esa reserva.
    Reserva(Uuid),
}

/// Un correo que espera, tomado por una instancia.
#[derive(Debug, Clone, Copy)]
pub struct CorreoPendiente {
    /// Su identidad.
    pub id: IdCorreo,
    /// De qué trata.
    pub asunto: Asunto,
    /// Cuándo se anotó.
    pub anotado_en: OffsetDateTime,
    /// Cuántas veces se ha tomado, contando esta.
    pub intentos: u32,
}

/// Cómo terminó un correo.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Desenlace {
    /// El servidor se hizo cargo de él.
    Enviado,
    /// Ya no hay a quién enviarlo, o ya no le sirve.
    Descartado,
    /// No se pudo entregar, ni se intentará más; con qué respondió el servidor, si respondió.
    NoEntregable(Option<u16>),
}

impl CorreoPendiente {
    /// Si ya se insistió bastante.
    #[must_use]
    pub fn se_acabo_el_plazo(&self, ahora: OffsetDateTime) -> bool {
        ahora - self.anotado_en >= SE_INSISTE
    }

    /// Cuánto se espera, como mucho, antes del intento siguiente.
    #[must_use]
    pub fn espera(&self) -> Duration {
        let veces = self.intentos.saturating_sub(1).min(16);
        PRIMERA_ESPERA.saturating_mul(1 << veces).min(ESPERA_MAXIMA)
    }
}

#[cfg(test)]
mod pruebas {
    use time::macros::datetime;

    use super::*;

    const HOY: OffsetDateTime = datetime!(2026-11-24 10:00 UTC);

    fn tras(intentos: u32) -> CorreoPendiente {
        CorreoPendiente { id: IdCorreo::nueva(), asunto: Asunto::Codigo(Uuid::nil()), anotado_en: HOY, intentos }
    }

    #[test]
    fn la_espera_se_dobla_hasta_un_maximo() {
        for (intentos, segundos) in [(1, 1), (2, 2), (5, 16), (10, 512), (11, 600), (99, 600), (u32::MAX, 600)] {
            assert_eq!(tras(intentos).espera(), Duration::from_secs(segundos), "{intentos}");
        }
    }

    #[test]
    fn se_insiste_cuatro_dias() {
        let casi = HOY + SE_INSISTE - Duration::from_micros(1);
        assert!(!tras(1).se_acabo_el_plazo(casi) && tras(1).se_acabo_el_plazo(HOY + SE_INSISTE));
    }
}
