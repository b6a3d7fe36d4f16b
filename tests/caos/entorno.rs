//! Todo lo que una corrida levanta: los servicios, las instancias y quién las usa.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sqlx::{AssertSqlSafe, Connection, PgConnection};

use super::argumentos::{Argumentos, Bus};
use super::cliente::Cliente;
use super::historia::Historia;
use super::instancias::Instancia;
use super::mundo::Mundo;
use super::procesos::ocurre;
use super::servicios::{Postgres, Pulsar};
use super::topicos;
use crate::Fallo;

/// Cuántas instancias comparten la base.
const INSTANCIAS: usize = 2;
/// Lo más que tardan en preparar un bróker vacío.
const PREPARACION: Duration = Duration::from_mins(1);

/// Lo que hay en marcha.
pub struct Entorno {
    pub postgres: Postgres,
    pub pulsar: Option<Pulsar>,
    pub instancias: Vec<Instancia>,
    pub historia: Arc<Historia>,
    pub cliente: Cliente,
}

impl Entorno {
    /// Levanta los servicios y las instancias, con datos nuevos en esa carpeta.
    pub async fn levantar(argumentos: &Argumentos, carpeta: &Path) -> Result<Self, Fallo> {
        let pulsar = async {
            if argumentos.bus == Bus::Local {
                return Ok(None);
            }
            let pulsar = Pulsar::nuevo(carpeta).await?;
            // Antes que nadie: lo que se publica sin que exista una suscripción no lo guarda nadie.
            topicos::suscribirse(&pulsar.url()).await?;
            Ok(Some(pulsar))
        };
        let (postgres, pulsar) = tokio::join!(Postgres::nuevo(&argumentos.programa, carpeta), pulsar);
        let (postgres, pulsar): (Postgres, Option<Pulsar>) = match (postgres, pulsar) {
            (Ok(postgres), Ok(pulsar)) => (postgres, pulsar),
            (Ok(postgres), Err(fallo)) => {
                postgres.rematar();
                return Err(fallo);
            }
            (Err(fallo), pulsar) => {
                if let Ok(Some(pulsar)) = pulsar {
                    pulsar.rematar();
                }
                return Err(fallo);
            }
        };
        let donde = (argumentos.programa.as_path(), carpeta);
        let nueva = |numero| Instancia::nueva(numero, donde, &postgres, pulsar.as_ref(), argumentos.averia.as_deref());
        let instancias = (0..INSTANCIAS).map(nueva).collect::<Result<Vec<_>, _>>()?;
        let entorno = Self { postgres, pulsar, instancias, historia: Arc::default(), cliente: Cliente::nuevo()? };
        // A la vez y sobre una base vacía: las dos quieren poner al día el esquema.
        let arranques = entorno.instancias.iter().map(Instancia::arrancar);
        futures_util::future::try_join_all(arranques).await.inspect_err(|_| entorno.rematar())?;
        if !ocurre(PREPARACION, async || entorno.listas().await).await {
            entorno.rematar();
            return Err("las instancias no llegaron a estar listas".into());
        }
        Ok(entorno)
    }

    /// Si todas dicen que no les falta nada.
    pub async fn listas(&self) -> bool {
        let listas = self.instancias.iter().map(|instancia| async {
            let salud = self.cliente.leer(&instancia.direccion, "/health/ready").await;
            salud.is_some_and(|salud| salud.cuerpo["estado"] == "listo")
        });
        futures_util::future::join_all(listas).await.into_iter().all(|lista| lista)
    }

    /// Quien usa sólo esas instancias.
    pub fn mundo_de(&self, instancias: &[usize]) -> Mundo {
        let direcciones = instancias.iter().map(|numero| self.instancias[*numero].direccion.clone()).collect();
        Mundo::nuevo(direcciones, self.cliente.clone(), Arc::clone(&self.historia))
    }

    /// Quien usa todas.
    pub fn mundo(&self) -> Mundo {
        self.mundo_de(&self.todas())
    }

    /// Los números de todas las instancias.
    pub fn todas(&self) -> Vec<usize> {
        (0..self.instancias.len()).collect()
    }

    /// Una conexión a la base que no pasa por ningún delegado.
    pub async fn conectar(&self) -> Result<PgConnection, Fallo> {
        Ok(PgConnection::connect_with(&self.postgres.opciones()?).await?)
    }

    /// El número que responde una consulta.
    pub async fn contar(&self, sql: &str) -> Result<i64, Fallo> {
        let mut conexion = self.conectar().await?;
        Ok(sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_one(&mut conexion).await?)
    }

    /// Termina con todo sin esperar a nadie.
    pub fn rematar(&self) {
        if let Some(pulsar) = &self.pulsar {
            pulsar.rematar();
        }
        self.postgres.rematar();
    }
}
