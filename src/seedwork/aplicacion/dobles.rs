//! Un doble de la unidad de trabajo, para probar los handlers sin base de datos.

use std::collections::HashMap;

use uuid::Uuid;

use super::contexto::Contexto;
use super::recepcion::{Fin, Recepcion};
use super::unidad_trabajo::UnidadTrabajo;
use crate::seedwork::dominio::bloqueo::Bloqueo;
use crate::seedwork::dominio::entidades::AgregacionRaiz;
use crate::seedwork::dominio::eventos::EventoDominio;
use crate::seedwork::dominio::repositorios::{Falla, Repositorio};

/// Recuerda con qué bloqueo se leyó y qué eventos se guardaron.
pub struct UdtDoble<A: AgregacionRaiz> {
    /// El contexto de la orden.
    pub contexto: Contexto,
    /// Lo que hay en el almacén.
    pub existentes: HashMap<Uuid, A>,
    /// Con qué bloqueo se leyó cada vez.
    pub bloqueos: Vec<Bloqueo>,
    /// Los eventos de lo guardado, en orden.
    pub guardados: Vec<A::Evento>,
}

impl<A: AgregacionRaiz> UdtDoble<A> {
    /// Un doble en cuyo almacén está lo dado.
    pub fn con(existentes: impl IntoIterator<Item = A>) -> Self {
        Self {
            contexto: Contexto::nuevo("correlación".into(), "traza".into()),
            existentes: existentes.into_iter().map(|a| (a.id().into(), a)).collect(),
            bloqueos: Vec::new(),
            guardados: Vec::new(),
        }
    }
}

impl<A: AgregacionRaiz> UnidadTrabajo for UdtDoble<A> {
    type Punto = ();

    fn contexto(&self) -> &Contexto {
        &self.contexto
    }

    fn tomar_eventos(&mut self) -> Vec<Box<dyn EventoDominio>> {
        Vec::new()
    }

    async fn marcar_punto(&mut self) -> Result<(), Falla> {
        Ok(())
    }

    async fn volver_a(&mut self, (): ()) -> Result<(), Falla> {
        Ok(())
    }

    async fn anotar_recepcion(&mut self, _: &Recepcion, _: Fin) -> Result<(), Falla> {
        Ok(())
    }

    async fn preparar(&mut self) -> Result<(), Falla> {
        Ok(())
    }

    async fn confirmar(self) -> Result<(), Falla> {
        Ok(())
    }

    async fn deshacer(self) {}
}

impl<A: AgregacionRaiz> Repositorio<A> for UdtDoble<A> {
    async fn obtener(&mut self, id: A::Id, bloqueo: Bloqueo) -> Result<Option<A>, Falla> {
        self.bloqueos.push(bloqueo);
        Ok(self.existentes.remove(&id.into()))
    }

    async fn guardar(&mut self, agregacion: &mut A) -> Result<(), Falla> {
        self.guardados.extend(agregacion.tomar_eventos());
        Ok(())
    }
}
