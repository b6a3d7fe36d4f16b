//! Los límites de PostgreSQL: las sentencias del servicio, sin nada más, con los datos de una reserva de verdad.

use sqlx::FromRow;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::Fallo;
use crate::instancia::Instancia;
use crate::mundo::Mundo;
use crate::pgbench::{Guion, correr};

/// Dónde escriben los límites: las mismas columnas e índices que las tablas de verdad, y nadie que publique lo escrito.
pub const APARTE: &str = "limite";

/// La reserva que se crea en todas las cargas.
pub const CUERPO: &str = include_str!("guiones/reserva.json");

/// Cómo empieza la identidad de cada reserva sembrada; siguen doce cifras, desde [`PRIMERA`]. Lo saben los guiones.
pub const SEMBRADA: &str = "00000000-0000-7000-8000-";
pub const PRIMERA: u64 = 100_000_000_000;
/// Cuántas se siembran.
pub const SEMBRADAS: u64 = 10_000;

/// Lo que dejó escrito el servicio al crear una reserva.
#[derive(FromRow)]
pub struct Muestra {
    pub id: Uuid,
    pub itinerarios: String,
    pub topico: String,
    pub tipo: String,
    /// Como literal de `bytea`.
    pub datos: String,
    pub correlacion: String,
    pub traceparent: String,
}

impl Muestra {
    /// Crea una reserva por HTTP y lee lo que quedó.
    pub async fn tomar(mundo: &Mundo, instancia: &Instancia) -> Result<Self, Fallo> {
        let orden = mundo.cliente.post(format!("{}/vuelos/reserva", instancia.url));
        let respuesta = orden.header("Content-Type", "application/json").body(CUERPO).send().await?;
        let creada: serde_json::Value = serde_json::from_slice(&respuesta.error_for_status()?.bytes().await?)?;
        let id: Uuid = creada["id"].as_str().ok_or("la reserva creada no trae id")?.parse()?;
        let sql = "SELECT r.id, r.itinerarios::text, s.topico, s.tipo, s.datos::text, s.correlacion, s.traceparent \
                   FROM reservas r JOIN bandeja_salida s ON s.clave = r.id WHERE r.id = $1";
        Ok(sqlx::query_as(sql).bind(id).fetch_one(&mut mundo.conectar().await?).await?)
    }

    /// Deja diez mil reservas como esta, con identidades que los guiones conocen.
    pub async fn sembrar(&self, mundo: &Mundo) -> Result<(), Fallo> {
        let sql = "INSERT INTO reservas (id, id_cliente, estado, itinerarios, fecha_creacion, fecha_actualizacion, version) \
                   SELECT ($2 || ($3 + n))::uuid, id_cliente, estado, itinerarios, \
                   fecha_creacion - n * interval '1 second', fecha_actualizacion, version \
                   FROM reservas, generate_series(0, $4) AS n WHERE id = $1";
        let mut conexion = mundo.conectar().await?;
        let siembra = sqlx::query(sql).bind(self.id).bind(SEMBRADA).bind(i64::try_from(PRIMERA)?);
        siembra.bind(i64::try_from(SEMBRADAS - 1)?).execute(&mut conexion).await?;
        sqlx::raw_sql("VACUUM ANALYZE reservas").execute(&mut conexion).await?;
        Ok(())
    }

    fn variables<'a>(&'a self, otras: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
        let suyas = [
            ("itinerarios", self.itinerarios.as_str()),
            ("topico", &self.topico),
            ("tipo", &self.tipo),
            ("datos", &self.datos),
            ("correlacion", &self.correlacion),
            ("traceparent", &self.traceparent),
        ];
        suyas.into_iter().chain(otras.iter().copied()).collect()
    }
}

/// Crea, si faltan, las tablas donde escriben los límites, y las deja vacías.
pub async fn preparar(mundo: &Mundo) -> Result<(), Fallo> {
    let tablas = ["reservas", "bandeja_salida"].map(|tabla| {
        format!(
            "CREATE TABLE IF NOT EXISTS {APARTE}.{tabla} (LIKE public.{tabla} INCLUDING ALL); TRUNCATE {APARTE}.{tabla};"
        )
    });
    mundo.ejecutar(&format!("CREATE SCHEMA IF NOT EXISTS {APARTE}; {}", tablas.concat())).await?;
    mundo.punto_de_control().await
}

/// Lo mismo que `POST /vuelos/reserva`: la misma sentencia, con la reserva y su fila de la bandeja de salida.
pub async fn insercion(mundo: &Mundo, muestra: &Muestra, conexiones: u32, segundos: u64) -> Result<f64, Fallo> {
    // Como las del servicio, las identidades de un mismo cliente crecen; y no se repiten de una tanda a otra.
    let momento = OffsetDateTime::now_utc().unix_timestamp_nanos() / 1_000_000 % (1 << 32);
    let serie = format!("{momento:08x}-0000-7000-8000-");
    let sql = "\\set i :i + 1\n\\set n 100000000000 + :client_id * 1000000000 + :i\n\
        WITH e0 AS (INSERT INTO reservas (id, id_cliente, estado, itinerarios, fecha_creacion, fecha_actualizacion, version) \
        VALUES ((:serie::text || :n::text)::uuid, NULL, :estado, :itinerarios, now(), now(), 1) RETURNING 1), \
        salida AS (INSERT INTO bandeja_salida \
        (id, topico, clave, tipo, datos, ocurrido_en, correlacion, causa, traceparent) \
        VALUES ((:serie::text || :n::text)::uuid, :topico, (:serie::text || :n::text)::uuid, :tipo, :datos, now(), \
        :correlacion, NULL, :traceparent)) \
        SELECT 0::bigint + (SELECT count(*) FROM e0);\n";
    let variables = muestra.variables(&[("serie", &serie), ("i", "0"), ("estado", "pendiente")]);
    let guion = Guion { nombre: "insercion", sql, variables: &variables, esquema: APARTE };
    correr(mundo, conexiones, segundos, &guion).await
}

/// Lo mismo que `GET /vuelos/reserva/{id}`, sobre las sembradas.
pub async fn lectura(mundo: &Mundo, conexiones: u32, segundos: u64) -> Result<f64, Fallo> {
    let ultima = PRIMERA + SEMBRADAS - 1;
    let sql = format!(
        "\\set n random({PRIMERA}, {ultima})\n\
        SELECT id, id_cliente, estado, fecha_creacion, fecha_actualizacion, itinerarios FROM reservas \
        WHERE id = (:sembrada::text || :n::text)::uuid;\n"
    );
    let guion = Guion { nombre: "lectura", sql: &sql, variables: &[("sembrada", SEMBRADA)], esquema: "public" };
    correr(mundo, conexiones, segundos, &guion).await
}

/// Lo mismo que `GET /vuelos/reserva`: la página más nueva, y una fila más para saber si hay otra.
pub async fn pagina(mundo: &Mundo, conexiones: u32, segundos: u64) -> Result<f64, Fallo> {
    let sql = "SELECT id, id_cliente, estado, fecha_creacion, fecha_actualizacion FROM reservas WHERE true \
        ORDER BY fecha_creacion DESC, id DESC LIMIT :limite;\n";
    let guion = Guion { nombre: "pagina", sql, variables: &[("limite", "51")], esquema: "public" };
    correr(mundo, conexiones, segundos, &guion).await
}

/// Lo mismo que una orden sobre una fila que ya existe: leerla con `FOR UPDATE`, cambiarla y dejar el evento.
pub async fn cambio(mundo: &Mundo, muestra: &Muestra, conexiones: u32, segundos: u64) -> Result<f64, Fallo> {
    let sql = "BEGIN;\n\
        SELECT id, id_cliente, estado, itinerarios, fecha_creacion, fecha_actualizacion, version \
        FROM reservas WHERE id = :id FOR UPDATE;\n\
        WITH e0 AS (UPDATE reservas SET estado = :estado, fecha_actualizacion = now(), version = version + 1 \
        WHERE id = :id RETURNING 1), salida AS (INSERT INTO bandeja_salida \
        (id, topico, clave, tipo, datos, ocurrido_en, correlacion, causa, traceparent) \
        VALUES (:id, :topico, :id, :tipo, :datos, now(), :correlacion, NULL, :traceparent)) \
        SELECT 0::bigint + (SELECT count(*) FROM e0);\n\
        COMMIT;\n";
    let id = muestra.id.to_string();
    let variables = muestra.variables(&[("id", &id), ("estado", "pagada")]);
    let guion = Guion { nombre: "cambio", sql, variables: &variables, esquema: APARTE };
    correr(mundo, conexiones, segundos, &guion).await
}
