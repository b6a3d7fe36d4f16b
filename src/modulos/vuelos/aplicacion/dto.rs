//! Cómo se ve una reserva desde fuera del módulo.

use time::OffsetDateTime;
use uuid::Uuid;

use crate::modulos::vuelos::dominio::itinerario::Itinerarios;
use crate::modulos::vuelos::dominio::reserva::{EstadoReserva, IdCliente, IdReserva, Reserva};
use crate::seedwork::dominio::entidades::AgregacionRaiz;

/// Una reserva completa.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReservaDetalle {
    /// Lo que también aparece en las listas.
    pub resumen: ReservaResumen,
    /// Sus itinerarios, en el orden en que llegaron.
    pub itinerarios: Itinerarios,
}

/// Una reserva como aparece en las listas.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReservaResumen {
    /// Su identidad.
    pub id: IdReserva,
    /// Su cliente, si lo tiene.
    pub id_cliente: Option<IdCliente>,
    /// Su estado.
    pub estado: EstadoReserva,
    /// Cuándo se creó.
    pub fecha_creacion: OffsetDateTime,
    /// Cuándo cambió por última vez.
    pub fecha_actualizacion: OffsetDateTime,
}

/// Lo que le pasó a una reserva, tal como se cuenta fuera.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventoDeReserva {
    /// La identidad del evento.
    pub id: Uuid,
    /// El nombre del evento.
    pub tipo: String,
    /// La reserva.
    pub id_reserva: IdReserva,
    /// Su cliente, si lo tiene.
    pub id_cliente: Option<IdCliente>,
    /// Cómo quedó.
    pub estado: EstadoReserva,
    /// Cuándo ocurrió.
    pub ocurrido_en: OffsetDateTime,
    /// Cuándo confirmó el bus que lo tenía, si ya lo hizo.
    pub publicado_en: Option<OffsetDateTime>,
}

impl From<&Reserva> for ReservaDetalle {
    fn from(reserva: &Reserva) -> Self {
        let resumen = ReservaResumen {
            id: reserva.id(),
            id_cliente: reserva.id_cliente(),
            estado: reserva.estado(),
            fecha_creacion: reserva.fecha_creacion(),
            fecha_actualizacion: reserva.fecha_actualizacion(),
        };
        Self { resumen, itinerarios: reserva.itinerarios().clone() }
    }
}
