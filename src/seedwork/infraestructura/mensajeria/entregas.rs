//! Las entregas por atender, en PostgreSQL: intentos, esperas y letras muertas, sea cual sea el bus.

use std::time::Duration;

use sqlx::{FromRow, query, query_as};
use uuid::Uuid;

use super::carriles::vallada;
use super::enrutador::Provocadores;
use super::llegadas::Llegada;
use super::resultados::guardado;
use crate::carril_propio;
use crate::seedwork::aplicacion::rechazo::Rechazo;
use crate::seedwork::dominio::repositorios::Falla;
use crate::seedwork::infraestructura::averias::{Guarda, quitada};
use crate::seedwork::infraestructura::conexiones::Conexiones;

/// Entregas que se miran para hallar las que pueden atenderse.
const VENTANA: i64 = 300;
/// Lo que pueden ocupar en memoria las que se hallan de una vez, en bytes, además de la última.
const BYTES: i64 = 8 * 1024 * 1024;
/// Lo que separa, como mínimo, dos vueltas de entregas que esperaron a una dependencia, entre todas las instancias.
const HUECO: Duration = Duration::from_millis(5);
/// Lo más lejos que se da un hueco: más allá, los huecos se juntan.
const HORIZONTE: Duration = Duration::from_secs(3);

/// Una entrega que espera ser atendida: la primera de su clave en su suscripción.
#[derive(Debug, Clone, FromRow)]
pub struct Entrega {
    /// Su lugar en la fila.
    pub posicion: i64,
    /// Lo que llegó.
    #[sqlx(flatten)]
    pub llegada: Llegada,
    /// Cuántas veces falló ya por un defecto.
    pub intentos: i32,
    /// Cuántas veces esperó ya a una dependencia.
    pub esperas: i32,
    /// Si su mensaje ya había tenido su efecto: llegó otra vez mientras se confirmaba.
    pub ya_recibida: bool,
}

/// Las entregas que se hallaron.
#[derive(Debug, Default)]
pub struct Halladas {
    /// Las que ya pueden atenderse.
    pub entregas: Vec<Entrega>,
    /// Si más allá de lo que se miró puede haber otras.
    pub quedan: bool,
}

#[derive(FromRow)]
struct Fila {
    #[sqlx(flatten)]
    entrega: Entrega,
    vistas: i64,
}

/// Cuántas entregas se piden.
#[derive(Debug, Clone, Copy)]
pub struct Pedido {
    /// En total.
    pub cuantas: usize,
    /// De ellas, cuántas pueden ser repetidas: las que siempre fallan no les quitan el lugar a las demás.
    pub repetidas: usize,
}

/// Las primeras de cada clave, entre esas. La que ya falló alguna vez es siempre la primera de la suya. Lo de una clave se
/// busca en todas partes con `IS NOT DISTINCT FROM` en la suscripción: así sólo sirve el índice de la clave, y el plan no
/// depende de cuántas entregas hubiera al hacerlo.
macro_rules! primeras {
    ($cuales:literal, $limite:literal) => {
        concat!(
            "(SELECT *, EXISTS (SELECT 1 FROM bandeja_entrada e WHERE e.suscripcion = ventana.suscripcion ",
            "AND e.id_mensaje = ventana.id_mensaje) AS ya_recibida FROM (SELECT *, count(*) OVER () AS vistas, sum(octet_length(datos)) OVER (ORDER BY posicion) ",
            "- octet_length(datos) AS bytes_antes FROM (SELECT posicion, suscripcion, id_mensaje, topico, ",
            "clave, tipo, datos, correlacion, traceparent, publicado_en, ilegible, intentos, esperas, reintentada_en, recibida_en FROM entregas WHERE ",
            carril_propio!(),
            " AND ",
            $cuales,
            " AND clave <> ALL($2) ORDER BY posicion LIMIT $3) miradas) ventana ",
            "WHERE NOT EXISTS (SELECT 1 FROM entregas previa WHERE previa.clave = ventana.clave AND previa.posicion < ventana.posicion ",
            "AND previa.suscripcion IS NOT DISTINCT FROM ventana.suscripcion) AND bytes_antes <= $6 ",
            "ORDER BY posicion LIMIT ",
            $limite,
            ")"
        )
    };
}

impl Entrega {
    /// Si ya falló alguna vez.
    #[must_use]
    pub const fn repetida(&self) -> bool {
        self.intentos > 0 || self.esperas > 0
    }
}

/// Las entregas. Sólo muestra las de los carriles de la instancia que llama.
#[derive(Clone)]
pub struct Entregas {
    pub(super) conexiones: Conexiones,
    por_broker: bool,
    pub(super) provocadores: Provocadores,
}

impl Entregas {
    /// Las entregas sobre ese fondo de conexiones; con bróker, las letras muertas también salen por él. De los eventos
    /// que no son de los provocadores basta anotar que llegaron.
    pub const fn nuevas(conexiones: Conexiones, por_broker: bool, provocadores: Provocadores) -> Self {
        Self { conexiones, por_broker, provocadores }
    }

    /// Las entregas que ya pueden atenderse: la primera de cada clave, sin las claves que están en curso.
    ///
    /// # Errors
    /// Las de la base de datos.
    pub async fn pendientes(&self, dueno: Uuid, en_curso: &[Uuid], pedido: Pedido) -> Result<Halladas, Falla> {
        // Se mira una ventana: una clave con miles de entregas no obliga a recorrerlas todas para hallar la primera.
        const SQL: &str = concat!(
            primeras!(
                "intentos = 0 AND esperas = 0 AND (suscripcion, clave) NOT IN \
                 (SELECT suscripcion, clave FROM entregas WHERE intentos > 0 OR esperas > 0)",
                "$4"
            ),
            " UNION ALL ",
            primeras!("(intentos > 0 OR esperas > 0) AND proximo_intento <= now()", "$5"),
            " ORDER BY posicion LIMIT $4"
        );
        let [cuantas, repetidas] =
            [pedido.cuantas, pedido.repetidas].map(|limite| i64::try_from(limite).unwrap_or(i64::MAX));
        let sql =
            query_as(vallada(SQL)).bind(dueno).bind(en_curso).bind(VENTANA).bind(cuantas).bind(repetidas).bind(BYTES);
        let filas: Vec<Fila> = self.conexiones.leer(sql).await?;
        let quedan = filas.iter().any(|fila| fila.vistas == VENTANA);
        Ok(Halladas { entregas: filas.into_iter().map(|fila| fila.entrega).collect(), quedan })
    }

    /// Si el mensaje de una entrega ya tuvo su efecto.
    ///
    /// # Errors
    /// Las de la base de datos.
    pub async fn ya_recibida(&self, entrega: &Entrega) -> Result<bool, Falla> {
        let sql = "SELECT id_mensaje FROM bandeja_entrada WHERE suscripcion = $1 AND id_mensaje = $2";
        let sql = query_as(sql).bind(&entrega.llegada.suscripcion).bind(&entrega.llegada.id_mensaje);
        let halladas: Vec<(String,)> = self.conexiones.leer(sql).await?;
        Ok(!halladas.is_empty() && !quitada(Guarda::BandejaEntrada))
    }

    /// Da por atendida una entrega, después de que su efecto quedó confirmado.
    ///
    /// # Errors
    /// Las de la base de datos; entonces se volverá a entregar, y la bandeja de entrada la parará.
    pub async fn confirmar(&self, entrega: &Entrega) -> Result<(), Falla> {
        self.conexiones
            .ejecutar(query("DELETE FROM entregas WHERE posicion = $1").bind(entrega.posicion))
            .await
            .map(drop)
    }

    /// Deja para más tarde una entrega que falló por un defecto; su clave la espera.
    ///
    /// # Errors
    /// Las de la base de datos.
    pub async fn aplazar(&self, entrega: &Entrega, espera: Duration) -> Result<(), Falla> {
        let sql = "UPDATE entregas SET intentos = intentos + 1, \
                   proximo_intento = clock_timestamp() + make_interval(secs => $2) WHERE posicion = $1";
        self.conexiones.ejecutar(query(sql).bind(entrega.posicion).bind(espera.as_secs_f64())).await.map(drop)
    }

    /// Deja para más tarde una entrega a la que le faltó una dependencia, en el siguiente hueco del ritmo común: entre
    /// todas las instancias vuelven de una en una. No cuenta como intento.
    ///
    /// # Errors
    /// Las de la base de datos.
    pub async fn hacer_esperar(&self, entrega: &Entrega, espera: Duration) -> Result<(), Falla> {
        let sql = "WITH hueco AS (UPDATE ritmo SET ultimo = least(greatest(ultimo + make_interval(secs => $3), \
                   clock_timestamp() + make_interval(secs => $2)), clock_timestamp() + make_interval(secs => $4)) \
                   WHERE nombre = 'entregas' RETURNING ultimo) \
                   UPDATE entregas SET esperas = esperas + 1, proximo_intento = hueco.ultimo FROM hueco WHERE posicion = $1";
        let sql = query(sql).bind(entrega.posicion).bind(espera.as_secs_f64());
        self.conexiones.ejecutar(sql.bind(HUECO.as_secs_f64()).bind(HORIZONTE.as_secs_f64())).await.map(drop)
    }

    /// Aparta para siempre una entrega que no se puede atender, con su motivo y con el resultado de su comando, en una
    /// sola transacción. Si el mensaje ya había tenido su efecto, sólo la quita.
    ///
    /// # Errors
    /// Las de la base de datos; entonces sigue pendiente.
    pub async fn enterrar(&self, entrega: &Entrega, motivo: &str, rechazo: Rechazo) -> Result<(), Falla> {
        let sql = "WITH muerta AS (DELETE FROM entregas WHERE posicion = $1 RETURNING *), \
                   primera AS (INSERT INTO bandeja_entrada (suscripcion, id_mensaje) SELECT suscripcion, id_mensaje \
                   FROM muerta ON CONFLICT DO NOTHING RETURNING 1), \
                   contada AS (INSERT INTO resultados_comando (id, comando, rechazo, recibido_en) SELECT $4, tipo, $5, recibida_en FROM muerta, \
                   primera WHERE $4 IS NOT NULL ON CONFLICT DO NOTHING), \
                   avisada AS (INSERT INTO bandeja_salida (id, topico, clave, tipo, datos, ocurrido_en, correlacion, \
                   traceparent, propiedades) SELECT gen_random_uuid(), topico || '-aeroalpes-dlq', clave, tipo, datos, \
                   clock_timestamp(), correlacion, traceparent, jsonb_build_object('motivo', $2::text, 'id_original', \
                   id_mensaje, 'suscripcion', suscripcion) FROM muerta, primera WHERE $3) \
                   INSERT INTO letras_muertas (suscripcion, posicion, id_mensaje, topico, clave, tipo, datos, motivo, \
                   correlacion, traceparent, publicado_en, ilegible, intentos, reintentada_en) \
                   SELECT suscripcion, posicion, id_mensaje, topico, clave, tipo, datos, $2, correlacion, traceparent, \
                   publicado_en, ilegible, intentos, reintentada_en FROM muerta, primera";
        let sql = query(sql).bind(entrega.posicion).bind(motivo).bind(self.por_broker);
        let sql = sql.bind(entrega.llegada.id_comando()).bind(guardado(rechazo));
        self.conexiones.ejecutar(sql).await.map(drop)
    }
}
