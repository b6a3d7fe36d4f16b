//! El comando `CancelarReserva`.

use crate::modulos::vuelos::aplicacion::dto::ReservaDetalle;
use crate::modulos::vuelos::aplicacion::errores::ErrorVuelos;
use crate::modulos::vuelos::dominio::reserva::{IdReserva, Reserva};
use crate::seedwork::aplicacion::mensajes::{Comando, Handler};
use crate::seedwork::aplicacion::unidad_trabajo::UnidadTrabajo;
use crate::seedwork::dominio::bloqueo::Bloqueo;
use crate::seedwork::dominio::repositorios::Repositorio;

/// Cancela una reserva, de forma definitiva.
#[derive(Debug, Clone, Copy)]
pub struct CancelarReserva {
    /// La reserva.
    pub id: IdReserva,
}

impl Comando for CancelarReserva {
    const NOMBRE: &'static str = "CancelarReserva";
    type Salida = ReservaDetalle;
    type Error = ErrorVuelos;
}

impl<U: UnidadTrabajo + Repositorio<Reserva>> Handler<U> for CancelarReserva {
    async fn manejar(self, udt: &mut U) -> Result<ReservaDetalle, ErrorVuelos> {
        let leida = udt.obtener(self.id, Bloqueo::Pesimista).await?;
        let mut reserva = leida.ok_or(ErrorVuelos::ReservaNoExiste(self.id))?;
        reserva.cancelar(udt.contexto().momento)?;
        udt.guardar(&mut reserva).await?;
        Ok(ReservaDetalle::from(&reserva))
    }
}
