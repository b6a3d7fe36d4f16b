//! Contrapresión (*backpressure*): cuánto trabajo se hace a la vez, cuánto espera su turno y a partir de dónde se niega.

use std::sync::Arc;
use std::time::Duration;

use rand::RngExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};

use crate::seedwork::dominio::repositorios::Falla;

/// Cuánto se tarda, como mucho, en negar a quien no halló lugar: negarse en el acto invita a repetir en el acto, y a cien
/// veces la capacidad el servicio no haría otra cosa que negarse.
const NEGATIVA: Duration = Duration::from_secs(1);

/// Cuánto trabajo se admite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cupo {
    /// Cuánto se hace a la vez.
    pub a_la_vez: usize,
    /// Cuánto más puede esperar turno; lo que pase de ahí se niega sin esperarlo.
    pub en_espera: usize,
    /// Cuánto se espera el turno antes de negarse.
    pub espera: Duration,
}

impl Default for Cupo {
    /// Lo que se admite si nadie dice otra cosa: 64 clientes a la vez no llegan a oír que no.
    fn default() -> Self {
        Self { a_la_vez: 32, en_espera: 10_000, espera: Duration::from_secs(20) }
    }
}

/// Turnos para trabajar, por orden de llegada.
#[derive(Clone)]
pub struct Turnos {
    en_curso: Arc<Semaphore>,
    admitidos: Arc<Semaphore>,
    espera: Duration,
}

/// El permiso para trabajar; al soltarlo, pasa el siguiente.
pub struct Turno {
    _en_curso: OwnedSemaphorePermit,
    _admitido: OwnedSemaphorePermit,
}

impl Turnos {
    /// Los turnos de un cupo.
    pub fn nuevos(Cupo { a_la_vez, en_espera, espera }: Cupo) -> Self {
        let semaforo = |lugares: usize| Arc::new(Semaphore::new(lugares.min(Semaphore::MAX_PERMITS)));
        Self { en_curso: semaforo(a_la_vez), admitidos: semaforo(a_la_vez.saturating_add(en_espera)), espera }
    }

    /// Espera el turno. Quien deja de esperar deja también su lugar.
    ///
    /// # Errors
    /// [`Falla::Saturada`] si no queda lugar para esperar, o si el turno no llega a tiempo.
    pub async fn tomar(&self) -> Result<Turno, Falla> {
        let Ok(admitido) = Arc::clone(&self.admitidos).try_acquire_owned() else {
            let pausa = NEGATIVA.mul_f64(rand::rng().random_range(0.5..=1.0));
            sleep(pausa).await;
            return Err(Falla::Saturada);
        };
        let en_curso = timeout(self.espera, Arc::clone(&self.en_curso).acquire_owned()).await;
        let en_curso = en_curso.map_err(|_| Falla::Saturada)?.map_err(Falla::interna)?;
        Ok(Turno { _en_curso: en_curso, _admitido: admitido })
    }
}
