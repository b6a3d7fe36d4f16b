//! Fallas seguidas: se cuentan una vez, y cada una hace esperar más que la anterior.

use std::time::Duration;

use rand::RngExt;

/// La espera después de la primera falla; se dobla en cada una.
const PRIMERA: Duration = Duration::from_millis(100);
/// La pausa más larga de quien insiste con una dependencia: es uno por trabajo e instancia, y todo lo demás lo espera a
/// él. Con dos segundos, de los cinco que se prometen para volver a moverse casi la mitad se iba en esta pausa.
const PAUSA_MAXIMA: Duration = Duration::from_millis(500);
/// La espera más larga de una entrega a la que le faltó una dependencia: son muchas, y no deben volver todas a la vez.
pub const ESPERA_DEPENDENCIA: Duration = Duration::from_secs(2);

/// Cuánto esperar después de tantas fallas: el doble cada vez hasta ese máximo, entre la mitad y el total, al azar (*back-off*
/// con *jitter*). Así no vuelven a la vez todos los que fallaron a la vez.
#[must_use]
pub fn espera(fallas: u32, maxima: Duration) -> Duration {
    let doblada = PRIMERA.saturating_mul(1 << fallas.min(12)).min(maxima);
    doblada.mul_f64(rand::rng().random_range(0.5..=1.0))
}

/// Cuántas veces seguidas viene fallando algo.
#[derive(Default)]
pub struct Racha(u32);

impl Racha {
    /// Falló; dice si es la primera vez desde que iba bien.
    pub const fn fallo(&mut self) -> bool {
        self.0 = self.0.saturating_add(1);
        self.0 == 1
    }

    /// Fue bien; dice si venía fallando.
    pub const fn bien(&mut self) -> bool {
        std::mem::replace(&mut self.0, 0) > 0
    }

    /// Cuánto esperar antes de volver a intentarlo.
    #[must_use]
    pub fn pausa(&self) -> Duration {
        espera(self.0.saturating_sub(1), PAUSA_MAXIMA)
    }
}

#[cfg(test)]
mod pruebas {
    use super::*;

    #[test]
    fn la_espera_se_dobla_con_azar_y_tiene_un_maximo() {
        for (fallas, minimo, maximo) in
            [(0, 50, 100), (1, 100, 200), (3, 400, 800), (9, 1_000, 2_000), (99, 1_000, 2_000)]
        {
            let esperas: Vec<_> = (0..100).map(|_| espera(fallas, ESPERA_DEPENDENCIA).as_millis()).collect();
            assert!(esperas.iter().all(|ms| (minimo..=maximo).contains(ms)), "{fallas}: {esperas:?}");
            assert!(esperas.iter().any(|ms| *ms != esperas[0]), "sin azar: {esperas:?}");
        }
    }

    #[test]
    fn una_racha_se_cuenta_una_vez_y_al_ir_bien_vuelve_a_empezar() {
        let mut racha = Racha::default();
        assert!(racha.fallo() && !racha.fallo() && !racha.fallo());
        assert!(racha.pausa() >= Duration::from_millis(200));
        assert!(racha.bien() && !racha.bien());
        assert!(racha.fallo() && racha.pausa() <= Duration::from_millis(100));
        for _ in 0..20 {
            racha.fallo();
        }
        assert!(racha.pausa() >= Duration::from_millis(250) && racha.pausa() <= Duration::from_millis(500));
    }
}
