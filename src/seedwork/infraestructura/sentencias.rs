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
    se_cuenta: bool,
    redactar: Redaccion,
}

impl Escritura {
    /// La inserción de una fila.
    pub fn insercion(
        tabla: &'static str,
        id: impl Into<Uuid>,
        redactar: impl FnOnce(&mut QueryBuilder<Postgres>) + Send + Sync + 'static,
    ) -> Self {
        Self { tabla, id: id.into(), cambia_existente: false, se_cuenta: true, redactar: Box::new(redactar) }
    }

    /// El borrado de una fila que puede no estar: con ella o sin ella, lo demás vale.
    pub fn borrado(
        tabla: &'static str,
        id: impl Into<Uuid>,
        redactar: impl FnOnce(&mut QueryBuilder<Postgres>) + Send + Sync + 'static,
    ) -> Self {
        Self { tabla, id: id.into(), cambia_existente: false, se_cuenta: false, redactar: Box::new(redactar) }
    }

    /// El cambio de una fila; si al escribir ya no está en la versión que se leyó, la orden falla con
    /// [`Falla::Conflicto`](crate::seedwork::dominio::repositorios::Falla::Conflicto).
    pub fn cambio(
        tabla: &'static str,
        id: impl Into<Uuid>,
        redactar: impl FnOnce(&mut QueryBuilder<Postgres>) + Send + Sync + 'static,
    ) -> Self {
        Self { tabla, id: id.into(), cambia_existente: true, se_cuenta: true, redactar: Box::new(redactar) }
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

    /// Si tiene que haber tocado su fila.
    pub const fn se_cuenta(&self) -> bool {
        self.se_cuenta
    }
}

/// Junta las escrituras y la bandeja de salida en un `WITH` que dice cuántas filas escribió.
pub fn componer(escrituras: Vec<Escritura>, salida: Vec<Sobre>, contexto: &Contexto) -> QueryBuilder<Postgres> {
    let mut sql = QueryBuilder::new("WITH ");
    let contadas: Vec<_> = escrituras.iter().map(Escritura::se_cuenta).collect();
    for (i, escritura) in escrituras.into_iter().enumerate() {
        sql.push(format_args!("{}e{i} AS (", if i == 0 { "" } else { ", " }));
        (escritura.redactar)(&mut sql);
        sql.push(" RETURNING 1)");
    }
    if !salida.is_empty() {
        sql.push(if contadas.is_empty() { "salida AS (" } else { ", salida AS (" });
        escribir_salida(&mut sql, salida, contexto);
        sql.push(")");
    }
    sql.push(" SELECT 0::bigint");
    for (i, _) in contadas.iter().enumerate().filter(|(_, se_cuenta)| **se_cuenta) {
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
