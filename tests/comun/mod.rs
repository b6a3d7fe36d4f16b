//! Lo que comparten las pruebas: una base de datos propia para cada una, en un PostgreSQL de verdad.

#![allow(dead_code, reason = "cada archivo de pruebas es un programa aparte y usa sólo una parte")]

pub mod anotar;
pub mod certificados;
pub mod cosas;
pub mod crudo;
pub mod especificacion;
pub mod intermediario;
pub mod prueba;
pub mod servicio;

use std::future::Future;
use std::time::Duration;

use aeroalpes::seedwork::infraestructura::conexiones::{Conexiones, PlazosPg};
use aeroalpes::seedwork::infraestructura::migraciones::migrar;
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection};
use tokio::time::{Instant, sleep};
use uuid::Uuid;

/// Lo más que se espera a que algo ocurra.
pub const PLAZO: Duration = Duration::from_mins(1);

const NUESTRAS: &str = "datname = current_database() AND application_name = 'aeroalpes'";

/// Una base de datos recién creada, que se borra al soltarla.
pub struct BaseDePrueba {
    nombre: String,
}

impl BaseDePrueba {
    /// Una base con el esquema al día.
    pub async fn nueva() -> Self {
        let base = Self::vacia().await;
        migrar(&base.opciones()).await.unwrap();
        base
    }

    /// Una base sin esquema.
    pub async fn vacia() -> Self {
        let nombre = format!("prueba_{}", Uuid::new_v4().simple());
        ordenar(&servidor(), format!("CREATE DATABASE {nombre}")).await.unwrap();
        Self { nombre }
    }

    pub fn opciones(&self) -> PgConnectOptions {
        servidor().database(&self.nombre)
    }

    pub fn url(&self) -> String {
        self.opciones().to_url_lossy().to_string()
    }

    pub async fn conectar(&self) -> PgConnection {
        PgConnection::connect_with(&self.opciones()).await.unwrap()
    }

    /// Un fondo de conexiones con un `lock_timeout` corto.
    pub fn conexiones(&self, maximo: usize) -> Conexiones {
        let plazos = PlazosPg {
            bloqueo: Duration::from_secs(2),
            sentencia: Duration::from_secs(10),
            transaccion_ociosa: Duration::from_secs(10),
        };
        Conexiones::nuevas(self.opciones(), plazos, maximo, Duration::from_secs(5)).unwrap()
    }

    pub async fn ordenar(&self, sql: &str) {
        ordenar(&self.opciones(), sql.to_owned()).await.unwrap();
    }

    /// Corta las sesiones de esta base y no deja entrar a nadie, como si el servidor no estuviera.
    pub async fn cerrar(&self) {
        self.admitir(false).await;
        let cortar =
            format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{}'", self.nombre);
        ordenar(&servidor(), cortar).await.unwrap();
    }

    /// Deja entrar otra vez.
    pub async fn abrir(&self) {
        self.admitir(true).await;
    }

    async fn admitir(&self, conexiones: bool) {
        let sql = format!("ALTER DATABASE {} WITH ALLOW_CONNECTIONS {conexiones}", self.nombre);
        ordenar(&servidor(), sql).await.unwrap();
    }

    /// El número que responde una consulta.
    pub async fn contar(&self, sql: &str) -> i64 {
        let mut conexion = self.conectar().await;
        sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_one(&mut conexion).await.unwrap()
    }

    /// Corta las conexiones del servicio y espera a que no quede ninguna.
    pub async fn cortar_las_nuestras(&self) {
        self.ordenar(&format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {NUESTRAS}")).await;
        hasta("que se corten", async || self.nuestras().await == 0).await;
    }

    /// Cuántas conexiones tiene abiertas el servicio.
    pub async fn nuestras(&self) -> i64 {
        self.contar(&format!("SELECT count(*) FROM pg_stat_activity WHERE {NUESTRAS}")).await
    }

    /// Espera a que haya al menos tantas sesiones de esta base detenidas por un bloqueo.
    pub async fn esperar_bloqueadas(&self, cuantas: i64) {
        let sql = "SELECT count(*) FROM pg_stat_activity \
                   WHERE datname = current_database() AND wait_event_type = 'Lock'";
        hasta("que haya sesiones bloqueadas", async || self.contar(sql).await >= cuantas).await;
    }
}

impl Drop for BaseDePrueba {
    fn drop(&mut self) {
        let sql = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.nombre);
        let borrado = std::thread::spawn(move || {
            let hilos = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            hilos.block_on(ordenar(&servidor(), sql))
        });
        if !matches!(borrado.join(), Ok(Ok(()))) {
            eprintln!("no se pudo borrar la base {}", self.nombre);
        }
    }
}

fn servidor() -> PgConnectOptions {
    let url = std::env::var("DATABASE_URL").expect("falta DATABASE_URL: use ./dev pruebas, o ./dev servicios arriba");
    url.parse().expect("DATABASE_URL no es una URL de PostgreSQL")
}

async fn ordenar(opciones: &PgConnectOptions, sql: String) -> Result<(), sqlx::Error> {
    let mut conexion = PgConnection::connect_with(opciones).await?;
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut conexion).await?;
    conexion.close().await
}

/// Espera a que la condición se cumpla, mirándola a menudo; falla si no se cumple a tiempo.
pub async fn hasta<F: Future<Output = bool>>(que: &str, condicion: impl Fn() -> F) {
    let limite = Instant::now() + PLAZO;
    while !condicion().await {
        assert!(Instant::now() < limite, "se esperó en vano {que}");
        sleep(Duration::from_millis(10)).await;
    }
}
