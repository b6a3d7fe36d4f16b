//! Guardas que se pueden quitar, de una en una, sólo para probar que `./dev caos` encuentra el daño.
//!
//! Sin la característica `averias` de Cargo, que ningún binario que se sirva lleva, todas están siempre puestas y de
//! este módulo no queda nada.

/// Algo de lo que depende que nada se pierda, se doble ni se desordene.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guarda {
    /// Un mensaje que ya se recibió se reconoce.
    BandejaEntrada,
    /// Los mensajes se guardan en la transacción que los causa.
    BandejaSalida,
    /// Quien cambia una fila la bloquea, y comprueba que siga en la versión que leyó.
    ForUpdate,
    /// Una entrega se da por atendida después de que su efecto quedó confirmado; un mensaje, después de guardarlo.
    ConfirmarAntes,
    /// Sólo mueve un carril su dueña, mientras late.
    Valla,
}

/// Si esa guarda está quitada.
#[cfg(not(feature = "averias"))]
#[must_use]
#[inline]
pub const fn quitada(_: Guarda) -> bool {
    false
}

/// Si esa guarda está quitada: la que nombra `AEROALPES_AVERIA`.
#[cfg(feature = "averias")]
#[must_use]
pub fn quitada(guarda: Guarda) -> bool {
    static QUITADA: std::sync::LazyLock<Option<Guarda>> = std::sync::LazyLock::new(|| {
        Some(match std::env::var("AEROALPES_AVERIA").ok()?.as_str() {
            "bandeja-entrada" => Guarda::BandejaEntrada,
            "bandeja-salida" => Guarda::BandejaSalida,
            "for-update" => Guarda::ForUpdate,
            "confirmar-antes" => Guarda::ConfirmarAntes,
            "valla" => Guarda::Valla,
            _ => return None,
        })
    });
    *QUITADA == Some(guarda)
}
