//! Eventos de dominio de una reserva.

use time::OffsetDateTime;

use super::reserva::{EstadoReserva, IdCliente, IdReserva};
use crate::seedwork::dominio::eventos::EventoDominio;

/// Lo que cuenta cada evento de una reserva: cómo quedó.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HechoReserva {
    /// La reserva.
    pub id_reserva: IdReserva,
    /// Su cliente, si lo tiene.
    pub id_cliente: Option<IdCliente>,
    /// El estado en que quedó.
    pub estado: EstadoReserva,
    /// Cuándo se creó.
    pub fecha_creacion: OffsetDateTime,
    /// Cuándo ocurrió el hecho.
    pub fecha_actualizacion: OffsetDateTime,
}

macro_rules! evento_de_reserva {
    ($(#[$doc:meta])* $nombre:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $nombre(pub HechoReserva);

        impl EventoDominio for $nombre {
            fn ocurrido_en(&self) -> OffsetDateTime {
                self.0.fecha_actualizacion
            }
        }
    };
}

evento_de_reserva!(
    /// Se creó una reserva.
    ReservaCreada
);
evento_de_reserva!(
    /// Se pagó una reserva pendiente.
    ReservaPagada
);
evento_de_reserva!(
    /// Se aprobó una reserva pagada.
    ReservaAprobada
);
evento_de_reserva!(
    /// Se canceló una reserva, de forma definitiva.
    ReservaCancelada
);

/// Los eventos que anota la agregación `Reserva`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventoReserva {
    /// Véase [`ReservaCreada`].
    Creada(ReservaCreada),
    /// Véase [`ReservaPagada`].
    Pagada(ReservaPagada),
    /// Véase [`ReservaAprobada`].
    Aprobada(ReservaAprobada),
    /// Véase [`ReservaCancelada`].
    Cancelada(ReservaCancelada),
}
