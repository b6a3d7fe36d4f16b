//! Las letras muertas: mirarlas, devolverlas a la cola o descartarlas, aunque se pida dos veces o en dos sitios a la vez.

use sqlx::{FromRow, query_as};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::seedwork::dominio::repositorios::Falla;
use crate::seedwork::infraestructura::conexiones::Conexiones;

/// Condición de SQL: lo que deja pasar un [`Filtro`], en los parámetros `$1` a `$3`.
macro_rules! filtradas {
    () => {
        "($1::text IS NULL OR topico = $1) AND ($2::text IS NULL OR suscripcion = $2) \
         AND ($3::text IS NULL OR position(lower($3) IN lower(motivo)) > 0)"
    };
}

/// Letras muertas que se miran de una vez al reintentarlas todas.
const LOTE: i64 = 100;

/// Cuáles, por sus datos. Lo que falta no filtra.
#[derive(Debug, Clone, Default)]
pub struct Filtro {
    /// El tópico, exacto.
    pub topico: Option<String>,
    /// La suscripción, exacta.
    pub suscripcion: Option<String>,
    /// Una parte del motivo, en mayúsculas o minúsculas.
    pub motivo: Option<String>,
}

/// Qué parte de la lista se pide.
#[derive(Debug, Clone, Copy)]
pub struct Parte {
    /// Si se piden las descartadas, en vez de las que esperan a alguien.
    pub descartadas: bool,
    /// Sólo las de número menor, si se dice.
    pub antes_de: Option<i64>,
    /// Cuántas, como mucho.
    pub limite: i64,
}

/// Lo que se ve de una letra muerta en una lista.
#[derive(Debug, Clone, FromRow)]
pub struct Resumen {
    /// Su número: con él se nombra.
    pub posicion: i64,
    /// La suscripción que no pudo atenderla.
    pub suscripcion: String,
    /// La identidad del mensaje.
    pub id_mensaje: String,
    /// El tópico.
    pub topico: String,
    /// El nombre del evento o comando.
    pub tipo: String,
    /// Por qué se apartó.
    pub motivo: String,
    /// Cuándo se apartó.
    pub muerta_en: OffsetDateTime,
}

/// Una letra muerta entera. Lo opcional falta en las que apartó un binario anterior.
#[derive(Debug, Clone, FromRow)]
pub struct LetraMuerta {
    /// Lo que se ve de ella en una lista.
    #[sqlx(flatten)]
    pub resumen: Resumen,
    /// La clave de orden.
    pub clave: Uuid,
    /// El dato, con nuestro esquema si se pudo leer al recibirlo.
    pub datos: Vec<u8>,
    /// La correlación de la petición que lo causó.
    pub correlacion: Option<String>,
    /// La traza de la petición que lo causó.
    pub traceparent: Option<String>,
    /// Cuándo se publicó.
    pub publicado_en: Option<OffsetDateTime>,
    /// Por qué no se pudo leer al recibirla, si fue por eso: entonces reintentarla la aparta otra vez.
    pub ilegible: Option<String>,
    /// Cuántas veces se había intentado.
    pub intentos: Option<i32>,
    /// Cuándo se reintentó por última vez.
    pub reintentada_en: Option<OffsetDateTime>,
    /// Cuándo se descartó, si se descartó.
    pub descartada_en: Option<OffsetDateTime>,
    /// Quién la descartó.
    pub descartada_por: Option<String>,
    /// Por qué se descartó.
    pub descartada_porque: Option<String>,
}

/// Las letras muertas, en PostgreSQL.
#[derive(Clone)]
pub struct LetrasMuertas {
    conexiones: Conexiones,
}

impl LetrasMuertas {
    /// Sobre ese fondo de conexiones.
    pub const fn nuevas(conexiones: Conexiones) -> Self {
        Self { conexiones }
    }

    /// Una parte de la lista, de la llegada más reciente a la más vieja.
    ///
    /// # Errors
    /// Las de la base de datos.
    pub async fn listar(&self, filtro: &Filtro, parte: Parte) -> Result<Vec<Resumen>, Falla> {
        const SQL: &str = concat!(
            "SELECT posicion, suscripcion, id_mensaje, topico, tipo, motivo, muerta_en FROM letras_muertas WHERE ",
            filtradas!(),
            " AND (descartada_en IS NOT NULL) = $4 AND ($5::bigint IS NULL OR posicion < $5) ORDER BY posicion DESC LIMIT $6",
        );
        let sql = query_as(SQL).bind(&filtro.topico).bind(&filtro.suscripcion).bind(&filtro.motivo);
        self.conexiones.leer(sql.bind(parte.descartadas).bind(parte.antes_de).bind(parte.limite)).await
    }

    /// La de ese número, si existe.
    ///
    /// # Errors
    /// Las de la base de datos.
    pub async fn ver(&self, posicion: i64) -> Result<Option<LetraMuerta>, Falla> {
        let sql = "SELECT posicion, suscripcion, id_mensaje, topico, tipo, motivo, muerta_en, clave, datos, correlacion, \
                   traceparent, publicado_en, ilegible, intentos, reintentada_en, descartada_en, descartada_por, \
                   descartada_porque FROM letras_muertas WHERE posicion = $1";
        Ok(self.conexiones.leer(query_as(sql).bind(posicion)).await?.into_iter().next())
    }

    /// Devuelve esas a la cola, al final de su clave, y dice cuáles devolvió: las que no están o se descartaron, no.
    ///
    /// Es una sola transacción. Quien la pida a la vez espera y ya no halla nada, así que cada una vuelve una sola vez.
    /// Olvida que el mensaje se había recibido, para que pueda tener su efecto, y el rechazo que se había contado de su
    /// comando; el resultado de uno que sí se cumplió se queda, y detiene un segundo efecto.
    ///
    /// # Errors
    /// Las de la base de datos; salvo con [`Falla::Desconectada`], no se devolvió ninguna.
    pub async fn reintentar(&self, posiciones: &[i64]) -> Result<Vec<i64>, Falla> {
        // Si el mensaje había vuelto a llegar, su entrega toma otro lugar: quien la tuviera a medias ya no puede darla por
        // atendida creyendo que es la de antes.
        let sql = "WITH vuelta AS (DELETE FROM letras_muertas WHERE posicion = ANY($1) AND descartada_en IS NULL RETURNING *), \
                   olvidada AS (DELETE FROM bandeja_entrada e USING vuelta v \
                   WHERE e.suscripcion = v.suscripcion AND e.id_mensaje = v.id_mensaje), \
                   sin_contar AS (DELETE FROM resultados_comando r USING vuelta v WHERE v.topico LIKE 'comandos-%' \
                   AND r.rechazo IS NOT NULL AND r.id = CASE WHEN v.id_mensaje \
                   ~ '^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$' THEN v.id_mensaje::uuid END), \
                   encolada AS (INSERT INTO entregas (suscripcion, id_mensaje, topico, clave, tipo, datos, correlacion, \
                   traceparent, publicado_en, ilegible, reintentada_en) \
                   SELECT suscripcion, id_mensaje, topico, clave, tipo, datos, coalesce(correlacion, id_mensaje), \
                   coalesce(traceparent, ''), coalesce(publicado_en, muerta_en), ilegible, clock_timestamp() \
                   FROM vuelta ORDER BY posicion ON CONFLICT (suscripcion, id_mensaje) DO UPDATE SET posicion = DEFAULT, \
                   intentos = 0, esperas = 0, proximo_intento = clock_timestamp(), reintentada_en = excluded.reintentada_en) \
                   SELECT posicion FROM vuelta ORDER BY posicion";
        let vueltas: Vec<(i64,)> = self.conexiones.leer(query_as(sql).bind(posiciones)).await?;
        Ok(vueltas.into_iter().map(|(posicion,)| posicion).collect())
    }

    /// Devuelve a la cola todas las que deja pasar el filtro, por lotes y en orden de llegada, y dice cuántas devolvió.
    /// Las que mueran de nuevo mientras tanto no se vuelven a tocar. A `avanzar` se le dice cuántas van, y de cuántas.
    ///
    /// # Errors
    /// Las de la base de datos; los lotes anteriores ya se devolvieron.
    pub async fn reintentar_todas(&self, filtro: &Filtro, mut avanzar: impl FnMut(u64, u64)) -> Result<u64, Falla> {
        const CUENTA: &str = concat!(
            "SELECT count(*), coalesce(max(posicion), 0) FROM letras_muertas WHERE ",
            filtradas!(),
            " AND descartada_en IS NULL",
        );
        const SIGUIENTES: &str = concat!(
            "SELECT posicion FROM letras_muertas WHERE ",
            filtradas!(),
            " AND descartada_en IS NULL AND posicion > $4 AND posicion <= $5 ORDER BY posicion LIMIT $6",
        );
        let (topico, suscripcion, motivo) = (&filtro.topico, &filtro.suscripcion, &filtro.motivo);
        let cuenta = query_as(CUENTA).bind(topico).bind(suscripcion).bind(motivo);
        // Lo que muere después lleva un número mayor: con este tope, reintentar todas siempre termina.
        let (total, ultima): (i64, i64) = self.conexiones.leer(cuenta).await?.first().copied().unwrap_or_default();
        let total = u64::try_from(total).map_err(Falla::interna)?;
        let (mut desde, mut vueltas) = (0, 0);
        loop {
            let siguientes = query_as(SIGUIENTES).bind(topico).bind(suscripcion).bind(motivo);
            let lote: Vec<(i64,)> = self.conexiones.leer(siguientes.bind(desde).bind(ultima).bind(LOTE)).await?;
            let lote: Vec<_> = lote.into_iter().map(|(posicion,)| posicion).collect();
            let Some(posicion) = lote.last() else { return Ok(vueltas) };
            desde = *posicion;
            vueltas += u64::try_from(self.reintentar(&lote).await?.len()).map_err(Falla::interna)?;
            avanzar(vueltas, total);
        }
    }

    /// Descarta esas, con quién y por qué, y dice cuáles: las que no están o ya se habían descartado, no. Se quedan en la
    /// tabla, con su dato, hasta que la purga las borre por edad.
    ///
    /// # Errors
    /// Las de la base de datos; salvo con [`Falla::Desconectada`], no se descartó ninguna.
    pub async fn descartar(&self, posiciones: &[i64], quien: &str, porque: &str) -> Result<Vec<i64>, Falla> {
        let sql = "WITH descartada AS (UPDATE letras_muertas SET descartada_en = clock_timestamp(), descartada_por = $2, \
                   descartada_porque = $3 WHERE posicion = ANY($1) AND descartada_en IS NULL RETURNING posicion) \
                   SELECT posicion FROM descartada ORDER BY posicion";
        let sql = query_as(sql).bind(posiciones).bind(quien).bind(porque);
        let descartadas: Vec<(i64,)> = self.conexiones.leer(sql).await?;
        Ok(descartadas.into_iter().map(|(posicion,)| posicion).collect())
    }
}
