//! Recibir un mensaje una sola vez, y contar cómo terminó el comando que traía.

use time::OffsetDateTime;
use uuid::Uuid;

use super::rechazo::Rechazo;

/// Un mensaje que llega: se anota en la misma transacción que su efecto.
#[derive(Debug, Clone)]
pub struct Recepcion {
    /// La suscripción que lo recibe.
    pub suscripcion: String,
    /// La identidad del mensaje.
    pub id_mensaje: String,
    /// Su lugar entre lo que espera ser atendido, si lo ocupa: lo deja al tener su efecto.
    pub posicion: Option<i64>,
    /// El comando que trae, si trae uno del que haya que contar el resultado.
    pub comando: Option<ComandoRecibido>,
}

/// Un comando que llegó por el bus.
#[derive(Debug, Clone)]
pub struct ComandoRecibido {
    /// Su identidad.
    pub id: Uuid,
    /// Su nombre.
    pub nombre: String,
    /// La dirección de lo que crea o cambia, si se sabe.
    pub recurso: Option<String>,
    /// Cuándo llegó el mensaje que lo traía, si se sabe.
    pub recibido_en: Option<OffsetDateTime>,
}

/// Cómo terminó un comando.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fin {
    /// Se cumplió.
    Ejecutado,
    /// No se cumplió, ni se cumplirá.
    Rechazado(Rechazo),
}
