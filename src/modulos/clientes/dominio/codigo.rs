//! El código con que un usuario confirma su registro: cuándo se emitió, cuánto vale y cuántas veces se puede fallar.

use std::time::Duration;

use thiserror::Error;
use time::OffsetDateTime;

use super::estado::CambioNoPermitido;

/// Cuántas veces se puede fallar un código antes de que deje de valer.
pub const FALLOS_ADMITIDOS: u32 = 5;
/// Cuánto hay que esperar, desde que se emite un código, para pedir otro.
pub const ESPERA_POR_OTRO: Duration = Duration::from_mins(1);

/// El código que vale para un usuario. El código mismo no está aquí: se calcula con el momento en que se emitió.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CodigoEmitido {
    /// Cuándo se emitió.
    pub emitido_en: OffsetDateTime,
    /// Cuántas veces se ha fallado.
    pub fallos: u32,
}

/// Por qué no se admite un código, o pedir otro, antes de mirar cuál es.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ErrorCodigo {
    /// El usuario no está por confirmar.
    #[error(transparent)]
    Cambio(#[from] CambioNoPermitido),
    /// Se emitió hace demasiado.
    #[error("El código de validación caducó. Pida otro.")]
    Caducado,
    /// Se falló demasiadas veces.
    #[error("El código de validación se falló {FALLOS_ADMITIDOS} veces y ya no vale. Pida otro.")]
    Agotado,
    /// El anterior se emitió hace demasiado poco.
    #[error("Hace muy poco se entregó un código. Podrá pedir otro en {segundos} s.")]
    Reciente {
        /// Cuánto falta para poder pedir otro.
        segundos: u64,
    },
}

/// El código que se dio no es el del usuario. El intento cuenta.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("El código de validación no es correcto")]
pub struct CodigoIncorrecto;

impl CodigoEmitido {
    /// Un código que se emite ahora y nadie ha fallado.
    #[must_use]
    pub const fn nuevo(ahora: OffsetDateTime) -> Self {
        Self { emitido_en: ahora, fallos: 0 }
    }

    /// Si todavía se puede intentar, con lo que vale un código desde que se emite.
    ///
    /// # Errors
    /// [`ErrorCodigo::Caducado`] o [`ErrorCodigo::Agotado`].
    pub fn admitir_intento(self, vigencia: Duration, ahora: OffsetDateTime) -> Result<(), ErrorCodigo> {
        if ahora >= self.emitido_en + vigencia {
            return Err(ErrorCodigo::Caducado);
        }
        if self.fallos >= FALLOS_ADMITIDOS { Err(ErrorCodigo::Agotado) } else { Ok(()) }
    }

    /// El código que lo reemplaza.
    ///
    /// # Errors
    /// [`ErrorCodigo::Reciente`] si este se emitió hace demasiado poco.
    pub fn reemplazar(self, ahora: OffsetDateTime) -> Result<Self, ErrorCodigo> {
        let faltan = self.emitido_en + ESPERA_POR_OTRO - ahora;
        if faltan.is_positive() {
            let segundos = faltan.whole_seconds().unsigned_abs() + u64::from(faltan.subsec_nanoseconds() > 0);
            return Err(ErrorCodigo::Reciente { segundos });
        }
        Ok(Self::nuevo(ahora))
    }

    /// El mismo, con un fallo más.
    #[must_use]
    pub const fn con_otro_fallo(self) -> Self {
        Self { fallos: self.fallos.saturating_add(1), ..self }
    }
}

#[cfg(test)]
mod pruebas {
    use super::super::usuario::pruebas::HOY;
    use super::*;

    const VIGENCIA: Duration = Duration::from_hours(24);

    #[test]
    fn vale_hasta_que_caduca_y_no_despues() {
        let codigo = CodigoEmitido::nuevo(HOY);
        let casi = HOY + VIGENCIA - Duration::from_micros(1);
        assert_eq!(codigo.admitir_intento(VIGENCIA, casi), Ok(()));
        assert_eq!(codigo.admitir_intento(VIGENCIA, HOY + VIGENCIA), Err(ErrorCodigo::Caducado));
    }

    #[test]
    fn se_agota_al_quinto_fallo() {
        let mut codigo = CodigoEmitido::nuevo(HOY);
        for _ in 0..FALLOS_ADMITIDOS {
            assert_eq!(codigo.admitir_intento(VIGENCIA, HOY), Ok(()));
            codigo = codigo.con_otro_fallo();
        }
        assert_eq!(codigo.admitir_intento(VIGENCIA, HOY), Err(ErrorCodigo::Agotado));
    }

    #[test]
    fn se_reemplaza_pasado_un_rato_y_el_nuevo_no_tiene_fallos() {
        let codigo = CodigoEmitido::nuevo(HOY).con_otro_fallo();
        let despues = HOY + ESPERA_POR_OTRO;
        assert_eq!(codigo.reemplazar(despues), Ok(CodigoEmitido::nuevo(despues)));
        for (pasado, segundos) in [(Duration::ZERO, 60), (Duration::from_millis(59_001), 1)] {
            assert_eq!(codigo.reemplazar(HOY + pasado), Err(ErrorCodigo::Reciente { segundos }));
        }
        // Quien esperó la fila puede traer un momento anterior a la última emisión.
        let antes = HOY - Duration::from_secs(1);
        assert_eq!(codigo.reemplazar(antes), Err(ErrorCodigo::Reciente { segundos: 61 }));
    }
}
