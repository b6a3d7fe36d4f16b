//! De lo anotado en una o varias unidades de trabajo a una sola sentencia de SQL.

use sqlx::{Postgres, QueryBuilder};
use uuid::Uuid;

use super::conexiones::{Arriendo, acotada};
use super::despacho::Sobre;
use super::valores::{Valor, enlazar};
use crate::seedwork::aplicacion::contexto::Contexto;
use crate::seedwork::dominio::repositorios::Falla;

/// Redacta una sentencia y le pone sus parámetros.
type Redaccion = Box<dyn Fn(&mut QueryBuilder<Postgres>) + Send + Sync>;

/// Unas columnas de una fila, con su valor.
pub type Columnas = Vec<(&'static str, Valor)>;

/// Qué se hace con la fila.
enum Accion {
    /// Insertarla; si choca, lo que diga lo último.
    Insertar(Columnas, &'static str),
    /// Quitarla, si está: se reconoce por esa columna.
    Borrar(Columnas),
    Cambiar(Redaccion),
}

/// Algo anotado sobre una sola fila: se escribe al confirmar, junto con lo demás.
pub struct Escritura {
    tabla: &'static str,
    id: Uuid,
    se_cuenta: bool,
    accion: Accion,
}

/// Qué se escribe, sin los valores: lo de la misma forma se puede escribir junto.
#[derive(PartialEq, Eq)]
pub struct Forma(Vec<(&'static str, bool, Vec<&'static str>)>);

impl Escritura {
    /// La inserción de una fila.
    pub fn insercion(tabla: &'static str, id: impl Into<Uuid>, columnas: Columnas) -> Self {
        Self { tabla, id: id.into(), se_cuenta: true, accion: Accion::Insertar(columnas, "") }
    }

    /// El borrado de una fila que puede no estar: con ella o sin ella, lo demás vale. Se reconoce por una sola columna,
    /// que tiene índice: con dos habría que juntar tablas, y el plan dependería de cuántas filas hubiera al hacerlo.
    pub fn borrado(tabla: &'static str, id: impl Into<Uuid>, columna: (&'static str, Valor)) -> Self {
        Self { tabla, id: id.into(), se_cuenta: false, accion: Accion::Borrar(vec![columna]) }
    }

    /// El cambio de una fila; si al escribir ya no está en la versión que se leyó, la orden falla con
    /// [`Falla::Conflicto`].
    pub fn cambio(
        tabla: &'static str,
        id: impl Into<Uuid>,
        redactar: impl Fn(&mut QueryBuilder<Postgres>) + Send + Sync + 'static,
    ) -> Self {
        Self { tabla, id: id.into(), se_cuenta: true, accion: Accion::Cambiar(Box::new(redactar)) }
    }

    /// Un mensaje en la bandeja de salida (*outbox*).
    pub fn salida(sobre: Sobre, contexto: &Contexto) -> Self {
        let columnas = vec![
            ("id", sobre.id.into()),
            ("topico", sobre.topico.into()),
            ("clave", sobre.clave.into()),
            ("tipo", sobre.tipo.into()),
            ("datos", sobre.datos.into()),
            ("ocurrido_en", sobre.ocurrido_en.into()),
            ("correlacion", contexto.correlacion.clone().into()),
            ("causa", contexto.causa.into()),
            ("traceparent", contexto.traceparent.clone().into()),
        ];
        Self { se_cuenta: false, ..Self::insercion("bandeja_salida", sobre.id, columnas) }
    }

    /// La misma inserción, con lo que hay que hacer si choca.
    #[must_use]
    pub fn si_choca(mut self, que: &'static str) -> Self {
        if let Accion::Insertar(_, choque) = &mut self.accion {
            *choque = que;
        }
        self
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
        matches!(self.accion, Accion::Cambiar(_))
    }

    /// Si tiene que haber tocado su fila.
    pub const fn se_cuenta(&self) -> bool {
        self.se_cuenta
    }

    const fn columnas(&self) -> Option<&Columnas> {
        match &self.accion {
            Accion::Insertar(columnas, _) | Accion::Borrar(columnas) => Some(columnas),
            Accion::Cambiar(_) => None,
        }
    }

    fn se_juntan(&self, otra: &Self) -> bool {
        self.tabla == otra.tabla
            && self.se_cuenta == otra.se_cuenta
            && match (&self.accion, &otra.accion) {
                (Accion::Insertar(una, choque), Accion::Insertar(otra, suyo)) => {
                    choque == suyo && nombres(una).eq(nombres(otra))
                }
                (Accion::Borrar(una), Accion::Borrar(otra)) => nombres(una).eq(nombres(otra)),
                _ => false,
            }
    }
}

impl Forma {
    /// La de unas escrituras que no cambian nada que ya existiera; nada, si alguna lo cambia.
    pub fn de(escrituras: &[Escritura]) -> Option<Self> {
        let forma = |escritura: &Escritura| match &escritura.accion {
            Accion::Insertar(columnas, "") | Accion::Borrar(columnas) => {
                Some((escritura.tabla, escritura.se_cuenta, nombres(columnas).collect()))
            }
            Accion::Insertar(..) | Accion::Cambiar(_) => None,
        };
        escrituras.iter().map(forma).collect::<Option<_>>().map(Self)
    }
}

fn nombres(columnas: &Columnas) -> impl Iterator<Item = &'static str> {
    columnas.iter().map(|(nombre, _)| *nombre)
}

/// Junta las escrituras en un `WITH` que dice cuántas filas escribió de las que se cuentan. Las que hacen lo mismo en la
/// misma tabla van en una sola parte, en su orden: escribir muchas cuesta poco más que escribir una.
///
/// # Errors
/// [`Falla::Interna`] si una columna lleva valores de tipos distintos.
pub fn componer<'a>(escrituras: impl IntoIterator<Item = &'a Escritura>) -> Result<QueryBuilder<Postgres>, Falla> {
    let mut sql = QueryBuilder::new("WITH ");
    let mut contadas = Vec::new();
    for (i, (primera, demas)) in agrupar(escrituras).into_iter().enumerate() {
        sql.push(if i == 0 { "e" } else { ", e" }).push(i).push(" AS (");
        contadas.extend(primera.se_cuenta.then_some(i));
        redactar(&mut sql, primera, &demas)?;
        sql.push(" RETURNING 1)");
    }
    sql.push(" SELECT 0::bigint");
    for i in contadas {
        sql.push(" + (SELECT count(*) FROM e").push(i).push(")");
    }
    Ok(sql)
}

/// Envía unas escrituras como una sola sentencia: es atómica aunque no haya transacción abierta.
///
/// # Errors
/// Las de la base de datos; [`Falla::Conflicto`] si no tocó las filas debidas.
pub async fn escribir<'a>(
    arriendo: &mut Arriendo,
    escrituras: impl Iterator<Item = &'a Escritura> + Clone,
) -> Result<(), Falla> {
    let debidas = escrituras.clone().filter(|escritura| escritura.se_cuenta()).count();
    let debidas = i64::try_from(debidas).map_err(Falla::interna)?;
    let mut sentencia = componer(escrituras)?;
    let (tope, consulta) = (arriendo.tope(), sentencia.build_query_scalar::<i64>());
    let escritas = acotada(tope, consulta.fetch_one(arriendo.conexion()?)).await;
    if arriendo.acabar(escritas)? == debidas { Ok(()) } else { Err(Falla::Conflicto) }
}

type Juntas<'a> = (&'a Escritura, Vec<&'a Columnas>);

/// Cada escritura con las que hacen lo mismo en la misma tabla.
fn agrupar<'a>(escrituras: impl IntoIterator<Item = &'a Escritura>) -> Vec<Juntas<'a>> {
    let mut grupos: Vec<Juntas<'a>> = Vec::new();
    for escritura in escrituras {
        match grupos.iter_mut().find(|(primera, _)| primera.se_juntan(escritura)) {
            Some((_, filas)) => filas.extend(escritura.columnas()),
            None => grupos.push((escritura, escritura.columnas().into_iter().collect())),
        }
    }
    grupos
}

fn redactar(sql: &mut QueryBuilder<Postgres>, como: &Escritura, filas: &[&Columnas]) -> Result<(), Falla> {
    match &como.accion {
        Accion::Insertar(columnas, choque) => {
            sql.push("INSERT INTO ").push(como.tabla).push(" (");
            listar(sql, columnas);
            sql.push(") SELECT * FROM unnest(");
            desplegar(sql, columnas.len(), filas)?;
            sql.push(") ").push(choque);
        }
        Accion::Borrar(columnas) => {
            sql.push("DELETE FROM ").push(como.tabla).push(" WHERE ");
            listar(sql, columnas);
            sql.push(" = ANY (");
            desplegar(sql, columnas.len(), filas)?;
            sql.push(")");
        }
        Accion::Cambiar(redactar) => redactar(sql),
    }
    Ok(())
}

fn listar(sql: &mut QueryBuilder<Postgres>, columnas: &Columnas) {
    for (i, nombre) in nombres(columnas).enumerate() {
        sql.push(if i == 0 { "" } else { ", " }).push(nombre);
    }
}

/// Los valores de unas filas, columna a columna.
fn desplegar(sql: &mut QueryBuilder<Postgres>, columnas: usize, filas: &[&Columnas]) -> Result<(), Falla> {
    for i in 0..columnas {
        sql.push(if i == 0 { "" } else { ", " });
        let columna: Vec<_> = filas.iter().filter_map(|fila| fila.get(i)).map(|(_, valor)| valor).collect();
        enlazar(sql, &columna)?;
    }
    Ok(())
}
