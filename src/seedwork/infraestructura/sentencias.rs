//! De lo anotado en una unidad de trabajo a una sola sentencia de SQL.

use sqlx::{Postgres, QueryBuilder};
use uuid::Uuid;

use super::despacho::Sobre;
use crate::seedwork::aplicacion::contexto::Contexto;

/// Redacta una sentencia y le pone sus parámetros.
type Redaccion = Box<dyn FnOnce(&mut QueryBuilder<Postgres>) + Send + Sync>;

/// Una sentencia anotada, sobre una sola fila: se escribe al confirmar, junto con las demás.
pub struct Escritura {
    tabla: &'static str,
    id: Uuid,
    cambia_existente: bool,
    redactar: Redaccion,
}

impl Escritura {
    /// La inserción de una fila.
    pub fn insercion(
        tabla: &'static str,
        id: impl Into<Uuid>,
        redactar: impl FnOnce(&mut QueryBuilder<Postgres>) + Send + Sync + 'static,
    ) -> Self {
        Self { tabla, id: id.into(), cambia_existente: false, redactar: Box::new(redactar) }
    }

    /// El cambio de una fila; si al escribir ya no está en la versión que se leyó, la orden falla con
    /// [`Falla::Conflicto`](crate::seedwork::dominio::repositorios::Falla::Conflicto).
    pub fn cambio(
        tabla: &'static str,
        id: impl Into<Uuid>,
        redactar: impl FnOnce(&mut QueryBuilder<Postgres>) + Send + Sync + 'static,
    ) -> Self {
        Self { tabla, id: id.into(), cambia_existente: true, redactar: Box::new(redactar) }
    }

    /// Si escribe en esa tabla.
    pub fn es_de(&self, tabla: &str) -> bool {
        self.tabla == tabla
    }

    /// Si escribe la misma fila que otra.
    pub fn misma_fila(&self, otra: &Self) -> bool {
        self.tabla == otra.tabla && self.id == otra.id
    }

    /// Si cambia una fila que ya existía, y por tanto puede no encontrarla.
    pub const fn cambia_existente(&self) -> bool {
        self.cambia_existente
    }
}

/// Junta las escrituras y la bandeja de salida en un `WITH` que dice cuántas filas escribió.
pub fn componer(escrituras: Vec<Escritura>, salida: Vec<Sobre>, contexto: &Contexto) -> QueryBuilder<Postgres> {
    let mut sql = QueryBuilder::new("WITH ");
    let cantidad = escrituras.len();
    for (i, escritura) in escrituras.into_iter().enumerate() {
        sql.push(format_args!("{}e{i} AS (", if i == 0 { "" } else { ", " }));
        (escritura.redactar)(&mut sql);
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
    sql.push("INSERT INTO bandeja_salida ");
    sql.push("(id, topico, clave, tipo, datos, ocurrido_en, correlacion, causa, traceparent) ");
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
