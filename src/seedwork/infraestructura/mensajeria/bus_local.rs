//! El bus local: duradero en PostgreSQL, sin otro servicio que arrancar.

use std::time::Duration;

use sqlx::postgres::PgArguments;
use sqlx::query::Query;
use sqlx::{FromRow, Postgres, query, query_as};
use uuid::Uuid;

use super::enrutador::{SUSCRIPCION_COMANDOS, SUSCRIPCION_EVENTOS};
use crate::carril_propio;
use crate::seedwork::dominio::repositorios::Falla;
use crate::seedwork::infraestructura::conexiones::Conexiones;

/// Mensajes que se reparten de una vez.
const LOTE: i64 = 500;

/// Una entrega que espera ser atendida: la primera de su clave en su suscripción.
#[derive(Debug, Clone, FromRow)]
pub struct Entrega {
    /// La suscripción.
    pub suscripcion: String,
    /// Su lugar en la bandeja de salida.
    pub posicion: i64,
    /// La identidad del mensaje.
    pub id_mensaje: Uuid,
    /// El tópico.
    pub topico: String,
    /// El nombre del evento o comando.
    pub tipo: String,
    /// El dato de Avro.
    pub datos: Vec<u8>,
    /// La correlación de la petición que lo causó.
    pub correlacion: String,
    /// La traza de la petición que lo causó.
    pub traceparent: String,
    /// Cuántas veces se intentó ya.
    pub intentos: i32,
}

/// El bus sobre la base de datos. Sólo mueve y muestra lo de los carriles de la instancia que llama.
#[derive(Clone)]
pub struct BusLocal {
    conexiones: Conexiones,
}

impl BusLocal {
    /// El bus sobre ese fondo de conexiones.
    pub const fn nuevo(conexiones: Conexiones) -> Self {
        Self { conexiones }
    }

    /// Reparte lo que espera en la bandeja de salida: una entrega por suscripción, en una sola transacción.
    /// Devuelve cuántas entregas hizo.
    ///
    /// # Errors
    /// Las de la base de datos; con cualquiera, no se repartió nada.
    pub async fn repartir(&self, dueno: Uuid) -> Result<u64, Falla> {
        const SQL: &str = concat!(
            "WITH lote AS (SELECT posicion FROM bandeja_salida WHERE publicada_en IS NULL AND ",
            carril_propio!(),
            " ORDER BY posicion LIMIT $2 FOR UPDATE), ",
            "marcadas AS (UPDATE bandeja_salida b SET publicada_en = clock_timestamp() FROM lote ",
            "WHERE b.posicion = lote.posicion AND b.publicada_en IS NULL RETURNING b.*) ",
            "INSERT INTO entregas (suscripcion, posicion, id_mensaje, topico, clave, carril, tipo, datos, correlacion, traceparent) ",
            "SELECT CASE WHEN topico LIKE 'comandos-%' THEN $3 ELSE $4 END, ",
            "posicion, id, topico, clave, carril, tipo, datos, correlacion, traceparent FROM marcadas",
        );
        let sql = query(SQL).bind(dueno).bind(LOTE).bind(SUSCRIPCION_COMANDOS).bind(SUSCRIPCION_EVENTOS);
        self.ordenar(sql).await
    }

    /// Las entregas que ya pueden atenderse, sin las que están en curso.
    ///
    /// # Errors
    /// Las de la base de datos.
    pub async fn pendientes(
        &self,
        dueno: Uuid,
        en_curso: &[(String, i64)],
        cuantas: i64,
    ) -> Result<Vec<Entrega>, Falla> {
        const SQL: &str = concat!(
            "SELECT suscripcion, posicion, id_mensaje, topico, tipo, datos, correlacion, traceparent, intentos ",
            "FROM entregas e WHERE ",
            carril_propio!(),
            " AND proximo_intento <= clock_timestamp() ",
            "AND NOT EXISTS (SELECT 1 FROM entregas previa WHERE previa.suscripcion = e.suscripcion ",
            "AND previa.clave = e.clave AND previa.posicion < e.posicion) ",
            "AND (suscripcion, posicion) NOT IN (SELECT * FROM unnest($2::text[], $3::bigint[])) ",
            "ORDER BY posicion LIMIT $4",
        );
        let (suscripciones, posiciones): (Vec<_>, Vec<_>) = en_curso.iter().cloned().unzip();
        let sql = query_as(SQL).bind(dueno).bind(suscripciones).bind(posiciones).bind(cuantas);
        let mut arriendo = self.conexiones.arrendar().await?;
        let leidas = sql.fetch_all(arriendo.conexion()?).await;
        let leidas = arriendo.acabar(leidas);
        arriendo.devolver();
        leidas
    }

    /// Da por atendida una entrega, después de que su efecto quedó confirmado.
    ///
    /// # Errors
    /// Las de la base de datos; entonces se volverá a entregar, y la bandeja de entrada la parará.
    pub async fn confirmar(&self, entrega: &Entrega) -> Result<(), Falla> {
        let sql = "DELETE FROM entregas WHERE suscripcion = $1 AND posicion = $2";
        self.ordenar(query(sql).bind(&entrega.suscripcion).bind(entrega.posicion)).await.map(drop)
    }

    /// Deja una entrega para más tarde; su clave la espera.
    ///
    /// # Errors
    /// Las de la base de datos.
    pub async fn aplazar(&self, entrega: &Entrega, espera: Duration) -> Result<(), Falla> {
        let sql = "UPDATE entregas SET intentos = intentos + 1, \
                   proximo_intento = clock_timestamp() + make_interval(secs => $3) \
                   WHERE suscripcion = $1 AND posicion = $2";
        let sql = query(sql).bind(&entrega.suscripcion).bind(entrega.posicion).bind(espera.as_secs_f64());
        self.ordenar(sql).await.map(drop)
    }

    /// Aparta para siempre una entrega que no se puede atender, con su motivo.
    ///
    /// # Errors
    /// Las de la base de datos; entonces sigue pendiente.
    pub async fn enterrar(&self, entrega: &Entrega, motivo: &str) -> Result<(), Falla> {
        let sql = "WITH muerta AS (DELETE FROM entregas WHERE suscripcion = $1 AND posicion = $2 RETURNING *) \
                   INSERT INTO letras_muertas (suscripcion, posicion, id_mensaje, topico, clave, tipo, datos, motivo) \
                   SELECT suscripcion, posicion, id_mensaje, topico, clave, tipo, datos, $3 FROM muerta";
        self.ordenar(query(sql).bind(&entrega.suscripcion).bind(entrega.posicion).bind(motivo)).await.map(drop)
    }

    async fn ordenar(&self, sql: Query<'_, Postgres, PgArguments>) -> Result<u64, Falla> {
        let mut arriendo = self.conexiones.arrendar().await?;
        let hecha = sql.execute(arriendo.conexion()?).await;
        let hecha = arriendo.acabar(hecha).map(|hecha| hecha.rows_affected());
        arriendo.devolver();
        hecha
    }
}
