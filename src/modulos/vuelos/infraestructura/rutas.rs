//! Los comandos de reservas que llegan por el bus. El orden es el del esquema: sólo se añade al final.

use crate::modulos::vuelos::aplicacion::comandos::{AprobarReserva, CancelarReserva, CrearReserva, PagarReserva};
use crate::modulos::vuelos::dominio::reserva::Reserva;
use crate::seedwork::aplicacion::unidad_trabajo::Fabrica;
use crate::seedwork::dominio::repositorios::Repositorio;
use crate::seedwork::infraestructura::mensajeria::enrutador::Rutas;

/// Las rutas del módulo, para que `arranque` las junte con las de los demás.
#[must_use]
pub fn rutas<F: Fabrica<Udt: Repositorio<Reserva>>>() -> Rutas<F> {
    Rutas::default().ruta::<CrearReserva>().ruta::<PagarReserva>().ruta::<AprobarReserva>().ruta::<CancelarReserva>()
}
