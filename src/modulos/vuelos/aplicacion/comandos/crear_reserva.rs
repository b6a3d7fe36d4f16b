//! El comando `CrearReserva` (paso 2 del tutorial).

use crate::modulos::vuelos::aplicacion::dto::ReservaDetalle;
use crate::modulos::vuelos::aplicacion::errores::ErrorVuelos;
use crate::modulos::vuelos::dominio::itinerario::Itinerarios;
use crate::modulos::vuelos::dominio::reserva::{IdCliente, IdReserva, Reserva};
use crate::seedwork::aplicacion::mensajes::{Comando, Handler};
use crate::seedwork::aplicacion::unidad_trabajo::UnidadTrabajo;
use crate::seedwork::dominio::repositorios::Repositorio;

/// Crea una reserva pendiente con los itinerarios dados.
#[derive(Debug, Clone)]
pub struct CrearReserva {
    /// La identidad que tendrá; la pone quien pide, para poder decirla antes de que exista.
    pub id: IdReserva,
    /// Para quién es, si se sabe.
    pub id_cliente: Option<IdCliente>,
    /// Los itinerarios, ya comprobados.
    pub itinerarios: Itinerarios,
}

impl Comando for CrearReserva {
    const NOMBRE: &'static str = "CrearReserva";
    type Salida = ReservaDetalle;
    type Error = ErrorVuelos;
}

impl<U: UnidadTrabajo + Repositorio<Reserva>> Handler<U> for CrearReserva {
    async fn manejar(self, udt: &mut U) -> Result<ReservaDetalle, ErrorVuelos> {
        let mut reserva = Reserva::crear(self.id, self.id_cliente, self.itinerarios, udt.contexto().momento);
        udt.guardar(&mut reserva).await?;
        Ok(ReservaDetalle::from(&reserva))
    }
}
