//! La transacción de una unidad de trabajo: la conexión se arrienda, y `BEGIN` se envía, cuando ya no se puede evitar.

use std::sync::Arc;
use std::time::Instant;

use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::QueryAs;
use sqlx::{AssertSqlSafe, FromRow, Postgres, SqlSafeStr};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::conexiones::{Arriendo, Conexiones, acotada};
use super::sentencias::{Escritura, escribir};
use crate::seedwork::aplicacion::medidas;
use crate::seedwork::dominio::repositorios::Falla;

/// Una transacción, abierta o por abrir, dueña de su conexión. Soltarla la deshace.
pub struct Transaccion {
    conexiones: Conexiones,
    turnos: Option<Arc<Semaphore>>,
    turno: Option<OwnedSemaphorePermit>,
    arriendo: Option<Arriendo>,
    abierta: bool,
    /// Algo falló y no se ha vuelto a un punto anterior: ya no se puede confirmar, aunque alguien calle el error.
    rota: bool,
}

impl Transaccion {
    /// Una que todavía no tiene conexión.
    pub const fn nueva(conexiones: Conexiones) -> Self {
        Self { conexiones, turnos: None, turno: None, arriendo: None, abierta: false, rota: false }
    }

    /// Si se abre, que sea con un turno de esos, que conserva hasta el final.
    pub fn con_turno_de(&mut self, turnos: Arc<Semaphore>) {
        self.turnos = Some(turnos);
    }

    /// Si ya se abrió.
    pub const fn abierta(&self) -> bool {
        self.abierta
    }

    /// Si algo falló, y ya no se puede confirmar.
    pub const fn rota(&self) -> bool {
        self.rota
    }

    /// La abre, si todavía no lo está.
    ///
    /// # Errors
    /// Las de [`Conexiones::arrendar`] y las de la base de datos.
    pub async fn empezar(&mut self) -> Result<(), Falla> {
        if self.abierta {
            return Ok(());
        }
        if let Some(turnos) = self.turnos.take() {
            self.turno = Some(turnos.acquire_owned().await.map_err(Falla::interna)?);
        }
        self.arrendar().await?;
        if let Err(Falla::Desconectada(_)) = self.orden("BEGIN").await {
            // La conexión murió mientras nadie la usaba: aún no se ha hecho nada, así que sirve cualquier otra.
            self.arriendo = None;
            self.arrendar().await?;
            self.orden("BEGIN").await?;
        }
        self.rota = false;
        self.abierta = true;
        Ok(())
    }

    /// Lee una fila. Abre la transacción.
    ///
    /// # Errors
    /// [`Falla::Bloqueada`] si la fila no se libera a tiempo; las demás, si falla la base de datos.
    pub async fn leer_una<T>(&mut self, consulta: QueryAs<'_, Postgres, T, PgArguments>) -> Result<Option<T>, Falla>
    where
        T: for<'r> FromRow<'r, PgRow> + Send + Unpin,
    {
        self.empezar().await?;
        let arriendo = en_curso(&mut self.arriendo)?;
        let pedida = Instant::now();
        let leida = consulta.fetch_optional(arriendo.conexion()?).await;
        medidas::espera_de_fila(pedida);
        let leida = arriendo.acabar(leida);
        self.rota |= leida.is_err();
        leida
    }

    /// Escribe, con la transacción ya abierta.
    ///
    /// # Errors
    /// Las de la base de datos; [`Falla::Conflicto`] si no tocó las filas debidas.
    pub async fn escribir(&mut self, escrituras: &[Escritura]) -> Result<(), Falla> {
        if escrituras.is_empty() {
            return Ok(());
        }
        let escritas = escribir(en_curso(&mut self.arriendo)?, escrituras.iter()).await;
        self.rota |= escritas.is_err();
        escritas
    }

    /// Marca un punto al que volver.
    ///
    /// # Errors
    /// Las de la base de datos.
    pub async fn marcar(&mut self, punto: u32) -> Result<(), Falla> {
        self.orden(AssertSqlSafe(format!("SAVEPOINT p{punto}"))).await
    }

    /// Vuelve a un punto: deshace lo escrito después, y lo que falló después ya no impide confirmar.
    ///
    /// # Errors
    /// Las de la base de datos.
    pub async fn volver(&mut self, punto: u32) -> Result<(), Falla> {
        self.orden(AssertSqlSafe(format!("ROLLBACK TO SAVEPOINT p{punto}"))).await?;
        self.rota = false;
        Ok(())
    }

    /// Confirma lo escrito y devuelve la conexión.
    ///
    /// # Errors
    /// Las de la base de datos; con [`Falla::Desconectada`] no se sabe si se confirmó.
    pub async fn confirmar(&mut self) -> Result<(), Falla> {
        self.orden("COMMIT").await?;
        self.devolver_conexion();
        Ok(())
    }

    /// Deshace lo escrito. Si no se puede, cierra la conexión, y lo deshace PostgreSQL.
    pub async fn deshacer(mut self) {
        let puede_seguir = self.arriendo.as_ref().is_some_and(|arriendo| !arriendo.a_medias());
        if puede_seguir && (!self.abierta || self.orden("ROLLBACK").await.is_ok()) {
            self.devolver_conexion();
        }
    }

    /// Arrienda la conexión, si todavía no la tiene.
    async fn arrendar(&mut self) -> Result<(), Falla> {
        if self.arriendo.is_none() {
            self.arriendo = Some(self.conexiones.arrendar().await?);
        }
        Ok(())
    }

    async fn orden(&mut self, sql: impl SqlSafeStr) -> Result<(), Falla> {
        let arriendo = en_curso(&mut self.arriendo)?;
        let tope = arriendo.tope();
        let hecha = acotada(tope, sqlx::raw_sql(sql).execute(arriendo.conexion()?)).await;
        let hecha = arriendo.acabar(hecha).map(drop);
        self.rota |= hecha.is_err();
        hecha
    }

    fn devolver_conexion(&mut self) {
        if let Some(arriendo) = self.arriendo.take() {
            arriendo.devolver();
        }
    }
}

fn en_curso(arriendo: &mut Option<Arriendo>) -> Result<&mut Arriendo, Falla> {
    arriendo.as_mut().ok_or_else(|| Falla::interna("la unidad de trabajo no tiene conexión"))
}
