//! Los turnos de los lotes que se atienden al llegar: se piden antes de reunirlos, y mientras se esperan, crecen.

use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

/// Lotes a la vez, vengan de las particiones que vengan.
const A_LA_VEZ: usize = 2;
/// Sin que ningún lote avance en este tiempo, están detenidos: siguen, pero dejan su turno a los de las demás particiones.
const QUIETUD: Duration = Duration::from_millis(500);

/// Quien da los turnos, por orden de llegada.
pub struct TurnosDeLote {
    libres: Semaphore,
    avances: AtomicU64,
}

/// Un turno. Al soltarlo, pasa al siguiente.
#[must_use]
pub struct TurnoDeLote<'a>(Option<(SemaphorePermit<'a>, &'a AtomicU64)>);

impl Default for TurnosDeLote {
    fn default() -> Self {
        Self { libres: Semaphore::new(A_LA_VEZ), avances: AtomicU64::new(0) }
    }
}

impl TurnosDeLote {
    /// Espera un turno.
    pub async fn esperar(&self) -> TurnoDeLote<'_> {
        // Los turnos no se cierran: siempre lo hay.
        TurnoDeLote(self.libres.acquire().await.ok().map(|turno| (turno, &self.avances)))
    }

    /// Dice que un lote avanzó.
    pub fn avanzar(&self) {
        self.avances.fetch_add(1, Ordering::Relaxed);
    }
}

impl TurnoDeLote<'_> {
    /// El de quien no necesita ninguno.
    pub const fn sobra() -> Self {
        Self(None)
    }

    /// Conserva el turno mientras dura un trabajo o, si se detiene, hasta entonces.
    pub async fn durante<T>(self, trabajo: impl Future<Output = T>) -> T {
        let Self(Some((turno, avances))) = self else { return trabajo.await };
        let (mut trabajo, mut vistos) = (pin!(trabajo), None);
        while vistos != Some(avances.load(Ordering::Relaxed)) {
            vistos = Some(avances.load(Ordering::Relaxed));
            if let Ok(hecho) = timeout(QUIETUD, &mut trabajo).await {
                return hecho;
            }
        }
        drop(turno);
        trabajo.await
    }
}

#[cfg(test)]
mod pruebas {
    use futures_util::FutureExt;
    use tokio::sync::Notify;
    use tokio::time::interval;

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
    async fn el_lote_que_avanza_conserva_su_turno() {
        let turnos = TurnosDeLote::default();
        let (_uno, otro) = (turnos.esperar().await, turnos.esperar().await);
        let mut vueltas = interval(QUIETUD / 10);
        let avanza = otro.durante(async {
            for _ in 0..30 {
                vueltas.tick().await;
                turnos.avanzar();
            }
        });
        let mut tercero = pin!(turnos.esperar());
        tokio::select! {
            biased;
            () = avanza => {}
            _ = &mut tercero => panic!("otro empezó antes de que acabara"),
        }
        drop(tercero.await);
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
