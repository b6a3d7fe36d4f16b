//! Lo que hay alrededor de lo que se mide: un PostgreSQL y un Pulsar propios, y cómo se arranca el servicio contra ellos.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use tokio::process::Command;
use tokio::time::{Instant, sleep};

use crate::Fallo;
use crate::argumentos::Argumentos;
use crate::instancia::Instancia;
use crate::procesos::{Proceso, ocurre, puerto_libre};
use crate::servicios::{Postgres, Pulsar};

/// Lo que puede tardar el servicio en estar listo, con Pulsar recién levantado.
const PLAZO: Duration = Duration::from_mins(1);

/// Lo que queda por mover: sin publicar, entregas sin atender, y eventos publicados que aún no se recibieron.
const ATRASO: &str = "SELECT (SELECT count(*) FROM bandeja_salida WHERE publicada_en IS NULL) \
    + (SELECT count(*) FROM entregas) \
    + (SELECT count(*) FROM bandeja_salida s WHERE publicada_en IS NOT NULL AND topico LIKE 'eventos-%' \
       AND topico NOT LIKE '%-dlq' AND NOT EXISTS (SELECT 1 FROM bandeja_entrada e \
         WHERE e.suscripcion = 'aeroalpes-sub-eventos' AND e.id_mensaje = s.id::text))";

/// Si hay algo sin publicar o sin atender.
const HAY_MAS: &str =
    "SELECT EXISTS (SELECT FROM bandeja_salida WHERE publicada_en IS NULL) OR EXISTS (SELECT FROM entregas)";
/// Cada cuánto se mira si ya se movió todo.
const RESPIRO: Duration = Duration::from_millis(50);

/// Las tablas que crecen con el uso.
const DE_USO: &str = "reservas, usuarios, usuarios_reservas, administradores, comandos_de_usuarios, bandeja_salida, \
    bandeja_entrada, entregas, resultados_comando, letras_muertas, idempotencia, correos";

/// Lo que se escribe en el WAL para estrenarlo, en MB: casi lo más que PostgreSQL, si no se le dice nada, deja escribir
/// entre dos puntos de control.
const ESTRENO: u32 = 512;

/// El mundo de una corrida.
pub struct Mundo {
    pub argumentos: Argumentos,
    /// Donde quedan los datos y los registros.
    pub carpeta: PathBuf,
    pub postgres: Postgres,
    pub pulsar: Pulsar,
    /// Para hablar con el servicio fuera de las cargas.
    pub cliente: reqwest::Client,
    arrancadas: AtomicU32,
}

impl Mundo {
    /// Levanta los servicios, con datos nuevos en esa carpeta, y pone al día el esquema.
    pub async fn levantar(argumentos: &Argumentos, carpeta: &Path) -> Result<Self, Fallo> {
        let (postgres, pulsar) = tokio::join!(Postgres::nuevo(&argumentos.programa, carpeta), Pulsar::nuevo(carpeta));
        let (postgres, pulsar): (Postgres, Pulsar) = match (postgres, pulsar) {
            (Ok(postgres), Ok(pulsar)) => (postgres, pulsar),
            (Ok(postgres), Err(fallo)) => {
                postgres.rematar();
                return Err(fallo);
            }
            (Err(fallo), pulsar) => {
                if let Ok(pulsar) = pulsar {
                    pulsar.rematar();
                }
                return Err(fallo);
            }
        };
        let cliente = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(10)).build()?;
        let (argumentos, carpeta) = (argumentos.clone(), carpeta.to_owned());
        let mundo = Self { argumentos, carpeta, postgres, pulsar, cliente, arrancadas: AtomicU32::new(0) };
        mundo.migrar().await.inspect_err(|_| mundo.rematar())?;
        Ok(mundo)
    }

    async fn migrar(&self) -> Result<(), Fallo> {
        let mut orden = Command::new(&self.argumentos.programa);
        let fin = orden.arg("migrar").env_clear().env("DATABASE_URL", self.url()?).kill_on_drop(true).output().await?;
        if fin.status.success() {
            return Ok(());
        }
        Err(format!("no se pudo crear el esquema: {}", String::from_utf8_lossy(&fin.stderr)).into())
    }

    /// La dirección de la base.
    pub fn url(&self) -> Result<String, Fallo> {
        self.postgres.url(self.postgres.puerto)
    }

    /// Una conexión a la base.
    pub async fn conectar(&self) -> Result<PgConnection, Fallo> {
        Ok(PgConnection::connect_with(&self.postgres.opciones()?).await?)
    }

    /// Ejecuta unas sentencias.
    pub async fn ejecutar(&self, sql: &str) -> Result<(), Fallo> {
        let mut conexion = self.conectar().await?;
        sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut conexion).await?;
        Ok(())
    }

    /// El número que responde una consulta.
    pub async fn contar(&self, sql: &str) -> Result<i64, Fallo> {
        let mut conexion = self.conectar().await?;
        Ok(sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_one(&mut conexion).await?)
    }

    /// Lo que queda por mover.
    pub async fn atraso(&self) -> Result<i64, Fallo> {
        self.contar(ATRASO).await
    }

    /// Espera a que no quede nada por mover.
    pub async fn asentar(&self, plazo: Duration) -> Result<(), Fallo> {
        let (mut conexion, limite) = (self.conectar().await?, Instant::now() + plazo);
        loop {
            // Contar todo lo que hay cuesta: antes se mira, por los índices, si hay algo.
            let mas: bool = sqlx::query_scalar(HAY_MAS).fetch_one(&mut conexion).await?;
            let queda = if mas { None } else { Some(self.atraso().await?) };
            if queda == Some(0) {
                return Ok(());
            }
            if Instant::now() >= limite {
                let queda = self.atraso().await?;
                return Err(format!("en {} s no se movió todo: quedan {queda}", plazo.as_secs()).into());
            }
            sleep(RESPIRO).await;
        }
    }

    /// Deja vacías las tablas que crecen, con ninguna instancia en marcha.
    pub async fn vaciar(&self) -> Result<(), Fallo> {
        self.ejecutar(&format!("TRUNCATE {DE_USO}")).await?;
        self.punto_de_control().await
    }

    /// Deja el WAL como el de un servidor que ya lleva un rato en marcha, que reutiliza sus segmentos. Uno nuevo hace cada
    /// uno (16 MiB de ceros, llevados al disco) cuando le hace falta, y mientras tanto no confirma nadie.
    pub async fn estrenar(&self) -> Result<(), Fallo> {
        let sql = format!(
            "SELECT pg_logical_emit_message(false, 'estreno', repeat('x', 1000000)) FROM generate_series(1, {ESTRENO})"
        );
        self.ejecutar(&sql).await?;
        self.punto_de_control().await
    }

    /// Lleva al disco lo que el servidor tenga pendiente: si no, lo llevaría mientras se mide. Es cosa del superusuario.
    pub async fn punto_de_control(&self) -> Result<(), Fallo> {
        let clave = std::fs::read_to_string(self.carpeta.join("postgresql/clave"))?;
        let opciones = self.postgres.opciones()?.username("postgres").password(clave.trim()).database("postgres");
        PgConnection::connect_with(&opciones).await?.execute("CHECKPOINT").await?;
        Ok(())
    }

    /// Lo que rodea al servicio en producción: registro a `info`, métricas, la base y Pulsar.
    pub fn entorno(&self) -> Result<Vec<(String, String)>, Fallo> {
        let con =
            [("DATABASE_URL", self.url()?), ("PULSAR_URL", self.pulsar.url()), ("RUST_LOG", "info,sqlx=warn".into())];
        Ok(con.map(|(variable, valor)| (variable.to_owned(), valor)).into())
    }

    /// Lanza el servicio con exactamente ese entorno, sin esperar a que atienda.
    pub fn lanzar(&self, entorno: &[(String, String)]) -> Result<Instancia, Fallo> {
        let direccion = format!("127.0.0.1:{}", puerto_libre()?);
        let nombre = format!("servicio-{}", self.arrancadas.fetch_add(1, Ordering::Relaxed));
        let mut orden = Command::new(&self.argumentos.programa);
        orden.arg("servir").env_clear().envs(entorno.iter().cloned()).env("AEROALPES_ESCUCHA", &direccion);
        Instancia::de(Proceso::lanzar(orden, &self.carpeta, &nombre)?, format!("http://{direccion}"))
    }

    /// Arranca el servicio como en producción, con esas variables además, y espera a que esté listo.
    pub async fn arrancar(&self, variables: &[(&str, &str)]) -> Result<Instancia, Fallo> {
        let mut entorno = self.entorno()?;
        entorno.extend(variables.iter().map(|(variable, valor)| ((*variable).to_owned(), (*valor).to_owned())));
        let instancia = self.lanzar(&entorno)?;
        let lista = async || instancia.salud(&self.cliente).await.is_some_and(|salud| salud == "listo");
        if ocurre(PLAZO, lista).await {
            return Ok(instancia);
        }
        Err(format!("el servicio no llegó a estar listo:\n{}", instancia.ultimas_lineas()).into())
    }

    /// Termina con todo sin esperar a nadie.
    pub fn rematar(&self) {
        self.pulsar.rematar();
        self.postgres.rematar();
    }
}
