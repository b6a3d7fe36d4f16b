//! Eventos de dominio: hechos consumados, con nombre en pasado.

use std::any::Any;
use std::fmt::Debug;

use time::OffsetDateTime;

/// Algo importante que ya ocurrió en el dominio y a lo que otros pueden reaccionar.
pub trait EventoDominio: Any + Debug + Send + Sync {
    /// Cuándo ocurrió (UTC).
    fn ocurrido_en(&self) -> OffsetDateTime;
}
