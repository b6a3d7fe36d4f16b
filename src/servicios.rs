//! Los servicios que los handlers piden a la unidad de trabajo, de todos los módulos.

use crate::modulos::clientes::ServiciosClientes;
use crate::seedwork::aplicacion::mediador::Mediador;
use crate::seedwork::infraestructura::fabrica_pg::FabricaPg;
use crate::seedwork::infraestructura::mensajeria::despachador::Despachador;
use crate::seedwork::infraestructura::mensajeria::ids::IdsComando;

/// Los servicios de todos los módulos. Cada módulo pide los suyos con `AsRef`.
pub struct Servicios {
    /// Los del módulo de clientes.
    pub clientes: ServiciosClientes,
    /// Las identidades de los comandos aceptados.
    pub ids: IdsComando,
}

impl AsRef<ServiciosClientes> for Servicios {
    fn as_ref(&self) -> &ServiciosClientes {
        &self.clientes
    }
}

impl AsRef<IdsComando> for Servicios {
    fn as_ref(&self) -> &IdsComando {
        &self.ids
    }
}

/// La fábrica de unidades de trabajo de este programa.
pub type FabricaApp = FabricaPg<Servicios>;
/// El despachador de este programa.
pub type DespachadorApp = Despachador<FabricaApp>;
/// El mediador de este programa.
pub type MediadorApp = Mediador<FabricaApp>;
