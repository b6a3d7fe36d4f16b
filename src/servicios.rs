//! Los servicios que los handlers piden a la unidad de trabajo, de todos los módulos.

use crate::modulos::clientes::ServiciosClientes;
use crate::seedwork::aplicacion::mediador::Mediador;
use crate::seedwork::infraestructura::unidad_trabajo_pg::FabricaPg;

/// Los servicios de todos los módulos. Cada módulo pide los suyos con `AsRef`.
pub struct Servicios {
    /// Los del módulo de clientes.
    pub clientes: ServiciosClientes,
}

impl AsRef<ServiciosClientes> for Servicios {
    fn as_ref(&self) -> &ServiciosClientes {
        &self.clientes
    }
}

/// El mediador de este programa.
pub type MediadorApp = Mediador<FabricaPg<Servicios>>;
