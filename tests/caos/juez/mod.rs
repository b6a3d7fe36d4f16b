//! El juez: compara, desde fuera, lo que consta con lo que los clientes vieron.

mod calma;
mod datos;
mod efectos;
mod estados;
mod mensajes;
mod reposo;

pub use calma::{Calma, en_calma};
pub use reposo::asentar;

use super::entorno::Entorno;
use super::historia::{Clase, Historia};
use crate::Fallo;
use datos::Datos;

/// Juzga la corrida: los defectos quedan en la historia.
pub async fn juzgar(entorno: &Entorno, calma: &Calma) -> Result<(), Fallo> {
    reposo::comprobar(entorno).await?;
    let datos = Datos::leer(entorno).await?;
    let (historia, peticiones) = (&entorno.historia, entorno.historia.peticiones());
    efectos::juzgar(historia, &datos, &peticiones);
    estados::juzgar(historia, &datos, &peticiones);
    mensajes::juzgar(entorno, &datos, &peticiones, calma).await?;
    for instancia in &entorno.instancias {
        for _ in 0..instancia.panicos() {
            historia.defecto(Clase::Inconsistente, format!("un pánico en la instancia {}", instancia.numero));
        }
    }
    Ok(())
}

/// Anota un defecto si algo no se cumple.
fn exigir(historia: &Historia, cumplido: bool, clase: Clase, detalle: impl FnOnce() -> String) {
    if !cumplido {
        historia.defecto(clase, detalle());
    }
}
