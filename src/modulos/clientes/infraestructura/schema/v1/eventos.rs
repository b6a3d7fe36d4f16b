//! El tópico `eventos-usuario`: identidades, estados y fechas, nunca datos personales.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::modulos::clientes::dominio::eventos::{
    CodigoReemitido, HechoUsuario, UsuarioBorrado, UsuarioDesactivado, UsuarioRegistrado, UsuarioValidado,
};
use crate::seedwork::dominio::eventos::EventoDominio;
use crate::seedwork::infraestructura::despacho::avro::{
    ErrorAvro, Esquema, EsquemaAvro, campo_nuevo, escribir, esquema, milisegundos,
};
use crate::seedwork::infraestructura::despacho::{Publicable, Sobre};

const TOPICO: &str = "eventos-usuario";

static ESQUEMA: EsquemaAvro = LazyLock::new(|| {
    let campos = [
        campo_nuevo("id_usuario", "string"),
        campo_nuevo("estado", "string"),
        campo_nuevo("fecha_creacion", "long"),
        campo_nuevo("fecha_actualizacion", "long"),
    ];
    esquema("EventoUsuario", "UsuarioPayload", &campos)
});

#[derive(Serialize)]
struct Carga {
    /// La identidad del usuario; viaja como texto en el miembro que sigue.
    #[serde(skip)]
    clave: Uuid,
    id_usuario: Option<String>,
    estado: Option<String>,
    fecha_creacion: Option<i64>,
    fecha_actualizacion: Option<i64>,
}

impl From<&HechoUsuario> for Carga {
    fn from(hecho: &HechoUsuario) -> Self {
        Self {
            clave: hecho.id_usuario.into(),
            id_usuario: Some(hecho.id_usuario.to_string()),
            estado: Some(hecho.estado.nombre().to_uppercase()),
            fecha_creacion: Some(milisegundos(hecho.fecha_creacion)),
            fecha_actualizacion: Some(milisegundos(hecho.fecha_actualizacion)),
        }
    }
}

macro_rules! cuenta_un_hecho {
    ($($evento:ident),+) => {
        $(impl From<&$evento> for Carga {
            fn from($evento(hecho): &$evento) -> Self {
                hecho.into()
            }
        })+
    };
}

cuenta_un_hecho!(UsuarioRegistrado, UsuarioValidado, UsuarioDesactivado, CodigoReemitido);

impl From<&UsuarioBorrado> for Carga {
    fn from(borrado: &UsuarioBorrado) -> Self {
        Self {
            clave: borrado.id_usuario.into(),
            id_usuario: Some(borrado.id_usuario.to_string()),
            estado: Some("BORRADO".into()),
            fecha_creacion: Some(milisegundos(borrado.fecha_creacion)),
            fecha_actualizacion: Some(milisegundos(borrado.borrado_en)),
        }
    }
}

/// De quién habla un evento de usuarios, tal como llega por el bus.
#[derive(Debug, Deserialize)]
pub struct CargaUsuario {
    /// La identidad del usuario.
    pub id_usuario: Option<String>,
}

/// El tópico de los eventos de usuarios y su esquema.
///
/// # Errors
/// [`ErrorAvro`] si el esquema escrito aquí no es válido.
pub fn topico() -> Result<(&'static str, Esquema), ErrorAvro> {
    let esquema = ESQUEMA.as_ref().map_err(|motivo| ErrorAvro::Esquema(motivo.clone()))?;
    Ok((TOPICO, esquema.clone()))
}

fn sobre(tipo: &'static str, ocurrido_en: OffsetDateTime, carga: &Carga) -> Result<Sobre, ErrorAvro> {
    let id = Uuid::now_v7();
    let datos = escribir(&ESQUEMA, id, tipo, ocurrido_en, carga)?;
    Ok(Sobre { id, topico: TOPICO, clave: carga.clave, tipo, ocurrido_en, datos })
}

macro_rules! publicable {
    ($($evento:ident = $tipo:literal),+) => {
        /// Los nombres de los eventos del tópico.
        pub const TIPOS: &[&str] = &[$($tipo),+];

        $(impl Publicable for $evento {
            fn sobre(&self) -> Result<Sobre, ErrorAvro> {
                sobre($tipo, self.ocurrido_en(), &Carga::from(self))
            }
        })+
    };
}

publicable!(
    UsuarioRegistrado = "UsuarioRegistrado",
    UsuarioValidado = "UsuarioValidado",
    UsuarioDesactivado = "UsuarioDesactivado",
    CodigoReemitido = "CodigoReemitido",
    UsuarioBorrado = "UsuarioBorrado"
);
