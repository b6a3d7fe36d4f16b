//! Quien abre las unidades de trabajo y los lectores sobre PostgreSQL.

use std::sync::Arc;

use tokio::sync::{Notify, Semaphore};

use super::conexiones::Conexiones;
use super::grupo::{Confirmacion, Grupo};
use super::lector_pg::LectorPg;
use super::lecturas::{LecturaPorId, Lecturas};
use super::unidad_trabajo_pg::UnidadTrabajoPg;
use crate::seedwork::aplicacion::contexto::Contexto;
use crate::seedwork::aplicacion::unidad_trabajo::Fabrica;

/// Abre unidades de trabajo y lectores. De lo que llega por el bus, sólo tres de cada cuatro conexiones tienen una
/// transacción abierta: las demás quedan para quien pide por HTTP. Leer no comparte conexiones con escribir: así las lecturas no esperan a
/// las órdenes que esperan una fila bloqueada.
pub struct FabricaPg<S> {
    escritura: Conexiones,
    grupo: Grupo,
    turnos_del_bus: Arc<Semaphore>,
    lectura: Conexiones,
    lecturas: Lecturas,
    servicios: Arc<S>,
    aviso: Arc<Notify>,
}

impl<S> FabricaPg<S> {
    /// Una fábrica con los servicios que piden los handlers; avisa cuando una orden deja mensajes por salir.
    pub fn nueva(escritura: Conexiones, lectura: Conexiones, servicios: S, aviso: Arc<Notify>) -> Self {
        let (grupo, lecturas) =
            (Grupo::nuevas(Confirmacion(escritura.clone())), Lecturas::nuevas(LecturaPorId(lectura.clone())));
        let turnos_del_bus = Arc::new(Semaphore::new((escritura.uso().maximo * 3 / 4).max(1)));
        Self { escritura, grupo, turnos_del_bus, lectura, lecturas, servicios: Arc::new(servicios), aviso }
    }
}

impl<S: Send + Sync + 'static> Fabrica for FabricaPg<S> {
    type Udt = UnidadTrabajoPg<S>;
    type Lector = LectorPg<S>;

    fn abrir(&self, contexto: Contexto) -> UnidadTrabajoPg<S> {
        let escribe = (self.escritura.clone(), self.grupo.clone(), Arc::clone(&self.turnos_del_bus));
        UnidadTrabajoPg::nueva(escribe, Arc::clone(&self.servicios), contexto, Arc::clone(&self.aviso))
    }

    fn lector(&self) -> LectorPg<S> {
        LectorPg::nuevo((self.lectura.clone(), self.lecturas.clone()), Arc::clone(&self.servicios))
    }
}
