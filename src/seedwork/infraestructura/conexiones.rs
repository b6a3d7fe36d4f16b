//! El fondo de conexiones a PostgreSQL y su arriendo.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use deadpool::managed::{Manager, Metrics, Object, Pool, PoolError, RecycleResult, Timeouts};
use sqlx::postgres::{PgArguments, PgConnectOptions, PgRow};
use sqlx::query::{Query, QueryAs};
use sqlx::{ConnectOptions, Connection, FromRow, PgConnection, Postgres};
use tokio::time::timeout;

use super::errores_pg::falla_de;
use crate::seedwork::dominio::repositorios::Falla;

/// Cuánto se espera, como mucho, a que una conexión responda al comprobarla.
const COMPROBACION: Duration = Duration::from_secs(2);
/// Cuánto se espera, como mucho, a conectar.
const CONEXION: Duration = Duration::from_secs(10);
/// Cuánto más que el plazo de PostgreSQL se espera una respuesta antes de dar la conexión por perdida.
const MARGEN: Duration = Duration::from_secs(5);
/// Una conexión sin uso más tiempo que este se comprueba antes de volver a darla.
const OCIO: Duration = Duration::from_secs(5);

/// Plazos que la propia base de datos hace cumplir en cada conexión.
#[derive(Debug, Clone, Copy)]
pub struct PlazosPg {
    /// Cuánto espera una orden por una fila bloqueada (`lock_timeout`).
    pub bloqueo: Duration,
    /// Cuánto puede durar una sentencia (`statement_timeout`).
    pub sentencia: Duration,
    /// Cuánto puede quedar una transacción abierta sin hacer nada (`idle_in_transaction_session_timeout`).
    pub transaccion_ociosa: Duration,
}

/// El fondo de conexiones. Es nuestro y no `sqlx::PgPool` porque este hace un viaje de ida y vuelta de más
/// en cada devolución (véase el ADR 0004).
#[derive(Clone)]
pub struct Conexiones {
    fondo: Pool<Gestor>,
    sospecha: Arc<AtomicU64>,
    tope: Duration,
}

impl Conexiones {
    /// Un fondo de hasta `maximo` conexiones. No conecta hasta que alguien arrienda.
    ///
    /// # Errors
    /// Si `maximo` es cero o no hay un reloj del que depender.
    pub fn nuevas(
        opciones: PgConnectOptions,
        plazos: PlazosPg,
        maximo: usize,
        espera: Duration,
    ) -> Result<Self, Falla> {
        let opciones = opciones.application_name("aeroalpes").disable_statement_logging().options([
            ("lock_timeout", milisegundos(plazos.bloqueo)),
            ("statement_timeout", milisegundos(plazos.sentencia)),
            ("idle_in_transaction_session_timeout", milisegundos(plazos.transaccion_ociosa)),
            // Lo que se pregunta a menudo tiene su índice. Sin esto, el plan que se guardó con una tabla vacía la recorre entera
            // cuando se llena, hasta que alguien la vuelva a analizar; y compilarlo (JIT) tarda más que ejecutarlo.
            ("enable_seqscan", "off".to_owned()),
            ("jit", "off".to_owned()),
        ]);
        let sospecha = Arc::new(AtomicU64::new(0));
        let gestor = Gestor { opciones, sospecha: Arc::clone(&sospecha) };
        let fondo = Pool::builder(gestor)
            .max_size(maximo)
            .timeouts(Timeouts { wait: Some(espera), create: Some(CONEXION), recycle: Some(COMPROBACION) })
            .runtime(deadpool::Runtime::Tokio1)
            .build()
            .map_err(Falla::interna)?;
        Ok(Self { fondo, sospecha, tope: plazos.sentencia + MARGEN })
    }

    /// Cómo está el fondo ahora.
    #[must_use]
    pub fn uso(&self) -> Uso {
        let estado = self.fondo.status();
        Uso { maximo: estado.max_size, abiertas: estado.size, libres: estado.available, esperan: estado.waiting }
    }

    /// Si PostgreSQL responde.
    pub async fn responde(&self) -> bool {
        match self.arrendar().await {
            Ok(mut arriendo) => {
                let Ok(conexion) = arriendo.conexion() else { return false };
                let resultado = conexion.ping().await;
                let responde = arriendo.acabar(resultado).is_ok();
                arriendo.devolver();
                responde
            }
            // Con todas las conexiones ocupadas, responder es justo lo que está haciendo.
            Err(falla) => matches!(falla, Falla::Saturada),
        }
    }

    /// Ejecuta una sentencia suelta y dice cuántas filas tocó.
    ///
    /// # Errors
    /// Las de la base de datos; con [`Falla::Desconectada`] no se sabe si se hizo.
    pub async fn ejecutar(&self, sentencia: Query<'_, Postgres, PgArguments>) -> Result<u64, Falla> {
        let hecha = self.con_una(async |conexion| sentencia.execute(conexion).await).await?;
        Ok(hecha.rows_affected())
    }

    /// Lee todas las filas de una consulta suelta.
    ///
    /// # Errors
    /// Las de la base de datos.
    pub async fn leer<T>(&self, consulta: QueryAs<'_, Postgres, T, PgArguments>) -> Result<Vec<T>, Falla>
    where
        T: for<'r> FromRow<'r, PgRow> + Send + Unpin,
    {
        self.con_una(async |conexion| consulta.fetch_all(conexion).await).await
    }

    /// Lee todas las filas de una consulta suelta, sin interpretarlas.
    ///
    /// # Errors
    /// Las de la base de datos.
    pub async fn leer_filas(&self, consulta: Query<'_, Postgres, PgArguments>) -> Result<Vec<PgRow>, Falla> {
        self.con_una(async |conexion| consulta.fetch_all(conexion).await).await
    }

    /// Hace algo suelto con una conexión, y la devuelve.
    async fn con_una<T>(
        &self,
        hacer: impl AsyncFnOnce(&mut PgConnection) -> Result<T, sqlx::Error>,
    ) -> Result<T, Falla> {
        let mut arriendo = self.arrendar().await?;
        let hecho = acotada(self.tope, hacer(arriendo.conexion()?)).await;
        let hecho = arriendo.acabar(hecho);
        arriendo.devolver();
        hecho
    }

    /// Arrienda una conexión.
    ///
    /// # Errors
    /// [`Falla::Saturada`] si no queda ninguna libre a tiempo; [`Falla::Inaccesible`] si no se puede conectar.
    pub async fn arrendar(&self) -> Result<Arriendo, Falla> {
        match self.fondo.get().await {
            Ok(objeto) => Ok(Arriendo {
                objeto: Some(objeto),
                sospecha: Arc::clone(&self.sospecha),
                tope: self.tope,
                a_medias: false,
            }),
            Err(PoolError::Backend(error)) => Err(match falla_de(error) {
                Falla::Desconectada(causa) | Falla::Interna(causa) => Falla::Inaccesible(causa),
                otra => otra,
            }),
            Err(PoolError::Timeout(deadpool::managed::TimeoutType::Wait)) => Err(Falla::Saturada),
            Err(otro) => Err(Falla::Inaccesible(Arc::new(otro))),
        }
    }
}

/// Cómo está un fondo de conexiones.
#[derive(Debug, Clone, Copy)]
pub struct Uso {
    /// Cuántas conexiones puede abrir.
    pub maximo: usize,
    /// Cuántas tiene abiertas.
    pub abiertas: usize,
    /// De las abiertas, cuántas no usa nadie.
    pub libres: usize,
    /// Cuántos esperan una.
    pub esperan: usize,
}

/// Espera una respuesta sólo hasta el tope: PostgreSQL corta antes sus sentencias, pero no puede cortar una red
/// que dejó de llevar paquetes.
///
/// # Errors
/// El de la sentencia, o `Io` si venció el tope.
pub async fn acotada<T>(
    tope: Duration,
    respuesta: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, sqlx::Error> {
    let vencida = |_| Err(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into()));
    timeout(tope, respuesta).await.unwrap_or_else(vencida)
}

fn milisegundos(plazo: Duration) -> String {
    plazo.as_millis().to_string()
}

/// Una conexión en uso por un solo dueño.
///
/// Sólo [`Arriendo::devolver`] la devuelve al fondo. Soltarla después de haberla usado la cierra: PostgreSQL
/// deshace lo que estuviera abierto y nadie recibe una conexión a medias.
pub struct Arriendo {
    objeto: Option<Object<Gestor>>,
    sospecha: Arc<AtomicU64>,
    tope: Duration,
    a_medias: bool,
}

impl Arriendo {
    /// La conexión, para enviar una sentencia; el resultado pasa por [`Arriendo::acabar`].
    ///
    /// # Errors
    /// Ninguno mientras el arriendo viva; lo exige el tipo.
    pub fn conexion(&mut self) -> Result<&mut PgConnection, Falla> {
        self.a_medias = true;
        match &mut self.objeto {
            Some(objeto) => Ok(&mut objeto.pg),
            None => Err(Falla::interna("el arriendo ya terminó")),
        }
    }

    /// Da por acabada una sentencia. Si se perdió el contacto, manda comprobar también las demás conexiones.
    ///
    /// # Errors
    /// El de la sentencia, traducido.
    pub fn acabar<T>(&mut self, resultado: Result<T, sqlx::Error>) -> Result<T, Falla> {
        let resultado = resultado.map_err(falla_de);
        self.a_medias = matches!(resultado, Err(Falla::Desconectada(_)));
        if self.a_medias {
            self.sospecha.fetch_add(1, Ordering::Relaxed);
        }
        resultado
    }

    /// Cuánto se espera, como mucho, la respuesta de una sentencia que no se puede repetir.
    #[must_use]
    pub const fn tope(&self) -> Duration {
        self.tope
    }

    /// Si hay una sentencia sin acabar, por lo que la conexión ya no sirve.
    #[must_use]
    pub const fn a_medias(&self) -> bool {
        self.a_medias
    }

    /// Devuelve la conexión al fondo. Quien llama asegura que no queda una transacción abierta en ella.
    pub fn devolver(mut self) {
        if !self.a_medias {
            drop(self.objeto.take());
        }
    }
}

impl Drop for Arriendo {
    fn drop(&mut self) {
        if let Some(objeto) = self.objeto.take() {
            drop(Object::take(objeto));
        }
    }
}

/// Crea y comprueba las conexiones del fondo.
struct Gestor {
    opciones: PgConnectOptions,
    sospecha: Arc<AtomicU64>,
}

struct Conexion {
    pg: PgConnection,
    comprobada: u64,
}

impl Manager for Gestor {
    type Type = Conexion;
    type Error = sqlx::Error;

    async fn create(&self) -> Result<Conexion, sqlx::Error> {
        let comprobada = self.sospecha.load(Ordering::Relaxed);
        // En el montón: con TLS ocupa más de 10 KiB, e iría dentro del futuro de cada petición.
        let pg = Box::pin(PgConnection::connect_with(&self.opciones)).await?;
        Ok(Conexion { pg, comprobada })
    }

    async fn recycle(&self, conexion: &mut Conexion, metricas: &Metrics) -> RecycleResult<sqlx::Error> {
        let sospecha = self.sospecha.load(Ordering::Relaxed);
        if conexion.comprobada != sospecha || metricas.last_used() > OCIO {
            conexion.pg.ping().await?;
            conexion.comprobada = sospecha;
        }
        Ok(())
    }
}
