//! Varias instancias que se reparten un trabajo, y lo que gastan entre todas.

use std::time::Duration;

use futures_util::future::try_join_all;
use sqlx::{AssertSqlSafe, PgConnection};
use tokio::sync::Mutex;

use super::escenario::Escenario;
use crate::Fallo;
use crate::instancia::Instancia;
use crate::mundo::Mundo;
use crate::procesos::ocurre;
use crate::uso::{cpu, sumar};

/// Lo que puede tardar una flota en preparar el bróker y repartirse los carriles.
const PLAZO: Duration = Duration::from_mins(1);

/// Qué hace una flota.
#[derive(Debug, Clone, Copy)]
pub enum Trabajo {
    /// Recibir de Pulsar y cumplir comandos.
    Atender,
    /// Publicar la bandeja de salida.
    Relevar,
}

impl Trabajo {
    const fn roles(self) -> &'static str {
        match self {
            Self::Atender => "consumidor",
            Self::Relevar => "relevo",
        }
    }

    const fn carriles(self) -> &'static str {
        match self {
            Self::Atender => "carriles",
            Self::Relevar => "carriles_relevo",
        }
    }
}

/// Unas cuantas instancias con un solo trabajo.
pub struct Flota(Vec<Instancia>);

impl Flota {
    /// Las arranca a la vez y espera a que atiendan.
    pub async fn arrancar(
        mundo: &Mundo,
        escenario: &Escenario,
        trabajo: Trabajo,
        cuantas: usize,
    ) -> Result<Self, Fallo> {
        let arranques = (0..cuantas).map(|_| escenario.arrancar(mundo, trabajo.roles()));
        Ok(Self(try_join_all(arranques).await?))
    }

    /// Los segundos de procesador que gasta nacer sin nada que hacer: conectar con todo y repartirse los carriles.
    pub async fn nacer(mundo: &Mundo, escenario: &Escenario, trabajo: Trabajo, cuantas: usize) -> Result<f64, Fallo> {
        let flota = Self::arrancar(mundo, escenario, trabajo, cuantas).await?;
        let conexion = Mutex::new(escenario.conectar().await?);
        if !ocurre(PLAZO, async || repartidos(&mut *conexion.lock().await, trabajo, cuantas).await).await {
            return Err(format!("{cuantas} instancias no llegaron a repartirse los carriles").into());
        }
        let cpu = flota.cpu()?;
        flota.parar().await?;
        Ok(cpu)
    }

    /// Sus procesos.
    pub fn pids(&self) -> Vec<u32> {
        self.0.iter().map(|instancia| instancia.pid).collect()
    }

    /// Los segundos de procesador que llevan gastados entre todas.
    pub fn cpu(&self) -> Result<f64, Fallo> {
        sumar(&self.pids(), cpu)
    }

    /// Les pide que paren y espera.
    pub async fn parar(self) -> Result<(), Fallo> {
        try_join_all(self.0.into_iter().map(Instancia::parar)).await.map(drop)
    }
}

/// Si los carriles de ese trabajo están repartidos por igual entre tantas instancias.
async fn repartidos(conexion: &mut PgConnection, trabajo: Trabajo, cuantas: usize) -> bool {
    let sql = format!(
        "SELECT count(*) FROM (SELECT count(*) AS suyos FROM {} WHERE dueno IS NOT NULL GROUP BY dueno) partes \
         WHERE suyos = (SELECT count(*) FROM {0}) / $1",
        trabajo.carriles()
    );
    let cuantas = i64::try_from(cuantas).unwrap_or(i64::MAX);
    let partes: Result<i64, _> = sqlx::query_scalar(AssertSqlSafe(sql)).bind(cuantas).fetch_one(conexion).await;
    partes.is_ok_and(|partes| partes == cuantas)
}
