//! La agregación raíz `Reserva` y su máquina de estados: pendiente → pagada → aprobada, o cancelada.

use std::fmt;

use thiserror::Error;
use time::OffsetDateTime;

use super::eventos::{EventoReserva, HechoReserva, ReservaAprobada, ReservaCancelada, ReservaCreada, ReservaPagada};
use super::itinerario::Itinerarios;
use crate::identidad;
use crate::seedwork::dominio::entidades::{AgregacionRaiz, Version};

identidad!(
    /// Identidad de una reserva.
    IdReserva
);
identidad!(
    /// Identidad del cliente de una reserva, tal como la conoce este módulo.
    IdCliente
);

/// En qué punto de su vida está una reserva.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EstadoReserva {
    /// Creada y sin pagar.
    Pendiente,
    /// Pagada y sin aprobar.
    Pagada,
    /// Aprobada.
    Aprobada,
    /// Cancelada; es definitivo.
    Cancelada,
}

impl EstadoReserva {
    /// Todos los estados.
    pub const TODOS: [Self; 4] = [Self::Pendiente, Self::Pagada, Self::Aprobada, Self::Cancelada];

    /// El nombre del estado, en minúsculas.
    #[must_use]
    pub const fn nombre(self) -> &'static str {
        match self {
            Self::Pendiente => "pendiente",
            Self::Pagada => "pagada",
            Self::Aprobada => "aprobada",
            Self::Cancelada => "cancelada",
        }
    }

    /// El estado de ese nombre, si lo hay.
    #[must_use]
    pub fn de_nombre(nombre: &str) -> Option<Self> {
        Self::TODOS.into_iter().find(|estado| estado.nombre() == nombre)
    }

    const fn puede_pasar_a(self, nuevo: Self) -> bool {
        matches!(
            (self, nuevo),
            (Self::Pendiente, Self::Pagada)
                | (Self::Pagada, Self::Aprobada)
                | (Self::Pendiente | Self::Pagada | Self::Aprobada, Self::Cancelada)
        )
    }
}

impl fmt::Display for EstadoReserva {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.nombre())
    }
}

/// El estado de la reserva no permite lo que se pidió. La reserva no cambia.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("Una reserva {actual} no puede pasar a {pedido}")]
pub struct TransicionNoPermitida {
    /// El estado en que está.
    pub actual: EstadoReserva,
    /// El estado al que se quiso pasar.
    pub pedido: EstadoReserva,
}

/// Una reserva: la unidad que se lee, se bloquea y se guarda entera.
#[derive(Debug)]
pub struct Reserva {
    id: IdReserva,
    id_cliente: Option<IdCliente>,
    estado: EstadoReserva,
    itinerarios: Itinerarios,
    fecha_creacion: OffsetDateTime,
    fecha_actualizacion: OffsetDateTime,
    version: Version,
    eventos: Vec<EventoReserva>,
}

/// Una reserva tal como consta en el almacén.
pub struct ReservaGuardada {
    /// Su identidad.
    pub id: IdReserva,
    /// Su cliente.
    pub id_cliente: Option<IdCliente>,
    /// Su estado.
    pub estado: EstadoReserva,
    /// Sus itinerarios.
    pub itinerarios: Itinerarios,
    /// Cuándo se creó.
    pub fecha_creacion: OffsetDateTime,
    /// Cuándo cambió por última vez.
    pub fecha_actualizacion: OffsetDateTime,
    /// Cuántas veces se ha guardado.
    pub version: Version,
}

impl Reserva {
    /// Crea una reserva pendiente y anota `ReservaCreada`.
    #[must_use]
    pub fn crear(
        id: IdReserva,
        id_cliente: Option<IdCliente>,
        itinerarios: Itinerarios,
        ahora: OffsetDateTime,
    ) -> Self {
        let mut reserva = Self::reconstituir(ReservaGuardada {
            id,
            id_cliente,
            estado: EstadoReserva::Pendiente,
            itinerarios,
            fecha_creacion: ahora,
            fecha_actualizacion: ahora,
            version: Version::NUEVA,
        });
        reserva.eventos.push(EventoReserva::Creada(ReservaCreada(reserva.hecho())));
        reserva
    }

    /// Vuelve a formar una reserva con lo que consta en el almacén, sin anotar nada.
    #[must_use]
    pub fn reconstituir(guardada: ReservaGuardada) -> Self {
        let ReservaGuardada { id, id_cliente, estado, itinerarios, fecha_creacion, fecha_actualizacion, version } =
            guardada;
        Self { id, id_cliente, estado, itinerarios, fecha_creacion, fecha_actualizacion, version, eventos: Vec::new() }
    }

    /// Paga la reserva.
    ///
    /// # Errors
    /// [`TransicionNoPermitida`] si no está pendiente.
    pub fn pagar(&mut self, ahora: OffsetDateTime) -> Result<(), TransicionNoPermitida> {
        self.pasar_a(EstadoReserva::Pagada, ahora)?;
        self.eventos.push(EventoReserva::Pagada(ReservaPagada(self.hecho())));
        Ok(())
    }

    /// Aprueba la reserva.
    ///
    /// # Errors
    /// [`TransicionNoPermitida`] si no está pagada.
    pub fn aprobar(&mut self, ahora: OffsetDateTime) -> Result<(), TransicionNoPermitida> {
        self.pasar_a(EstadoReserva::Aprobada, ahora)?;
        self.eventos.push(EventoReserva::Aprobada(ReservaAprobada(self.hecho())));
        Ok(())
    }

    /// Cancela la reserva, de forma definitiva.
    ///
    /// # Errors
    /// [`TransicionNoPermitida`] si ya está cancelada.
    pub fn cancelar(&mut self, ahora: OffsetDateTime) -> Result<(), TransicionNoPermitida> {
        self.pasar_a(EstadoReserva::Cancelada, ahora)?;
        self.eventos.push(EventoReserva::Cancelada(ReservaCancelada(self.hecho())));
        Ok(())
    }

    fn pasar_a(&mut self, pedido: EstadoReserva, ahora: OffsetDateTime) -> Result<(), TransicionNoPermitida> {
        if !self.estado.puede_pasar_a(pedido) {
            return Err(TransicionNoPermitida { actual: self.estado, pedido });
        }
        self.estado = pedido;
        // Quien esperó el bloqueo puede traer un momento anterior al último cambio.
        self.fecha_actualizacion = ahora.max(self.fecha_actualizacion);
        Ok(())
    }

    fn hecho(&self) -> HechoReserva {
        HechoReserva {
            id_reserva: self.id,
            id_cliente: self.id_cliente,
            estado: self.estado,
            fecha_creacion: self.fecha_creacion,
            fecha_actualizacion: self.fecha_actualizacion,
        }
    }

    /// Su cliente, si lo tiene.
    #[must_use]
    pub const fn id_cliente(&self) -> Option<IdCliente> {
        self.id_cliente
    }

    /// Su estado.
    #[must_use]
    pub const fn estado(&self) -> EstadoReserva {
        self.estado
    }

    /// Sus itinerarios, en el orden en que llegaron.
    #[must_use]
    pub const fn itinerarios(&self) -> &Itinerarios {
        &self.itinerarios
    }

    /// Cuándo se creó.
    #[must_use]
    pub const fn fecha_creacion(&self) -> OffsetDateTime {
        self.fecha_creacion
    }

    /// Cuándo cambió por última vez.
    #[must_use]
    pub const fn fecha_actualizacion(&self) -> OffsetDateTime {
        self.fecha_actualizacion
    }

    /// La versión que consta en el almacén.
    #[must_use]
    pub const fn version(&self) -> Version {
        self.version
    }

    /// Anota que se guardó: la próxima vez se compara con la versión siguiente.
    pub const fn marcar_guardada(&mut self) {
        self.version = self.version.siguiente();
    }
}

impl AgregacionRaiz for Reserva {
    type Id = IdReserva;
    type Evento = EventoReserva;

    fn id(&self) -> IdReserva {
        self.id
    }

    fn tomar_eventos(&mut self) -> Vec<EventoReserva> {
        std::mem::take(&mut self.eventos)
    }
}

#[cfg(test)]
mod pruebas {
    use time::macros::datetime;

    use super::super::itinerario::pruebas::itinerarios;
    use super::*;

    const AYER: OffsetDateTime = datetime!(2026-11-23 10:00 UTC);
    const HOY: OffsetDateTime = datetime!(2026-11-24 10:00 UTC);

    fn en(estado: EstadoReserva) -> Reserva {
        let mut reserva = Reserva::crear(IdReserva::nueva(), None, itinerarios(), AYER);
        reserva.tomar_eventos();
        reserva.estado = estado;
        reserva
    }

    #[test]
    fn nace_pendiente_y_anota_que_fue_creada() {
        let cliente = IdCliente::nueva();
        let mut reserva = Reserva::crear(IdReserva::nueva(), Some(cliente), itinerarios(), HOY);
        let eventos = reserva.tomar_eventos();
        assert_eq!(eventos, [EventoReserva::Creada(ReservaCreada(reserva.hecho()))]);
        assert_eq!((reserva.estado(), reserva.id_cliente()), (EstadoReserva::Pendiente, Some(cliente)));
        assert!(reserva.version().es_nueva());
    }

    #[test]
    fn solo_se_permiten_las_transiciones_de_la_tabla() {
        use EstadoReserva::{Aprobada, Cancelada, Pagada, Pendiente};
        type Orden = fn(&mut Reserva, OffsetDateTime) -> Result<(), TransicionNoPermitida>;
        let ordenes: [(Orden, EstadoReserva, &[EstadoReserva]); 3] = [
            (Reserva::pagar, Pagada, &[Pendiente]),
            (Reserva::aprobar, Aprobada, &[Pagada]),
            (Reserva::cancelar, Cancelada, &[Pendiente, Pagada, Aprobada]),
        ];
        for (orden, destino, permitidos) in ordenes {
            for inicial in EstadoReserva::TODOS {
                let mut reserva = en(inicial);
                let resultado = orden(&mut reserva, HOY);
                if permitidos.contains(&inicial) {
                    assert_eq!((resultado, reserva.estado()), (Ok(()), destino));
                    assert_eq!((reserva.fecha_creacion(), reserva.fecha_actualizacion()), (AYER, HOY));
                    assert_eq!(reserva.tomar_eventos().len(), 1);
                } else {
                    assert_eq!(resultado, Err(TransicionNoPermitida { actual: inicial, pedido: destino }));
                    assert_eq!((reserva.estado(), reserva.fecha_actualizacion()), (inicial, AYER));
                    assert_eq!(reserva.tomar_eventos(), []);
                }
            }
        }
    }

    #[test]
    fn la_fecha_de_actualizacion_no_retrocede() {
        let mut reserva = en(EstadoReserva::Pendiente);
        reserva.pagar(HOY).unwrap();
        reserva.aprobar(AYER).unwrap();
        assert_eq!(reserva.fecha_actualizacion(), HOY);
    }
}
