//! Quién pide algo, y qué puede ver y cambiar.

use thiserror::Error;
use uuid::Uuid;

/// Quién pide algo.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Actor {
    /// Cualquiera: el servicio está en modo abierto y no pregunta.
    Abierto,
    /// Nadie se identificó.
    Anonimo,
    /// Un usuario registrado y activo.
    Usuario(Uuid),
    /// Un usuario activo que además administra.
    Administrador(Uuid),
    /// Otro sistema de confianza: trae la clave de servicio, o llegó por el bus.
    Servicio,
}

/// Se quiso crear algo a nombre de otro.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("Sólo se puede crear a nombre propio")]
pub struct ANombreDeOtro;

impl Actor {
    /// Si puede verlo y cambiarlo todo.
    #[must_use]
    pub const fn administra(self) -> bool {
        matches!(self, Self::Abierto | Self::Administrador(_) | Self::Servicio)
    }

    /// Si puede ver y cambiar lo que es de `dueno`; lo que no es de nadie es de quien administra.
    #[must_use]
    pub fn puede_con(self, dueno: Option<Uuid>) -> bool {
        self.administra() || matches!(self, Self::Usuario(id) if dueno == Some(id))
    }

    /// A nombre de quién queda lo que crea: quien no administra sólo puede crear a su nombre, y es lo que se supone.
    ///
    /// # Errors
    /// [`ANombreDeOtro`].
    pub fn a_nombre_de(self, pedido: Option<Uuid>) -> Result<Option<Uuid>, ANombreDeOtro> {
        match self {
            Self::Usuario(id) if pedido.is_none_or(|pedido| pedido == id) => Ok(Some(id)),
            Self::Abierto | Self::Administrador(_) | Self::Servicio => Ok(pedido),
            Self::Usuario(_) | Self::Anonimo => Err(ANombreDeOtro),
        }
    }
}

#[cfg(test)]
mod pruebas {
    use super::*;

    const ANA: Uuid = Uuid::from_u128(1);
    const LUIS: Uuid = Uuid::from_u128(2);

    #[test]
    fn un_usuario_solo_puede_con_lo_suyo() {
        assert!(Actor::Usuario(ANA).puede_con(Some(ANA)));
        assert!(!Actor::Usuario(ANA).puede_con(Some(LUIS)) && !Actor::Usuario(ANA).puede_con(None));
        for administra in [Actor::Abierto, Actor::Administrador(ANA), Actor::Servicio] {
            assert!(administra.puede_con(Some(LUIS)) && administra.puede_con(None));
        }
        assert!(!Actor::Anonimo.puede_con(Some(ANA)) && !Actor::Anonimo.puede_con(None));
    }

    #[test]
    fn un_usuario_solo_crea_a_su_nombre() {
        assert_eq!(Actor::Usuario(ANA).a_nombre_de(None), Ok(Some(ANA)));
        assert_eq!(Actor::Usuario(ANA).a_nombre_de(Some(ANA)), Ok(Some(ANA)));
        assert_eq!(Actor::Usuario(ANA).a_nombre_de(Some(LUIS)), Err(ANombreDeOtro));
        assert_eq!(Actor::Anonimo.a_nombre_de(None), Err(ANombreDeOtro));
        for administra in [Actor::Abierto, Actor::Administrador(ANA), Actor::Servicio] {
            assert_eq!(administra.a_nombre_de(None), Ok(None));
            assert_eq!(administra.a_nombre_de(Some(LUIS)), Ok(Some(LUIS)));
        }
    }
}
