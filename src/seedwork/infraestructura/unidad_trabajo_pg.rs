//! La unidad de trabajo sobre PostgreSQL (paso 6 del tutorial).

use std::sync::Arc;

use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::QueryAs;
use sqlx::{AssertSqlSafe, FromRow, Postgres, QueryBuilder, SqlSafeStr};
use uuid::Uuid;

use super::conexiones::{Arriendo, Conexiones};
use super::despacho::{Publicable, Sobre};
use super::lector_pg::LectorPg;
use super::servicios::ConServicios;
use crate::seedwork::aplicacion::contexto::Contexto;
use crate::seedwork::aplicacion::unidad_trabajo::{Fabrica, UnidadTrabajo};
use crate::seedwork::dominio::eventos::EventoDominio;
use crate::seedwork::dominio::repositorios::Falla;

/// Redacta una sentencia y le pone sus parámetros.
type Redaccion = Box<dyn FnOnce(&mut QueryBuilder<Postgres>) + Send + Sync>;

/// Una sentencia anotada: se escribe al confirmar, junto con las demás.
pub struct Escritura {
    tabla: &'static str,
    id: Uuid,
    cambia_existente: bool,
    escribir: Redaccion,
}

impl Escritura {
    /// La inserción de una fila.
    pub fn insercion(
        tabla: &'static str,
        id: impl Into<Uuid>,
        escribir: impl FnOnce(&mut QueryBuilder<Postgres>) + Send + Sync + 'static,
    ) -> Self {
        Self { tabla, id: id.into(), cambia_existente: false, escribir: Box::new(escribir) }
    }

    /// El cambio de una fila; si al escribir ya no está en la versión que se leyó, la orden falla con
    /// [`Falla::Conflicto`].
    pub fn cambio(
        tabla: &'static str,
        id: impl Into<Uuid>,
        escribir: impl FnOnce(&mut QueryBuilder<Postgres>) + Send + Sync + 'static,
    ) -> Self {
        Self { tabla, id: id.into(), cambia_existente: true, escribir: Box::new(escribir) }
    }
}

/// Una unidad de trabajo dueña de su conexión.
///
/// La conexión se arrienda y `BEGIN` se envía con la primera lectura; lo que se guarda se anota y se escribe
/// en una sola sentencia al confirmar. Si sólo hay inserciones, esa sentencia es toda la transacción.
///
/// `S` son los servicios que los handlers le piden, por ejemplo el cifrado de contraseñas (véase [`ConServicios`]).
pub struct UnidadTrabajoPg<S> {
    conexiones: Conexiones,
    servicios: Arc<S>,
    contexto: Contexto,
    arriendo: Option<Arriendo>,
    escrituras: Vec<Escritura>,
    salida: Vec<Sobre>,
    eventos: Vec<Box<dyn EventoDominio>>,
    puntos: u32,
}

impl<S: Send + Sync> ConServicios for UnidadTrabajoPg<S> {
    type Servicios = S;

    fn servicios(&self) -> &S {
        &self.servicios
    }
}

impl<S> UnidadTrabajoPg<S> {
    /// Anota una escritura. Si ya hay otra de la misma fila, escribe antes lo anotado.
    ///
    /// # Errors
    /// Las de esa escritura.
    pub async fn anotar(&mut self, escritura: Escritura) -> Result<(), Falla> {
        if self.escrituras.iter().any(|otra| otra.tabla == escritura.tabla && otra.id == escritura.id) {
            self.escribir_lo_anotado().await?;
        }
        self.escrituras.push(escritura);
        Ok(())
    }

    /// Anota un evento: otros reaccionarán antes de confirmar y saldrá por la bandeja de salida.
    ///
    /// # Errors
    /// [`Falla::Interna`] si el mensaje no se deja escribir.
    pub fn anotar_evento(&mut self, evento: impl Publicable) -> Result<(), Falla> {
        self.salida.push(evento.sobre().map_err(Falla::interna)?);
        self.eventos.push(Box::new(evento));
        Ok(())
    }

    /// Lee una fila dentro de la transacción, después de escribir lo anotado de esa tabla.
    ///
    /// # Errors
    /// [`Falla::Bloqueada`] si la fila no se libera a tiempo; las demás, si falla la base de datos.
    pub async fn leer_una<T>(
        &mut self,
        tabla: &'static str,
        consulta: QueryAs<'_, Postgres, T, PgArguments>,
    ) -> Result<Option<T>, Falla>
    where
        T: for<'r> FromRow<'r, PgRow> + Send + Unpin,
    {
        if self.escrituras.iter().any(|escritura| escritura.tabla == tabla) {
            self.escribir_lo_anotado().await?;
        }
        self.empezar().await?;
        let arriendo = en_curso(&mut self.arriendo)?;
        let leida = consulta.fetch_optional(arriendo.conexion()?).await;
        arriendo.acabar(leida)
    }

    async fn escribir_y_confirmar(&mut self) -> Result<(), Falla> {
        let cambia_existente = self.escrituras.iter().any(|escritura| escritura.cambia_existente);
        if self.arriendo.is_none() && !cambia_existente {
            if !self.nada_anotado() {
                // Sólo inserciones: una sentencia es atómica por sí misma y ahorra BEGIN y COMMIT.
                self.arriendo = Some(self.conexiones.arrendar().await?);
                self.enviar_lo_anotado().await?;
            }
            return Ok(());
        }
        self.escribir_lo_anotado().await?;
        self.orden("COMMIT").await
    }

    fn devolver_conexion(&mut self) {
        if let Some(arriendo) = self.arriendo.take() {
            arriendo.devolver();
        }
    }

    /// Arrienda y abre la transacción, si todavía no está abierta.
    async fn empezar(&mut self) -> Result<(), Falla> {
        if self.arriendo.is_none() {
            self.arriendo = Some(self.conexiones.arrendar().await?);
            self.orden("BEGIN").await?;
        }
        Ok(())
    }

    async fn orden(&mut self, sql: impl SqlSafeStr) -> Result<(), Falla> {
        let arriendo = en_curso(&mut self.arriendo)?;
        let hecha = sqlx::raw_sql(sql).execute(arriendo.conexion()?).await;
        arriendo.acabar(hecha).map(drop)
    }

    /// Escribe lo anotado dentro de la transacción.
    async fn escribir_lo_anotado(&mut self) -> Result<(), Falla> {
        self.empezar().await?;
        if self.nada_anotado() { Ok(()) } else { self.enviar_lo_anotado().await }
    }

    /// Envía lo anotado como una sola sentencia: es atómica aunque no haya transacción abierta.
    async fn enviar_lo_anotado(&mut self) -> Result<(), Falla> {
        let filas_debidas = i64::try_from(self.escrituras.len()).map_err(Falla::interna)?;
        let mut sentencia =
            componer(std::mem::take(&mut self.escrituras), std::mem::take(&mut self.salida), &self.contexto);
        let arriendo = en_curso(&mut self.arriendo)?;
        let escritas = sentencia.build_query_scalar::<i64>().fetch_one(arriendo.conexion()?).await;
        let escritas = arriendo.acabar(escritas)?;
        if escritas == filas_debidas { Ok(()) } else { Err(Falla::Conflicto) }
    }

    fn nada_anotado(&self) -> bool {
        self.escrituras.is_empty() && self.salida.is_empty()
    }
}

fn en_curso(arriendo: &mut Option<Arriendo>) -> Result<&mut Arriendo, Falla> {
    arriendo.as_mut().ok_or_else(|| Falla::interna("la unidad de trabajo no tiene conexión"))
}

/// Junta las escrituras y la bandeja de salida en un `WITH` que dice cuántas filas escribió.
fn componer(escrituras: Vec<Escritura>, salida: Vec<Sobre>, contexto: &Contexto) -> QueryBuilder<Postgres> {
    let mut sql = QueryBuilder::new("WITH ");
    let cantidad = escrituras.len();
    for (i, escritura) in escrituras.into_iter().enumerate() {
        sql.push(format_args!("{}e{i} AS (", if i == 0 { "" } else { ", " }));
        (escritura.escribir)(&mut sql);
        sql.push(" RETURNING 1)");
    }
    if !salida.is_empty() {
        sql.push(if cantidad == 0 { "salida AS (" } else { ", salida AS (" });
        escribir_salida(&mut sql, salida, contexto);
        sql.push(")");
    }
    sql.push(" SELECT 0::bigint");
    for i in 0..cantidad {
        sql.push(format_args!(" + (SELECT count(*) FROM e{i})"));
    }
    sql
}

fn escribir_salida(sql: &mut QueryBuilder<Postgres>, salida: Vec<Sobre>, contexto: &Contexto) {
    sql.push(
        "INSERT INTO bandeja_salida (id, topico, clave, tipo, datos, ocurrido_en, correlacion, causa, traceparent) ",
    );
    sql.push_values(salida, |mut fila, sobre| {
        fila.push_bind(sobre.id)
            .push_bind(sobre.topico)
            .push_bind(sobre.clave)
            .push_bind(sobre.tipo)
            .push_bind(sobre.datos)
            .push_bind(sobre.ocurrido_en)
            .push_bind(contexto.correlacion.clone())
            .push_bind(contexto.causa)
            .push_bind(contexto.traceparent.clone());
    });
}

/// Un lugar al que volver. Las agregaciones leídas o guardadas después de marcarlo ya no valen al volver.
pub struct PuntoPg {
    numero: u32,
    eventos: usize,
}

impl<S: Send + Sync + 'static> UnidadTrabajo for UnidadTrabajoPg<S> {
    type Punto = PuntoPg;

    fn contexto(&self) -> &Contexto {
        &self.contexto
    }

    fn tomar_eventos(&mut self) -> Vec<Box<dyn EventoDominio>> {
        std::mem::take(&mut self.eventos)
    }

    async fn marcar_punto(&mut self) -> Result<PuntoPg, Falla> {
        self.escribir_lo_anotado().await?;
        self.puntos += 1;
        self.orden(AssertSqlSafe(format!("SAVEPOINT p{}", self.puntos))).await?;
        Ok(PuntoPg { numero: self.puntos, eventos: self.eventos.len() })
    }

    async fn volver_a(&mut self, punto: PuntoPg) -> Result<(), Falla> {
        self.escrituras.clear();
        self.salida.clear();
        self.eventos.truncate(punto.eventos);
        self.orden(AssertSqlSafe(format!("ROLLBACK TO SAVEPOINT p{}", punto.numero))).await
    }

    async fn confirmar(mut self) -> Result<(), Falla> {
        match self.escribir_y_confirmar().await {
            Ok(()) => {
                self.devolver_conexion();
                Ok(())
            }
            Err(falla) => {
                self.deshacer().await;
                Err(falla)
            }
        }
    }

    async fn deshacer(mut self) {
        let puede_seguir = self.arriendo.as_ref().is_some_and(|arriendo| !arriendo.a_medias());
        if puede_seguir && self.orden("ROLLBACK").await.is_ok() {
            self.devolver_conexion();
        }
    }
}

/// Abre unidades de trabajo y lectores sobre un mismo fondo de conexiones.
pub struct FabricaPg<S> {
    conexiones: Conexiones,
    servicios: Arc<S>,
}

impl<S> FabricaPg<S> {
    /// Una fábrica con los servicios que piden los handlers.
    pub fn nueva(conexiones: Conexiones, servicios: S) -> Self {
        Self { conexiones, servicios: Arc::new(servicios) }
    }
}

impl<S: Send + Sync + 'static> Fabrica for FabricaPg<S> {
    type Udt = UnidadTrabajoPg<S>;
    type Lector = LectorPg<S>;

    fn abrir(&self, contexto: Contexto) -> UnidadTrabajoPg<S> {
        UnidadTrabajoPg {
            conexiones: self.conexiones.clone(),
            servicios: Arc::clone(&self.servicios),
            contexto,
            arriendo: None,
            escrituras: Vec::new(),
            salida: Vec::new(),
            eventos: Vec::new(),
            puntos: 0,
        }
    }

    fn lector(&self) -> LectorPg<S> {
        LectorPg::nuevo(self.conexiones.clone(), Arc::clone(&self.servicios))
    }
}
