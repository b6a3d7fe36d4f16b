//! Cómo se ve un usuario desde fuera del módulo: sin contraseña ni su cifrado.

use time::OffsetDateTime;

use crate::modulos::clientes::dominio::estado::EstadoUsuario;
use crate::modulos::clientes::dominio::usuario::{IdUsuario, Usuario};

/// Un usuario.
#[derive(Clone, PartialEq, Eq)]
pub struct UsuarioVista {
    /// Su identidad.
    pub id: IdUsuario,
    /// Nombres.
    pub nombres: String,
    /// Apellidos.
    pub apellidos: String,
    /// E-mail.
    pub email: String,
    /// Si es una empresa.
    pub es_empresarial: bool,
    /// Su estado.
    pub estado: EstadoUsuario,
    /// Cuándo se registró.
    pub fecha_creacion: OffsetDateTime,
    /// Cuándo cambió por última vez.
    pub fecha_actualizacion: OffsetDateTime,
}

impl From<&Usuario> for UsuarioVista {
    fn from(usuario: &Usuario) -> Self {
        let guardado = usuario.guardado();
        Self {
            id: guardado.id,
            nombres: guardado.datos.nombres.como_str().into(),
            apellidos: guardado.datos.apellidos.como_str().into(),
            email: guardado.datos.email.como_str().into(),
            es_empresarial: guardado.datos.identificacion.es_empresarial(),
            estado: guardado.estado,
            fecha_creacion: guardado.fecha_creacion,
            fecha_actualizacion: guardado.fecha_actualizacion,
        }
    }
}
