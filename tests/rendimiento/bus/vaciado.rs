//! Vaciar un atraso de comandos: recibirlos de Pulsar, cumplirlos y confirmarlos. Su límite: lo menor entre la sentencia
//! única de `pgbench` y el cliente de Pulsar solo, que recibe y confirma.

use std::time::Duration;

use sqlx::PgConnection;
use time::OffsetDateTime;
use tokio::time::{Instant, sleep};

use super::aceptar::{self, muestra};
use super::escenario::{Escenario, topico};
use super::flota::{Flota, Trabajo};
use super::pulsar_solo::{PulsarSolo, copia};
use super::{COMANDOS, PARADO, VISTAZO};
use crate::Fallo;
use crate::carga::Carga;
use crate::limites::{self, Muestra};
use crate::medida::{Camino, Resultados, Tanda, Unidad, alternar, contado};
use crate::mundo::Mundo;
use crate::uso::con_rss_maximo;
use crate::wrk;

/// El camino en `--solo`, en el JSON y en las metas.
pub const CLAVE: &str = "vaciado";
/// Los comandos que esperan.
const ATRASO: u32 = 50_000;
/// Las conexiones de la sentencia única con que se compara.
const CONEXIONES: u32 = 16;
/// Con cuántas se aceptan los comandos del atraso, y cuánto dura cada empujón.
const EMPUJON: (u32, u64) = (64, 1);
/// Los envíos sin recibo a la vez con que se llena el tópico del límite: ese tiempo no se mide.
const EN_VUELO: usize = 500;

/// Mide el vaciado con una instancia.
pub async fn medir(mundo: &Mundo, resultados: &mut Resultados) -> Result<(), Fallo> {
    let cuantos = mundo.argumentos.escalar(ATRASO);
    let escenario = Escenario::nuevo(mundo, "vaciado", 0).await?;
    let servicio = escenario.arrancar(mundo, "api").await?;
    let mensaje = muestra(&escenario, &servicio).await?;
    servicio.parar().await?;
    limites::preparar(mundo).await?;
    let servicio = mundo.arrancar(&[("AEROALPES_ROLES", "api")]).await?;
    let reserva = Muestra::tomar(mundo, &servicio).await?;
    servicio.parar().await?;
    let solo = PulsarSolo::nuevo(&escenario.broker()?, topico(COMANDOS)?).await?;
    let limite = async || {
        solo.enviar((0..cuantos).map(|_| copia(&mensaje)), EN_VUELO).await?;
        let recibir = solo.recibir(cuantos).await?.por_segundo();
        Ok(limites::insercion(mundo, &reserva, CONEXIONES, mundo.argumentos.segundos).await?.min(recibir))
    };
    let tanda = async || vaciar(mundo, &escenario, cuantos, 1).await;
    let rondas = alternar(mundo.argumentos.rondas, tanda, limite).await?;
    let titulo = format!("vaciado de {cuantos} comandos en espera");
    resultados.anotar(Camino { clave: CLAVE, titulo, conexiones: CONEXIONES, unidad: Unidad::PorSegundo, rondas });
    Ok(())
}

/// Deja esperando al menos tantos comandos y los cumple con tantas instancias. El procesador es el que gastan entre todas
/// desde que nacen, menos lo que gastan en nacer.
pub async fn vaciar(mundo: &Mundo, escenario: &Escenario, cuantos: u32, instancias: usize) -> Result<Tanda, Fallo> {
    let nacer = Flota::nacer(mundo, escenario, Trabajo::Atender, instancias).await?;
    let esperan = acumular(mundo, escenario, cuantos).await?;
    let mut conexion = escenario.conectar().await?;
    let desde: OffsetDateTime = sqlx::query_scalar("SELECT clock_timestamp()").fetch_one(&mut conexion).await?;
    let flota = Flota::arrancar(mundo, escenario, Trabajo::Atender, instancias).await?;
    let fin = esperar(&mut conexion, desde, esperan);
    let (fin, rss_mib) = con_rss_maximo(&flota.pids(), fin).await?;
    fin?;
    let gastado = flota.cpu()? - nacer;
    // La memoria, de una sola: es lo que se compara con los demás caminos.
    let rss_mib = rss_mib / contado(u64::try_from(instancias)?);
    flota.parar().await?;
    Ok(cumplidos(&mut conexion, desde).await?.tanda(gastado, rss_mib, escenario.atraso().await?))
}

/// Acepta comandos por HTTP, sin nadie que los cumpla, hasta que esperen tantos; dice cuántos esperan.
async fn acumular(mundo: &Mundo, escenario: &Escenario, cuantos: u32) -> Result<i64, Fallo> {
    let servicio = escenario.arrancar(mundo, "api").await?;
    let (topico, (conexiones, segundos)) = (topico(COMANDOS)?, EMPUJON);
    let mut esperan = escenario.por_recibir(&topico).await?;
    while esperan < i64::from(cuantos) {
        wrk::correr(conexiones, segundos, &aceptar::url(&servicio), aceptar::GUION).await?;
        esperan = escenario.por_recibir(&topico).await?;
    }
    servicio.parar().await?;
    // Lo que wrk dejó a medias al terminar también se aceptó: sólo ahora están todos.
    escenario.por_recibir(&topico).await
}

/// Espera a que terminen tantos comandos.
async fn esperar(conexion: &mut PgConnection, desde: OffsetDateTime, cuantos: i64) -> Result<(), Fallo> {
    let (mut antes, mut movimiento) = (0, Instant::now());
    loop {
        let sql = "SELECT count(*) FROM resultados_comando WHERE terminado_en >= $1";
        let hechos: i64 = sqlx::query_scalar(sql).bind(desde).fetch_one(&mut *conexion).await?;
        if hechos >= cuantos {
            return Ok(());
        }
        if hechos > antes {
            (antes, movimiento) = (hechos, Instant::now());
        } else if movimiento.elapsed() > PARADO {
            return Err(format!("el vaciado se detuvo en {hechos} de {cuantos} comandos").into());
        }
        sleep(VISTAZO).await;
    }
}

/// Lo que se cumplió desde un momento, y cuánto esperó cada comando desde que se guardó su entrega. El tiempo va del primer
/// resultado al último: arrancar no cuenta.
async fn cumplidos(conexion: &mut PgConnection, desde: OffsetDateTime) -> Result<Carga, Fallo> {
    let sql = "SELECT count(*), count(rechazo), extract(epoch FROM max(terminado_en) - min(terminado_en))::float8, \
               coalesce(percentile_cont(0.5) WITHIN GROUP (ORDER BY espera), 0), \
               coalesce(percentile_cont(0.99) WITHIN GROUP (ORDER BY espera), 0) \
               FROM (SELECT *, extract(epoch FROM terminado_en - recibido_en)::float8 * 1000 AS espera \
               FROM resultados_comando WHERE terminado_en >= $1) hechos";
    let fila: (i64, i64, f64, f64, f64) = sqlx::query_as(sql).bind(desde).fetch_one(conexion).await?;
    let (todos, rechazados, segundos, p50_ms, p99_ms) = fila;
    Ok(Carga {
        operaciones: u64::try_from(todos - rechazados)?,
        duracion: Duration::try_from_secs_f64(segundos)?,
        p50_ms,
        p99_ms,
        errores: u64::try_from(rechazados)?,
    })
}
