//! Módulo de vuelos: reservas de itinerarios. Esta es su fachada; sus capas son privadas.

mod aplicacion;
mod dominio;
mod infraestructura;

pub use aplicacion::comandos::*;
pub use aplicacion::dto::{EventoDeReserva, ReservaDetalle, ReservaResumen};
pub use aplicacion::errores::ErrorVuelos;
pub use aplicacion::queries::*;
pub use dominio::eventos::ReservaCreada;
pub use dominio::itinerario::{Aeropuerto, Itinerario, Itinerarios, Leg, Odo, Segmento};
pub use dominio::reserva::{EstadoReserva, IdCliente, IdReserva};
pub use infraestructura::rutas::rutas;
pub use infraestructura::schema::v1::eventos::{
    CargaReserva, TIPOS as TIPOS_EVENTOS, TOPICO as TOPICO_EVENTOS, leer as leer_evento, topico as topico_eventos,
};

/// Un evento cualquiera, para probar a quienes reaccionan a él.
#[cfg(test)]
pub fn reserva_creada_de_prueba(id_cliente: Option<uuid::Uuid>, fecha: time::OffsetDateTime) -> ReservaCreada {
    ReservaCreada(dominio::eventos::HechoReserva {
        id_reserva: IdReserva::nueva(),
        id_cliente: id_cliente.map(IdCliente),
        estado: EstadoReserva::Pendiente,
        fecha_creacion: fecha,
        fecha_actualizacion: fecha,
    })
}
