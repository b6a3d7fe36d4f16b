//! Lo que hizo un generador de carga, o cualquiera que cuente operaciones y lo que tardó cada una.

use std::time::Duration;

use crate::medida::{Tanda, contado};

/// El resumen de una carga.
#[derive(Debug, Clone, Copy, Default)]
pub struct Carga {
    /// Las que terminaron bien.
    pub operaciones: u64,
    pub duracion: Duration,
    pub p50_ms: f64,
    pub p99_ms: f64,
    /// Las que no.
    pub errores: u64,
}

impl Carga {
    pub fn por_segundo(&self) -> f64 {
        contado(self.operaciones) / self.duracion.as_secs_f64()
    }

    /// Esta carga y lo que costó: segundos de procesador, MiB y lo que quedó por mover.
    pub fn tanda(&self, cpu: f64, rss_mib: f64, atraso: i64) -> Tanda {
        Tanda {
            por_segundo: self.por_segundo(),
            p50_ms: self.p50_ms,
            p99_ms: self.p99_ms,
            cpu_us: cpu * 1e6 / contado(self.operaciones.max(1)),
            rss_mib,
            atraso,
            errores: self.errores,
        }
    }
}
