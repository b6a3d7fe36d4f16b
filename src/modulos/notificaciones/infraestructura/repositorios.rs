//! Anotar un correo en la unidad de trabajo de PostgreSQL.

use uuid::Uuid;

use crate::modulos::notificaciones::aplicacion::puertos::RepositorioCorreos;
use crate::modulos::notificaciones::dominio::correo::{Asunto, IdCorreo};
use crate::seedwork::dominio::repositorios::Falla;
use crate::seedwork::infraestructura::sentencias::Escritura;
use crate::seedwork::infraestructura::unidad_trabajo_pg::UnidadTrabajoPg;

/// Lo que dicen las dos columnas de un asunto.
fn columnas(asunto: Asunto) -> (&'static str, Uuid) {
    match asunto {
        Asunto::Codigo(usuario) => ("codigo", usuario),
        Asunto::Reserva(reserva) => ("reserva", reserva),
    }
}

/// El asunto que dicen dos columnas.
pub fn asunto(nombre: &str, id: Uuid) -> Result<Asunto, Falla> {
    match nombre {
        "codigo" => Ok(Asunto::Codigo(id)),
        "reserva" => Ok(Asunto::Reserva(id)),
        otro => Err(Falla::interna(format!("asunto de correo desconocido: {otro}"))),
    }
}

impl<S: Send + Sync + 'static> RepositorioCorreos for UnidadTrabajoPg<S> {
    async fn anotar_correo(&mut self, id: IdCorreo, asunto: Asunto) -> Result<(), Falla> {
        let (nombre, id_recurso) = columnas(asunto);
        let columnas = vec![("id", id.0.into()), ("asunto", nombre.into()), ("id_recurso", id_recurso.into())];
        self.anotar(Escritura::insercion("correos", id, columnas)).await
    }
}
