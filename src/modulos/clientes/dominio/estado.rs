//! Los estados de un usuario y los cambios que no se permiten.

use std::fmt;

use thiserror::Error;

/// En qué punto de su vida está un usuario.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EstadoUsuario {
    /// Registrado, sin confirmar con el código.
    Registrado,
    /// Confirmado con el código.
    Validado,
    /// Desactivado; es definitivo.
    Desactivado,
}

impl EstadoUsuario {
    /// Todos los estados.
    pub const TODOS: [Self; 3] = [Self::Registrado, Self::Validado, Self::Desactivado];

    /// El nombre del estado, en minúsculas.
    #[must_use]
    pub const fn nombre(self) -> &'static str {
        match self {
            Self::Registrado => "registrado",
            Self::Validado => "validado",
            Self::Desactivado => "desactivado",
        }
    }

    /// El estado de ese nombre, si lo hay.
    #[must_use]
    pub fn de_nombre(nombre: &str) -> Option<Self> {
        Self::TODOS.into_iter().find(|estado| estado.nombre() == nombre)
    }
}

impl fmt::Display for EstadoUsuario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.nombre())
    }
}

/// El estado del usuario no permite lo que se pidió. El usuario no cambia.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("Un usuario {actual} no puede pasar a {pedido}")]
pub struct CambioNoPermitido {
    /// El estado en que está.
    pub actual: EstadoUsuario,
    /// El estado al que se quiso pasar.
    pub pedido: EstadoUsuario,
}
