//! Una base de datos y un espacio de nombres de Pulsar que sólo usa un camino: lo que deja atrás no pesa en los demás.

use std::str::FromStr;
use std::time::Duration;

use aeroalpes::arranque::contratos;
use aeroalpes::seedwork::infraestructura::mensajeria::pulsar::Topico;
use aeroalpes::seedwork::infraestructura::mensajeria::pulsar::acceso::{Broker, Espacio};
use serde_json::Value;
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use url::Url;

use super::COMANDOS;
use crate::Fallo;
use crate::carga::Carga;
use crate::instancia::Instancia;
use crate::limites::CUERPO;
use crate::medida::Tanda;
use crate::mundo::Mundo;
use crate::uso::{con_rss_maximo, cpu};

/// Lo más que tarda la administración de Pulsar en contestar.
const PLAZO: Duration = Duration::from_secs(10);

/// Dónde trabaja el servicio en un camino.
pub struct Escenario {
    base: Url,
    pulsar: String,
    admin: String,
    espacio: String,
    particiones: u32,
    http: reqwest::Client,
}

impl Escenario {
    /// Crea la base y el espacio, vacíos; los tópicos los crea el servicio, con esas particiones, o sin ninguna si son 0.
    pub async fn nuevo(mundo: &Mundo, nombre: &str, particiones: u32) -> Result<Self, Fallo> {
        let mut base = Url::parse(&mundo.url()?)?;
        let mut conexion = PgConnection::connect(base.as_str()).await?;
        conexion.execute(AssertSqlSafe(format!("CREATE DATABASE rendimiento_{nombre}"))).await?;
        base.set_path(&format!("rendimiento_{nombre}"));
        let http = reqwest::Client::builder().no_proxy().timeout(PLAZO).build()?;
        let espacio = format!("public/{}", nombre.replace('_', "-"));
        let (pulsar, admin) = (mundo.pulsar.url(), format!("http://127.0.0.1:{}", mundo.pulsar.admin));
        let escenario = Self { base, pulsar, admin, espacio, particiones, http };
        let creado = escenario.http.put(escenario.ruta(&format!("namespaces/{}", escenario.espacio)));
        creado.header("content-type", "application/json").body("{}").send().await?.error_for_status()?;
        Ok(escenario)
    }

    fn ruta(&self, ruta: &str) -> String {
        format!("{}/admin/v2/{ruta}", self.admin)
    }

    /// Arranca el servicio aquí, con esos roles, y espera a que atienda.
    pub async fn arrancar(&self, mundo: &Mundo, roles: &str) -> Result<Instancia, Fallo> {
        let particiones = self.particiones.to_string();
        let mut entorno = vec![
            ("DATABASE_URL", self.base.as_str()),
            ("PULSAR_URL", &self.pulsar),
            ("AEROALPES_PULSAR_ESPACIO", &self.espacio),
            ("AEROALPES_ROLES", roles),
        ];
        if self.particiones > 0 {
            entorno.extend([("AEROALPES_PARTICIONES", particiones.as_str()), ("PULSAR_ADMIN_URL", &self.admin)]);
        }
        mundo.arrancar(&entorno).await
    }

    /// Hace una reserva por esa ruta.
    pub async fn reservar(&self, servicio: &Instancia, ruta: &str) -> Result<(), Fallo> {
        let solicitud = self.http.post(format!("{}{ruta}", servicio.url)).header("content-type", "application/json");
        solicitud.body(CUERPO).send().await?.error_for_status()?;
        Ok(())
    }

    /// Cómo se llega a su base.
    pub fn opciones(&self) -> Result<PgConnectOptions, Fallo> {
        Ok(PgConnectOptions::from_str(self.base.as_str())?)
    }

    /// Una conexión a su base.
    pub async fn conectar(&self) -> Result<PgConnection, Fallo> {
        Ok(PgConnection::connect_with(&self.opciones()?).await?)
    }

    /// Cómo se llega a su espacio de Pulsar.
    pub fn broker(&self) -> Result<Broker, Fallo> {
        let espacio = Espacio::from_str(&self.espacio).map_err(|_| "el espacio de nombres no vale")?;
        Ok(Broker { url: Url::parse(&self.pulsar)?, ficha: None, autoridades: None, espacio, particionado: None })
    }

    /// Corre una carga y cuenta lo que costó a una instancia y lo que quedó aquí por mover.
    pub async fn medir(
        &self,
        servicio: &Instancia,
        carga: impl Future<Output = Result<Carga, Fallo>>,
    ) -> Result<Tanda, Fallo> {
        let antes = cpu(servicio.pid)?;
        let (carga, rss_mib) = con_rss_maximo(&[servicio.pid], carga).await?;
        let (carga, gastado) = (carga?, cpu(servicio.pid)? - antes);
        Ok(carga.tanda(gastado, rss_mib, self.atraso().await?))
    }

    /// Lo que queda por publicar, por recibir y por atender.
    pub async fn atraso(&self) -> Result<i64, Fallo> {
        let sql =
            "SELECT (SELECT count(*) FROM bandeja_salida WHERE publicada_en IS NULL) + (SELECT count(*) FROM entregas)";
        let aqui: i64 = sqlx::query_scalar(sql).fetch_one(&mut self.conectar().await?).await?;
        Ok(aqui + self.por_recibir(&topico(COMANDOS)?).await?)
    }

    /// Cuántos mensajes de un tópico no ha confirmado todavía la suscripción del servicio.
    pub async fn por_recibir(&self, topico: &Topico) -> Result<i64, Fallo> {
        let cuales = if self.particiones > 0 { "partitioned-stats" } else { "stats" };
        let ruta = self.ruta(&format!("persistent/{}/{}/{cuales}", self.espacio, topico.nombre));
        let estado: Value = self.http.get(ruta).send().await?.error_for_status()?.json().await?;
        let atraso = estado["subscriptions"][topico.suscripcion]["msgBacklog"].as_i64();
        atraso.ok_or_else(|| format!("Pulsar no dice qué queda por recibir en {}", topico.nombre).into())
    }
}

/// El tópico del servicio que se llama así, con su esquema y su suscripción.
pub fn topico(nombre: &str) -> Result<Topico, Fallo> {
    let suyo = contratos()?.into_iter().map(|contrato| contrato.topico).find(|topico| topico.nombre == nombre);
    suyo.ok_or_else(|| format!("el servicio no tiene el tópico {nombre}").into())
}
