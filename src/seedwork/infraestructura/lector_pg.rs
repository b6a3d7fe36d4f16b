//! El lado de lectura sobre PostgreSQL: consultas sueltas, sin transacción ni bloqueos.

use std::sync::Arc;

use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::QueryAs;
use sqlx::{FromRow, Postgres};

use super::conexiones::Conexiones;
use super::servicios::ConServicios;
use crate::seedwork::dominio::repositorios::Falla;

/// Lee para las consultas. Arrienda una conexión en cada lectura.
pub struct LectorPg<S> {
    conexiones: Conexiones,
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
    pub(super) fn nuevo(conexiones: Conexiones, servicios: Arc<S>) -> Self {
        Self { conexiones, servicios }
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
}
