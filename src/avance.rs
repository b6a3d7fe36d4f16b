//! La barra de avance de los trabajos largos. Sale por la salida de errores, y sólo si es una terminal.

use indicatif::{ProgressBar, ProgressStyle};

/// Una barra que se borra al terminar.
pub struct Avance(ProgressBar);

impl Avance {
    /// Una barra en cero, con lo que se está haciendo a la izquierda.
    pub fn nuevo(que: &'static str) -> Self {
        let barra = ProgressBar::new(0).with_prefix(que);
        // La plantilla es fija; si no sirviera, queda la de la biblioteca.
        if let Ok(estilo) = ProgressStyle::with_template("{prefix} [{wide_bar}] {pos}/{len} {msg}") {
            barra.set_style(estilo.progress_chars("=> "));
        }
        Self(barra)
    }

    /// Van tantos de tantos.
    pub fn van(&self, van: u64, total: u64) {
        self.0.set_length(total);
        self.0.set_position(van);
    }

    /// En qué va.
    pub fn en(&self, detalle: String) {
        self.0.set_message(detalle);
    }
}

impl Drop for Avance {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
