//! Las entregas por atender, en PostgreSQL: intentos, esperas y letras muertas, sea cual sea el bus.

use std::time::Duration;

use sqlx::postgres::PgArguments;
use sqlx::query::Query;
use sqlx::{FromRow, Postgres, query, query_as};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::carril_propio;
use crate::seedwork::dominio::repositorios::Falla;
use crate::seedwork::infraestructura::conexiones::Conexiones;

/// Una entrega que espera ser atendida: la primera de su clave en su suscripción.
#[derive(Debug, Clone, FromRow)]
pub struct Entrega {
    /// Su lugar en la fila.
    pub posicion: i64,
    /// La suscripción.
    pub suscripcion: String,
    /// La identidad del mensaje.
    pub id_mensaje: String,
    /// El tópico.
    pub topico: String,
    /// El nombre del evento o comando.
    pub tipo: String,
    /// El dato de Avro, con nuestro esquema.
    pub datos: Vec<u8>,
    /// La correlación de la petición que lo causó.
    pub correlacion: String,
    /// La traza de la petición que lo causó.
    pub traceparent: String,
    /// Cuándo se publicó.
    pub publicado_en: OffsetDateTime,
    /// Por qué no se pudo leer al recibirla, si no se pudo.
    pub ilegible: Option<String>,
    /// Cuántas veces se intentó ya.
    pub intentos: i32,
}

/// Un mensaje recién llegado de un bróker.
#[derive(Debug, Clone)]
pub struct Llegada {
    /// La suscripción.
    pub suscripcion: &'static str,
    /// La identidad del mensaje.
    pub id_mensaje: String,
    /// El tópico.
    pub topico: &'static str,
    /// La clave de orden.
    pub clave: Uuid,
    /// El nombre del evento o comando.
    pub tipo: String,
    /// El dato de Avro con nuestro esquema o, si no se pudo leer, tal como llegó.
    pub datos: Vec<u8>,
    /// La correlación.
    pub correlacion: String,
    /// La traza.
    pub traceparent: String,
    /// Cuándo se publicó.
    pub publicado_en: OffsetDateTime,
    /// Por qué no se pudo leer, si no se pudo.
    pub ilegible: Option<String>,
}

/// Las entregas. Sólo muestra las de los carriles de la instancia que llama.
#[derive(Clone)]
pub struct Entregas {
    conexiones: Conexiones,
    por_broker: bool,
}

impl Entregas {
    /// Las entregas sobre ese fondo de conexiones; con bróker, las letras muertas también salen por él.
    pub const fn nuevas(conexiones: Conexiones, por_broker: bool) -> Self {
        Self { conexiones, por_broker }
    }

    /// Guarda lo que llegó de un bróker, en orden. Lo que ya había llegado se ignora.
    ///
    /// # Errors
    /// Las de la base de datos; con cualquiera, no se guardó nada.
    pub async fn recibir(&self, llegadas: &[Llegada]) -> Result<(), Falla> {
        let sql = "INSERT INTO entregas (suscripcion, id_mensaje, topico, clave, tipo, datos, correlacion, traceparent, \
                   publicado_en, ilegible) \
                   SELECT l.* FROM unnest($1::text[], $2::text[], $3::text[], $4::uuid[], $5::text[], $6::bytea[], \
                   $7::text[], $8::text[], $9::timestamptz[], $10::text[]) \
                   AS l(suscripcion, id_mensaje, topico, clave, tipo, datos, correlacion, traceparent, publicado_en, ilegible) \
                   WHERE NOT EXISTS (SELECT 1 FROM bandeja_entrada e \
                   WHERE e.suscripcion = l.suscripcion AND e.id_mensaje = l.id_mensaje) \
                   ON CONFLICT (suscripcion, id_mensaje) DO NOTHING";
        let columna = |dato: fn(&Llegada) -> String| llegadas.iter().map(dato).collect::<Vec<_>>();
        let sql = query(sql)
            .bind(columna(|l| l.suscripcion.to_owned()))
            .bind(columna(|l| l.id_mensaje.clone()))
            .bind(columna(|l| l.topico.to_owned()))
            .bind(llegadas.iter().map(|l| l.clave).collect::<Vec<_>>())
            .bind(columna(|l| l.tipo.clone()))
            .bind(llegadas.iter().map(|l| l.datos.clone()).collect::<Vec<_>>())
            .bind(columna(|l| l.correlacion.clone()))
            .bind(columna(|l| l.traceparent.clone()))
            .bind(llegadas.iter().map(|l| l.publicado_en).collect::<Vec<_>>())
            .bind(llegadas.iter().map(|l| l.ilegible.clone()).collect::<Vec<_>>());
        self.ordenar(sql).await
    }

    /// Las entregas que ya pueden atenderse, sin las que están en curso.
    ///
    /// # Errors
    /// Las de la base de datos.
    pub async fn pendientes(&self, dueno: Uuid, en_curso: &[i64], cuantas: i64) -> Result<Vec<Entrega>, Falla> {
        const SQL: &str = concat!(
            "SELECT posicion, suscripcion, id_mensaje, topico, tipo, datos, correlacion, traceparent, publicado_en, ",
            "ilegible, intentos FROM entregas e WHERE ",
            carril_propio!(),
            " AND proximo_intento <= clock_timestamp() ",
            "AND NOT EXISTS (SELECT 1 FROM entregas previa WHERE previa.suscripcion = e.suscripcion ",
            "AND previa.clave = e.clave AND previa.posicion < e.posicion) ",
            "AND posicion <> ALL($2) ORDER BY posicion LIMIT $3",
        );
        let sql = query_as(SQL).bind(dueno).bind(en_curso).bind(cuantas);
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
        self.ordenar(query("DELETE FROM entregas WHERE posicion = $1").bind(entrega.posicion)).await
    }

    /// Deja una entrega para más tarde; su clave la espera.
    ///
    /// # Errors
    /// Las de la base de datos.
    pub async fn aplazar(&self, entrega: &Entrega, espera: Duration) -> Result<(), Falla> {
        let sql = "UPDATE entregas SET intentos = intentos + 1, \
                   proximo_intento = clock_timestamp() + make_interval(secs => $2) WHERE posicion = $1";
        self.ordenar(query(sql).bind(entrega.posicion).bind(espera.as_secs_f64())).await
    }

    /// Aparta para siempre una entrega que no se puede atender, con su motivo.
    ///
    /// # Errors
    /// Las de la base de datos; entonces sigue pendiente.
    pub async fn enterrar(&self, entrega: &Entrega, motivo: &str) -> Result<(), Falla> {
        let sql = "WITH muerta AS (DELETE FROM entregas WHERE posicion = $1 RETURNING *), \
                   avisada AS (INSERT INTO bandeja_salida (id, topico, clave, tipo, datos, ocurrido_en, correlacion, \
                   traceparent, propiedades) SELECT gen_random_uuid(), topico || '-aeroalpes-dlq', clave, tipo, datos, \
                   clock_timestamp(), correlacion, traceparent, jsonb_build_object('motivo', $2::text, 'id_original', \
                   id_mensaje, 'suscripcion', suscripcion) FROM muerta WHERE $3) \
                   INSERT INTO letras_muertas (suscripcion, posicion, id_mensaje, topico, clave, tipo, datos, motivo) \
                   SELECT suscripcion, posicion, id_mensaje, topico, clave, tipo, datos, $2 FROM muerta";
        self.ordenar(query(sql).bind(entrega.posicion).bind(motivo).bind(self.por_broker)).await
    }

    async fn ordenar(&self, sql: Query<'_, Postgres, PgArguments>) -> Result<(), Falla> {
        let mut arriendo = self.conexiones.arrendar().await?;
        let hecha = sql.execute(arriendo.conexion()?).await;
        let hecha = arriendo.acabar(hecha).map(drop);
        arriendo.devolver();
        hecha
    }
}
