//! La confirmación en grupo (*group commit*): las unidades de trabajo que coinciden en el tiempo se escriben y se
//! confirman juntas (docs/adr/0027).

use super::conexiones::{Conexiones, acotada};
use super::sentencias::{Escritura, Forma, componer};
use super::tandas::{EnTandas, Tandas};
use crate::seedwork::dominio::repositorios::Falla;

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
/// atómica, y lo que le pase a una no lo sufre otra.
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
        let (guardadas, sola) = (self.guardar(&tanda).await, tanda.len() == 1);
        match guardadas {
            Ok(()) => tanda.into_iter().map(|_| Fin::Guardada).collect(),
            Err(falla) if sola => vec![Fin::Fallo(falla)],
            Err(falla) if es_de_todas(&falla) => tanda.into_iter().map(|_| Fin::Fallo(falla.clone())).collect(),
            Err(_) => tanda.into_iter().map(|(_, escrituras)| Fin::Sola(escrituras)).collect(),
        }
    }
}

impl Confirmacion {
    async fn guardar(&self, tanda: &[(Forma, Vec<Escritura>)]) -> Result<(), Falla> {
        let escrituras = || tanda.iter().flat_map(|(_, escrituras)| escrituras);
        let debidas = i64::try_from(escrituras().filter(|escritura| escritura.se_cuenta()).count());
        let mut sentencia = componer(escrituras())?;
        let mut arriendo = self.0.arrendar().await?;
        let (tope, consulta) = (arriendo.tope(), sentencia.build_query_scalar::<i64>());
        let escritas = acotada(tope, consulta.fetch_one(arriendo.conexion()?)).await;
        let escritas = arriendo.acabar(escritas);
        arriendo.devolver();
        if escritas? == debidas.map_err(Falla::interna)? { Ok(()) } else { Err(Falla::Conflicto) }
    }
}

/// Si lo que falló no depende de lo que se escribía: a cada una sola le pasaría lo mismo, o no se sabe si se guardó.
const fn es_de_todas(falla: &Falla) -> bool {
    matches!(falla, Falla::Saturada | Falla::Inaccesible(_) | Falla::Desconectada(_))
}
