//! Cuánto tarda todo en volver a moverse después de una falla.

use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::StdRng;
use time::OffsetDateTime;
use tokio::time::{Instant, sleep, timeout};
use uuid::Uuid;

use super::contenidos;
use super::entorno::Entorno;
use super::historia::{Clase, Desenlace, Efecto, Recuperacion};
use super::mundo::{Deseo, Mundo};
use super::trafico::centinela;

/// El límite que el servicio promete.
pub const LIMITE: Duration = Duration::from_secs(5);
/// El límite después de un rearranque de Pulsar.
pub const LIMITE_PULSAR: Duration = Duration::from_secs(15);
/// El de las claves de un consumidor congelado: dos intervalos en que el bróker pregunta si sigue vivo, más su margen.
pub const LIMITE_CONSUMIDOR: Duration = Duration::from_millis(10_500);

/// Lo más que se espera antes de darlo por perdido y seguir.
const PACIENCIA: Duration = Duration::from_mins(1);
const VISTAZO: Duration = Duration::from_millis(25);
const CARRILES: u8 = 16;

/// El momento en que volvió lo que faltaba.
#[derive(Debug, Clone, Copy)]
pub struct Regreso {
    reloj: Instant,
    fecha: OffsetDateTime,
}

impl Regreso {
    pub fn ahora() -> Self {
        Self { reloj: Instant::now(), fecha: OffsetDateTime::now_utc() }
    }
}

/// Lo que se exige que se mueva, y en cuánto.
#[derive(Debug, Clone, Copy)]
pub struct Exigencia<'a> {
    /// Por qué instancias se prueba.
    pub instancias: &'a [usize],
    /// Cuánto pueden tardar las órdenes y los comandos.
    pub comandos: Duration,
    /// Cuánto puede tardar en salir lo que esperaba en la bandeja de salida.
    pub salida: Duration,
}

impl<'a> Exigencia<'a> {
    /// Todo en el mismo tiempo.
    pub const fn en(limite: Duration, instancias: &'a [usize]) -> Self {
        Self { instancias, comandos: limite, salida: limite }
    }
}

impl Entorno {
    /// Espera a que todo se mueva y anota cuánto tardó; si tardó más de lo debido, es un defecto.
    pub async fn recuperar(&self, que: &str, desde: Regreso, exigencia: Exigencia<'_>) {
        let mundo = self.mundo_de(exigencia.instancias);
        let ordenes = futures_util::future::join_all(exigencia.instancias.iter().map(|instancia| async move {
            orden_cumplida(&self.mundo_de(&[*instancia])).await;
        }));
        let (ordenes, comandos, salida) = tokio::join!(
            self.cronometrar(que, "las órdenes", desde, exigencia.comandos, async { drop(ordenes.await) }),
            self.cronometrar(que, "los comandos de los 16 carriles", desde, exigencia.comandos, self.carriles(&mundo)),
            self.cronometrar(que, "la bandeja de salida", desde, exigencia.salida, self.salida(desde.fecha)),
        );
        self.historia.recuperacion(Recuperacion { duracion: ordenes.max(comandos).max(salida) });
    }

    async fn cronometrar(
        &self,
        que: &str,
        parte: &str,
        desde: Regreso,
        limite: Duration,
        hecho: impl Future<Output = ()>,
    ) -> Duration {
        let a_tiempo = timeout(PACIENCIA, Box::pin(hecho)).await.is_ok();
        let duracion = desde.reloj.elapsed();
        if duracion > limite {
            let final_ = if a_tiempo { "tardaron" } else { "no se movieron en" };
            let (tardo, limite) = (duracion.as_secs_f64(), limite.as_secs_f64());
            let detalle = format!("tras {que}, {parte} {final_} {tardo:.2} s; el límite es {limite:.1} s");
            self.historia.defecto(Clase::Lenta, detalle);
        }
        duracion
    }

    /// Un comando por carril, hasta que tenga resultado: si una instancia no los mueve, otra debe moverlos.
    async fn carriles(&self, mundo: &Mundo) {
        let enviar = async |carril| -> Uuid {
            let mut azar = StdRng::seed_from_u64(rand::random());
            loop {
                if let Some(comando) = centinela(mundo, carril, &mut azar).await {
                    return comando;
                }
                sleep(VISTAZO).await;
            }
        };
        let comandos: Vec<Uuid> = futures_util::future::join_all((0..CARRILES).map(enviar)).await;
        while !self.terminados(&comandos).await.is_ok_and(|todos| todos) {
            sleep(VISTAZO).await;
        }
    }

    async fn terminados(&self, comandos: &[Uuid]) -> Result<bool, crate::Fallo> {
        let sql = "SELECT count(*) FROM resultados_comando WHERE id = ANY($1)";
        let mut conexion = self.conectar().await?;
        let hallados: i64 = sqlx::query_scalar(sql).bind(comandos).fetch_one(&mut conexion).await?;
        Ok(usize::try_from(hallados) == Ok(comandos.len()))
    }

    /// Lo que ya esperaba en la bandeja de salida cuando volvió lo que faltaba.
    async fn salida(&self, desde: OffsetDateTime) {
        let sql = "SELECT count(*) FROM bandeja_salida WHERE publicada_en IS NULL AND ocurrido_en < $1";
        let pendientes = async || -> Result<i64, crate::Fallo> {
            let mut conexion = self.conectar().await?;
            Ok(sqlx::query_scalar(sql).bind(desde).fetch_one(&mut conexion).await?)
        };
        while !pendientes().await.is_ok_and(|cuantos| cuantos == 0) {
            sleep(VISTAZO).await;
        }
    }
}

/// Una orden síncrona, hasta que se cumpla.
async fn orden_cumplida(mundo: &Mundo) {
    let mut azar = StdRng::seed_from_u64(rand::random());
    loop {
        let contenido = contenidos::reserva(&mut azar, Uuid::new_v4(), None);
        if let Desenlace::Hecho { .. } = mundo.hacer(Deseo::nuevo(Efecto::Crear, contenido), &mut azar).await {
            return;
        }
    }
}
