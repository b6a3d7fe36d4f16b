//! De eventos y comandos a mensajes listos para el bróker.

pub mod avro;

use time::OffsetDateTime;
use uuid::Uuid;

use self::avro::ErrorAvro;
use crate::seedwork::dominio::eventos::EventoDominio;

/// Un mensaje listo para salir: lo que guarda la bandeja de salida (*outbox*).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sobre {
    /// Identidad del mensaje: la misma en cada intento de publicarlo.
    pub id: Uuid,
    /// Tópico, sin inquilino ni espacio de nombres.
    pub topico: &'static str,
    /// Clave de partición y de orden: la identidad de la agregación.
    pub clave: Uuid,
    /// Nombre del evento o comando.
    pub tipo: &'static str,
    /// Cuándo ocurrió.
    pub ocurrido_en: OffsetDateTime,
    /// El dato en Avro, sin cabecera.
    pub datos: Vec<u8>,
}

/// Un evento de dominio que también sale del proceso.
pub trait Publicable: EventoDominio {
    /// Lo convierte en mensaje.
    ///
    /// # Errors
    /// [`ErrorAvro`] si no se deja escribir con su esquema: un defecto, no una situación.
    fn sobre(&self) -> Result<Sobre, ErrorAvro>;
}
