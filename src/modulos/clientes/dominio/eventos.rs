//! Eventos de dominio de un usuario: identidades, estados y fechas, nunca datos personales.

use time::OffsetDateTime;

use super::estado::EstadoUsuario;
use super::usuario::IdUsuario;
use crate::seedwork::dominio::eventos::EventoDominio;

/// Lo que cuenta cada evento de un usuario: cómo quedó.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HechoUsuario {
    /// El usuario.
    pub id_usuario: IdUsuario,
    /// El estado en que quedó.
    pub estado: EstadoUsuario,
    /// Cuándo se registró.
    pub fecha_creacion: OffsetDateTime,
    /// Cuándo ocurrió el hecho.
    pub fecha_actualizacion: OffsetDateTime,
}

macro_rules! evento_de_usuario {
    ($(#[$doc:meta])* $nombre:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $nombre(pub HechoUsuario);

        impl EventoDominio for $nombre {
            fn ocurrido_en(&self) -> OffsetDateTime {
                self.0.fecha_actualizacion
            }
        }
    };
}

evento_de_usuario!(
    /// Se registró un usuario (paso 4 del tutorial).
    UsuarioRegistrado
);
evento_de_usuario!(
    /// Un usuario confirmó su registro con el código (paso 4 del tutorial).
    UsuarioValidado
);
evento_de_usuario!(
    /// Se desactivó un usuario: ya no puede reservar.
    UsuarioDesactivado
);
evento_de_usuario!(
    /// Se emitió otro código de validación para un usuario; los anteriores ya no valen. No lleva el código.
    CodigoReemitido
);

/// Se borró a un usuario: de él sólo quedan su identidad y estas fechas.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsuarioBorrado {
    /// El usuario que fue.
    pub id_usuario: IdUsuario,
    /// Cuándo se registró.
    pub fecha_creacion: OffsetDateTime,
    /// Cuándo se borró.
    pub borrado_en: OffsetDateTime,
}

impl EventoDominio for UsuarioBorrado {
    fn ocurrido_en(&self) -> OffsetDateTime {
        self.borrado_en
    }
}

/// Los eventos que anota la agregación `Usuario`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventoUsuario {
    /// Véase [`UsuarioRegistrado`].
    Registrado(UsuarioRegistrado),
    /// Véase [`UsuarioValidado`].
    Validado(UsuarioValidado),
    /// Véase [`UsuarioDesactivado`].
    Desactivado(UsuarioDesactivado),
    /// Véase [`CodigoReemitido`].
    CodigoReemitido(CodigoReemitido),
}
