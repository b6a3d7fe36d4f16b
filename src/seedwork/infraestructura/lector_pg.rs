//! El lado de lectura sobre PostgreSQL: consultas sueltas, sin transacción ni bloqueos.

use std::sync::Arc;

use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::QueryAs;
use sqlx::{FromRow, Postgres};
use uuid::Uuid;

use super::conexiones::Conexiones;
use super::errores_pg::falla_de;
use super::lecturas::Lecturas;
use super::servicios::ConServicios;
use crate::seedwork::dominio::repositorios::Falla;

/// Lee para las consultas. Cada lectura arrienda una conexión, salvo las que van juntas.
pub struct LectorPg<S> {
    conexiones: Conexiones,
    lecturas: Lecturas,
    servicios: Arc<S>,
}

impl<S: Send + Sync> ConServicios for LectorPg<S> {
    type Servicios = S;

    fn servicios(&self) -> &S {
        &self.servicios
    }
}

impl<S> LectorPg<S> {
    /// Un lector con los servicios que piden los handlers de consultas.
    pub(super) fn nuevo((conexiones, lecturas): (Conexiones, Lecturas), servicios: Arc<S>) -> Self {
        Self { conexiones, lecturas, servicios }
    }

    /// Lee todas las filas de una consulta.
    ///
    /// # Errors
    /// Las de la base de datos.
    pub async fn leer<T>(&self, consulta: QueryAs<'_, Postgres, T, PgArguments>) -> Result<Vec<T>, Falla>
    where
        T: for<'r> FromRow<'r, PgRow> + Send + Unpin,
    {
        self.conexiones.leer(consulta).await
    }

    /// Lee una fila, si la hay.
    ///
    /// # Errors
    /// Las de la base de datos.
    pub async fn leer_una<T>(&self, consulta: QueryAs<'_, Postgres, T, PgArguments>) -> Result<Option<T>, Falla>
    where
        T: for<'r> FromRow<'r, PgRow> + Send + Unpin,
    {
        Ok(self.leer(consulta).await?.into_iter().next())
    }

    /// Lee la fila con esa identidad, si la hay, en la misma consulta que las demás que se pidan a la vez. La consulta
    /// recibe en `$1` las identidades y da cada una en la columna `id`.
    ///
    /// # Errors
    /// Las de la base de datos.
    pub async fn leer_por_id<T>(&self, sql: &'static str, id: Uuid) -> Result<Option<T>, Falla>
    where
        T: for<'r> FromRow<'r, PgRow>,
    {
        let leida = self.lecturas.pedir((sql, id)).await;
        let fila = leida.ok_or_else(|| Falla::interna("se interrumpió la lectura"))??;
        fila.map(|fila| T::from_row(&fila)).transpose().map_err(falla_de)
    }
}
