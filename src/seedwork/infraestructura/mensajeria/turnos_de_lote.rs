//! Los turnos de los lotes que se atienden al llegar: se piden antes de reunirlos, y mientras se esperan, crecen.

use std::pin::pin;
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

/// Lotes a la vez, vengan de las particiones que vengan.
const A_LA_VEZ: usize = 2;
/// Lo más que se conserva un turno. El lote que tarda más sigue, pero no detiene a los de las demás particiones.
const DURACION: Duration = Duration::from_millis(100);

/// Quien da los turnos, por orden de llegada.
pub struct TurnosDeLote(Semaphore);

/// Un turno. Al soltarlo, pasa al siguiente.
#[must_use]
pub struct TurnoDeLote<'a>(Option<SemaphorePermit<'a>>);

impl Default for TurnosDeLote {
    fn default() -> Self {
        Self(Semaphore::new(A_LA_VEZ))
    }
}

impl TurnosDeLote {
    /// Espera un turno.
    pub async fn esperar(&self) -> TurnoDeLote<'_> {
        // Los turnos no se cierran: siempre lo hay.
        TurnoDeLote(self.0.acquire().await.ok())
    }
}

impl TurnoDeLote<'_> {
    /// El de quien no necesita ninguno.
    pub const fn sobra() -> Self {
        Self(None)
    }

    /// Conserva el turno mientras dura un trabajo, o un décimo de segundo si dura más.
    pub async fn durante<T>(self, trabajo: impl Future<Output = T>) -> T {
        let (Self(turno), mut trabajo) = (self, pin!(trabajo));
        if let Ok(hecho) = timeout(DURACION, &mut trabajo).await {
            return hecho;
        }
        drop(turno);
        trabajo.await
    }
}

#[cfg(test)]
mod pruebas {
    use futures_util::FutureExt;
    use tokio::sync::Notify;

    use super::*;

    #[tokio::test]
    async fn no_hay_mas_turnos_que_lotes_a_la_vez_y_al_acabar_uno_empieza_otro() {
        let turnos = TurnosDeLote::default();
        let (_uno, otro) = (turnos.esperar().await, turnos.esperar().await);
        assert!(turnos.esperar().now_or_never().is_none());
        assert_eq!(otro.durante(async { 7 }).await, 7);
        assert!(turnos.esperar().now_or_never().is_some());
    }

    #[tokio::test]
    async fn el_lote_que_se_detiene_sigue_pero_deja_su_turno() {
        let (turnos, siga) = (TurnosDeLote::default(), Notify::new());
        let (_uno, otro) = (turnos.esperar().await, turnos.esperar().await);
        let detenido = otro.durante(siga.notified());
        let tercero = async {
            let _turno = turnos.esperar().await;
            siga.notify_one();
        };
        let ambos = async { tokio::join!(detenido, tercero) };
        assert!(timeout(Duration::from_mins(1), ambos).await.is_ok());
    }
}
