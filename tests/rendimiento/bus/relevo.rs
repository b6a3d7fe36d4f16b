//! El relevo: publicar un atraso de la bandeja de salida. Su límite: el cliente de Pulsar solo, que publica lo mismo, sin
//! lotes y con los mismos envíos sin recibo a la vez.

use std::collections::HashMap;
use std::time::Duration;

use aeroalpes::seedwork::infraestructura::mensajeria::pulsar::publicador::PorPublicar;
use pulsar::producer::Message;
use sqlx::{FromRow, PgConnection};
use time::OffsetDateTime;
use tokio::time::sleep;
use uuid::Uuid;

use super::escenario::{Escenario, topico};
use super::flota::{Flota, Trabajo};
use super::pulsar_solo::PulsarSolo;
use super::{EVENTOS, PARADO, VISTAZO};
use crate::Fallo;
use crate::carga::Carga;
use crate::medida::{Camino, Resultados, Tanda, Unidad, alternar};
use crate::mundo::Mundo;
use crate::uso::con_rss_maximo;

/// El camino en `--solo`, en el JSON y en las metas.
pub const CLAVE: &str = "relevo";
/// Lo que espera, y entre cuántas claves.
const FILAS: u32 = 100_000;
const CLAVES: u32 = 1_000;
/// Los envíos sin recibo a la vez: el relevo lleva a la vez un mensaje de cada clave de su lote, que es de 1000 filas, y
/// aquí mil filas seguidas son de mil claves.
const EN_VUELO: u32 = 1_000;

/// Copias de una fila de verdad, cada una con su identidad, también dentro del dato, y con una clave de las `$2`, por turno.
const COPIAR: &str = "WITH muestra AS (SELECT * FROM muestra_relevo), \
    claves AS (SELECT array_agg(gen_random_uuid()) AS todas FROM generate_series(1, $2::int)), \
    nuevas AS (SELECT n, gen_random_uuid() AS id FROM generate_series(0, $1::int - 1) n) \
    INSERT INTO bandeja_salida (id, topico, clave, tipo, datos, ocurrido_en, correlacion, causa, traceparent) \
    SELECT nuevas.id, topico, todas[1 + n % $2::int], tipo, overlay(datos PLACING convert_to(nuevas.id::text, 'UTF8') \
    FROM position(convert_to(muestra.id::text, 'UTF8') IN datos) FOR 36), ocurrido_en, correlacion, causa, traceparent \
    FROM muestra, claves, nuevas ORDER BY n";

/// Mide el relevo con una instancia.
pub async fn medir(mundo: &Mundo, resultados: &mut Resultados) -> Result<(), Fallo> {
    let filas = mundo.argumentos.escalar(FILAS);
    let escenario = Escenario::nuevo(mundo, "relevo", 0).await?;
    let muestra = muestra(mundo, &escenario).await?;
    let solo = PulsarSolo::nuevo(&escenario.broker()?, topico(EVENTOS)?).await?;
    let limite = async || {
        let claves: Vec<_> = (0..CLAVES).map(|_| Uuid::new_v4().to_string()).collect();
        let mensajes = claves.iter().cycle().take(usize::try_from(filas)?);
        let mensajes = mensajes.map(|clave| Message { partition_key: Some(clave.clone()), ..muestra.clone() });
        Ok(solo.enviar(mensajes, usize::try_from(EN_VUELO)?).await?.por_segundo())
    };
    let tanda = async || relevar(mundo, &escenario, filas).await;
    let rondas = alternar(mundo.argumentos.rondas, tanda, limite).await?;
    let titulo = format!("relevo de {filas} mensajes en espera, de {CLAVES} claves");
    resultados.anotar(Camino { clave: CLAVE, titulo, conexiones: EN_VUELO, unidad: Unidad::PorSegundo, rondas });
    Ok(())
}

/// Lo que dice la bandeja de salida de un evento.
#[derive(FromRow)]
struct Fila {
    id: Uuid,
    topico: String,
    clave: Uuid,
    tipo: String,
    datos: Vec<u8>,
    ocurrido_en: OffsetDateTime,
    correlacion: String,
    causa: Option<Uuid>,
    traceparent: String,
}

/// Un evento de verdad, como lo publica el servicio; su fila queda aparte, de donde se copian las demás.
async fn muestra(mundo: &Mundo, escenario: &Escenario) -> Result<Message, Fallo> {
    let servicio = escenario.arrancar(mundo, "api").await?;
    escenario.reservar(&servicio, "/vuelos/reserva").await?;
    servicio.parar().await?;
    let mut conexion = escenario.conectar().await?;
    let sql = "CREATE TABLE muestra_relevo AS SELECT * FROM bandeja_salida LIMIT 1";
    sqlx::query(sql).execute(&mut conexion).await?;
    let fila: Fila = sqlx::query_as("SELECT * FROM muestra_relevo").fetch_one(&mut conexion).await?;
    Ok(Message::from(PorPublicar {
        topico: fila.topico,
        id: fila.id.to_string(),
        clave: fila.clave.to_string(),
        tipo: fila.tipo,
        datos: fila.datos,
        ocurrido_en: fila.ocurrido_en,
        correlacion: fila.correlacion,
        causa: fila.causa.map(|causa| causa.to_string()),
        traceparent: fila.traceparent,
        propiedades: HashMap::new(),
    }))
}

/// Deja esperando tantas filas y las publica. El procesador es el que gasta desde que nace, menos lo que gasta en nacer.
async fn relevar(mundo: &Mundo, escenario: &Escenario, filas: u32) -> Result<Tanda, Fallo> {
    let mut conexion = escenario.conectar().await?;
    sqlx::query("TRUNCATE bandeja_salida").execute(&mut conexion).await?;
    let nacer = Flota::nacer(mundo, escenario, Trabajo::Relevar, 1).await?;
    let (cuantas, claves) = (i32::try_from(filas)?, i32::try_from(CLAVES)?);
    sqlx::query(COPIAR).bind(cuantas).bind(claves).execute(&mut conexion).await?;
    // Como las tendría un servicio en marcha: con estadísticas, y sin que la limpieza empiece a mitad.
    sqlx::raw_sql("VACUUM ANALYZE bandeja_salida").execute(&mut conexion).await?;
    let flota = Flota::arrancar(mundo, escenario, Trabajo::Relevar, 1).await?;
    let (fin, rss_mib) = con_rss_maximo(&flota.pids(), esperar(&mut conexion)).await?;
    fin?;
    let gastado = flota.cpu()? - nacer;
    flota.parar().await?;
    Ok(publicadas(&mut conexion).await?.tanda(gastado, rss_mib, escenario.atraso().await?))
}

/// Espera a que no quede nada por publicar.
async fn esperar(conexion: &mut PgConnection) -> Result<(), Fallo> {
    let (mut antes, mut parado) = (i64::MAX, Duration::ZERO);
    loop {
        let sql = "SELECT count(*) FROM bandeja_salida WHERE publicada_en IS NULL";
        let quedan: i64 = sqlx::query_scalar(sql).fetch_one(&mut *conexion).await?;
        if quedan == 0 {
            return Ok(());
        }
        parado = if quedan < antes { Duration::ZERO } else { parado + VISTAZO };
        if parado > PARADO {
            return Err(format!("el relevo se detuvo: quedan {quedan}").into());
        }
        antes = quedan;
        sleep(VISTAZO).await;
    }
}

/// Lo que se publicó. El tiempo va del primer recibo al último: arrancar no cuenta.
async fn publicadas(conexion: &mut PgConnection) -> Result<Carga, Fallo> {
    let sql = "SELECT count(*), extract(epoch FROM max(publicada_en) - min(publicada_en))::float8 FROM bandeja_salida";
    let (todas, segundos): (i64, f64) = sqlx::query_as(sql).fetch_one(conexion).await?;
    let (operaciones, duracion) = (u64::try_from(todas)?, Duration::try_from_secs_f64(segundos)?);
    Ok(Carga { operaciones, duracion, ..Carga::default() })
}
