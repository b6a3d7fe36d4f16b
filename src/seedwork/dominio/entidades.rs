//! La agregación raíz: la unidad de consistencia, de bloqueo y de versión.

use std::fmt::Debug;

use uuid::Uuid;

/// Un objeto que se lee, se bloquea y se guarda entero, por su identidad.
///
/// Quien la cambia anota en ella los eventos de dominio; el repositorio los toma al guardarla.
pub trait AgregacionRaiz: Send + 'static {
    /// Identidad con tipo propio, para que una reserva no se confunda con un usuario.
    type Id: Copy + Debug + Into<Uuid> + Send + Sync + 'static;
    /// Los eventos de dominio que esta agregación puede anotar.
    type Evento: Send;

    /// La identidad de la agregación.
    fn id(&self) -> Self::Id;

    /// Entrega los eventos anotados desde la última vez, en el orden en que ocurrieron.
    fn tomar_eventos(&mut self) -> Vec<Self::Evento>;
}

/// Cuántas veces se ha guardado una agregación; es la base del bloqueo optimista.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Version(i64);

impl Version {
    /// La versión de lo que todavía no está guardado.
    pub const NUEVA: Self = Self(0);

    /// La versión que consta en el almacén.
    #[must_use]
    pub const fn guardada(numero: i64) -> Self {
        Self(numero)
    }

    /// Si la agregación no se ha guardado nunca.
    #[must_use]
    pub const fn es_nueva(self) -> bool {
        self.0 == 0
    }

    /// El número de la versión, tal como se guarda.
    #[must_use]
    pub const fn numero(self) -> i64 {
        self.0
    }

    /// La versión que queda después de guardar.
    #[must_use]
    pub const fn siguiente(self) -> Self {
        Self(self.0 + 1)
    }
}

/// Declara una identidad con tipo propio sobre un UUID.
#[macro_export]
macro_rules! identidad {
    ($(#[$doc:meta])* $nombre:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $nombre(pub uuid::Uuid);

        impl $nombre {
            /// Una identidad nueva (UUID versión 7, ordenada por el momento en que nace).
            #[must_use]
            pub fn nueva() -> Self {
                Self(uuid::Uuid::now_v7())
            }
        }

        impl From<$nombre> for uuid::Uuid {
            fn from(id: $nombre) -> Self {
                id.0
            }
        }

        impl std::fmt::Display for $nombre {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}
