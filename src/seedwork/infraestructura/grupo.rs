//! La confirmación en grupo (*group commit*): las unidades de trabajo que coinciden en el tiempo se escriben y se
//! confirman juntas (docs/adr/0027).

use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::time::timeout;

use super::conexiones::Conexiones;
use super::sentencias::{Escritura, Forma, escribir};
use super::tandas::{EnTandas, Tandas};
use crate::seedwork::dominio::repositorios::Falla;

/// Lo más que se espera una conexión para confirmar.
const ESPERA: Duration = Duration::from_secs(5);

/// Cómo terminó una unidad de trabajo que se quiso confirmar con otras.
pub enum Fin {
    /// Quedó guardada.
    Guardada,
    /// Alguna no se dejó y no se guardó ninguna: que lo intente sola, y sólo fallará la que tenga por qué.
    Sola(Vec<Escritura>),
    /// No quedó guardada; con [`Falla::Desconectada`], no se sabe.
    Fallo(Falla),
}

/// Quien confirma juntas las unidades de trabajo que no leyeron nada ni cambian lo que ya existía. Cada una sigue siendo
/// atómica, y lo que le pase a una no lo sufre otra, salvo esperarla: si una espera por una clave ajena, las que van con ella
/// también.
pub type Grupo = Tandas<Confirmacion>;

/// Confirmar unas unidades de trabajo por esas conexiones.
pub struct Confirmacion(pub Conexiones);

impl EnTandas for Confirmacion {
    type Pedido = (Forma, Vec<Escritura>);
    type Respuesta = Fin;

    /// Sólo lo de la misma forma: hay pocas sentencias distintas, y unas órdenes no corren la suerte de otras.
    fn se_juntan((una, _): &Self::Pedido, (otra, _): &Self::Pedido) -> bool {
        una == otra
    }

    async fn hacer(&self, tanda: Vec<Self::Pedido>) -> Vec<Fin> {
        let todas = tanda.iter().flat_map(|(_, escrituras)| escrituras);
        let (guardadas, sola) = (guardar(&self.0, todas).await, tanda.len() == 1);
        match guardadas {
            Ok(()) => tanda.into_iter().map(|_| Fin::Guardada).collect(),
            Err(falla) if sola => vec![Fin::Fallo(falla)],
            Err(falla) if es_de_todas(&falla) => tanda.into_iter().map(|_| Fin::Fallo(falla.clone())).collect(),
            Err(_) => tanda.into_iter().map(|(_, escrituras)| Fin::Sola(escrituras)).collect(),
        }
    }
}

/// Escribir se interrumpió por un defecto: no se sabe si quedó guardado.
#[derive(Debug, Error)]
#[error("se interrumpió la escritura")]
struct Interrumpida;

/// Guarda unas escrituras y las confirma con una sola sentencia, que puede llevar también lo de otras unidades de trabajo
/// que confirman a la vez.
///
/// # Errors
/// Las de [`escribir`]; [`Falla::Saturada`] o [`Falla::Inaccesible`] si no hubo una conexión: no se guardó nada; con
/// [`Falla::Desconectada`] no se sabe.
pub async fn confirmar(grupo: &Grupo, conexiones: &Conexiones, escrituras: Vec<Escritura>) -> Result<(), Falla> {
    let sola = match Forma::de(&escrituras) {
        Some(forma) => match grupo.pedir((forma, escrituras)).await {
            Some(Fin::Guardada) => return Ok(()),
            Some(Fin::Fallo(falla)) => return Err(falla),
            Some(Fin::Sola(escrituras)) => escrituras,
            None => return Err(Falla::Desconectada(Arc::new(Interrumpida))),
        },
        None => escrituras,
    };
    guardar(conexiones, sola.iter()).await
}

/// Guarda unas escrituras con una conexión cualquiera. Confirmar no lo corta el plazo de la orden, así que esperarla tiene
/// el suyo.
async fn guardar<'a>(
    conexiones: &Conexiones,
    escrituras: impl Iterator<Item = &'a Escritura> + Clone,
) -> Result<(), Falla> {
    let mut arriendo = timeout(ESPERA, conexiones.arrendar()).await.unwrap_or(Err(Falla::Saturada))?;
    let escritas = escribir(&mut arriendo, escrituras).await;
    arriendo.devolver();
    escritas
}

/// Si a cada una sola le pasaría lo mismo, no se sabe si se guardaron o ya lo están: repetirlo sería esperar otra vez, o
/// escribirlo dos veces.
const fn es_de_todas(falla: &Falla) -> bool {
    matches!(
        falla,
        Falla::Saturada | Falla::Inaccesible(_) | Falla::Desconectada(_) | Falla::PlazoVencido | Falla::Conflicto
    )
}
