//! Las lecturas por identidad que coinciden en el tiempo, en una sola consulta.

use std::collections::HashMap;
use std::sync::Arc;

use sqlx::postgres::PgRow;
use sqlx::{Row, query};
use uuid::Uuid;

use super::conexiones::Conexiones;
use super::errores_pg::falla_de;
use super::tandas::{EnTandas, Tandas};
use crate::seedwork::dominio::repositorios::Falla;

/// Quien lee juntas las filas que se piden a la vez.
pub type Lecturas = Tandas<LecturaPorId>;

/// Leer por esas conexiones unas filas de las que se sabe la identidad.
pub struct LecturaPorId(pub Conexiones);

impl EnTandas for LecturaPorId {
    /// La consulta, que da la columna `id` y recibe en `$1` las identidades, y la de la fila que se pide.
    type Pedido = (&'static str, Uuid);
    /// La fila, si existe. Compartida: la misma puede pedirse dos veces.
    type Respuesta = Result<Option<Arc<PgRow>>, Falla>;

    fn se_juntan((una, _): &Self::Pedido, (otra, _): &Self::Pedido) -> bool {
        una == otra
    }

    async fn hacer(&self, tanda: Vec<Self::Pedido>) -> Vec<Self::Respuesta> {
        let ids: Vec<_> = tanda.iter().map(|(_, id)| *id).collect();
        let filas = match tanda.first() {
            Some((sql, _)) => self.leer(sql, &ids).await,
            None => return Vec::new(),
        };
        let suya = |id: &Uuid| filas.as_ref().map(|filas| filas.get(id).cloned()).map_err(Falla::clone);
        ids.iter().map(suya).collect()
    }
}

impl LecturaPorId {
    async fn leer(&self, sql: &'static str, ids: &[Uuid]) -> Result<HashMap<Uuid, Arc<PgRow>>, Falla> {
        let filas = self.0.leer_filas(query(sql).bind(ids)).await?;
        let con_su_id = |fila: PgRow| Ok((fila.try_get("id").map_err(falla_de)?, Arc::new(fila)));
        filas.into_iter().map(con_su_id).collect()
    }
}
