//! La configuración: del entorno y de la línea de órdenes a tipos, o un error que nombra la variable.

mod lector;
#[cfg(test)]
mod propiedades;

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use thiserror::Error;
use url::Url;

use self::lector::{Lector, interpretar, sin_mostrar};

use crate::seedwork::infraestructura::conexiones::PlazosPg;

/// Dónde se escucha si nadie dice otra cosa; el puerto es el del sistema original.
pub const ESCUCHA: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 5000);

/// Cuántas conexiones puede usar el servicio en el PostgreSQL embebido, que admite 100.
const CONEXIONES_EMBEBIDO: usize = 80;

/// Una variable con un valor que no sirve. Detiene el arranque.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{variable}{}: se esperaba {esperado}", .valor.as_ref().map(|valor| format!(" = «{valor}»")).unwrap_or_default())]
pub struct ErrorConfig {
    /// El nombre de la variable.
    pub variable: &'static str,
    /// El valor, salvo si puede llevar un secreto.
    pub valor: Option<String>,
    /// Qué se esperaba.
    pub esperado: String,
}

/// Dónde están los datos. Sin `Debug`: la dirección puede llevar la contraseña.
pub enum Base {
    /// Un PostgreSQL que otro administra.
    Externa(Box<PgConnectOptions>),
    /// Un PostgreSQL que este servicio arranca, vigila y detiene, con sus datos en esa carpeta.
    Embebida(PathBuf),
}

/// Por dónde van los mensajes. Sin `Debug`: la dirección puede llevar la contraseña.
#[derive(Clone, PartialEq, Eq)]
pub enum Bus {
    /// Por PostgreSQL. Si aún se dice dónde está Pulsar, se recibe lo que le quede.
    Local {
        /// De dónde vaciar, si se está dejando Pulsar.
        vaciar: Option<Url>,
    },
    /// Por Apache Pulsar.
    Pulsar(Url),
}

impl Bus {
    /// La dirección del bróker, se use o se esté vaciando.
    #[must_use]
    pub const fn broker(&self) -> Option<&Url> {
        match self {
            Self::Local { vaciar } => vaciar.as_ref(),
            Self::Pulsar(url) => Some(url),
        }
    }
}

/// Todo lo que se puede configurar. Sin `Debug`: lleva secretos.
pub struct Config {
    /// Dónde escucha el servidor HTTP.
    pub escucha: SocketAddr,
    /// Dónde están los datos.
    pub base: Base,
    /// Por dónde van los mensajes.
    pub bus: Bus,
    /// Conexiones a PostgreSQL para las órdenes, como mucho.
    pub conexiones: usize,
    /// Conexiones a PostgreSQL para las consultas, como mucho.
    pub conexiones_lectura: usize,
    /// Plazos que hace cumplir PostgreSQL.
    pub plazos_pg: PlazosPg,
    /// Cuánto puede tardar una orden, reintentos incluidos.
    pub plazo_orden: Duration,
    /// Cuánto se espera a lo que está en curso al cerrar.
    pub plazo_cierre: Duration,
}

/// Lo que la línea de órdenes dice por encima del entorno.
#[derive(Debug, Default)]
pub struct Opciones {
    /// `--escucha`.
    pub escucha: Option<String>,
    /// `--datos`.
    pub datos: Option<String>,
    /// `--bus`.
    pub bus: Option<String>,
}

/// De dónde se leen las variables.
pub type Entorno<'a> = &'a dyn Fn(&str) -> Option<OsString>;

impl Config {
    /// Lee la configuración; `carpeta` es la de los datos embebidos si nadie dice otra.
    ///
    /// # Errors
    /// [`ErrorConfig`] con la primera variable que no sirve.
    pub fn leer(entorno: Entorno<'_>, opciones: Opciones, carpeta: PathBuf) -> Result<Self, ErrorConfig> {
        let lector = Lector { entorno };
        let config = Self {
            escucha: escucha(&lector, opciones.escucha)?,
            base: base(&lector, opciones.datos, carpeta)?,
            bus: bus(&lector, opciones.bus)?,
            conexiones: lector.numero("AEROALPES_CONEXIONES", 16, 1, 1_000)?,
            conexiones_lectura: lector.numero("AEROALPES_CONEXIONES_LECTURA", 16, 1, 1_000)?,
            plazos_pg: PlazosPg {
                bloqueo: lector.milisegundos("AEROALPES_LOCK_TIMEOUT_MS", 5_000)?,
                sentencia: lector.milisegundos("AEROALPES_SENTENCIA_MS", 20_000)?,
                transaccion_ociosa: lector.milisegundos("AEROALPES_TRANSACCION_OCIOSA_MS", 60_000)?,
            },
            plazo_orden: lector.milisegundos("AEROALPES_ORDEN_MS", 30_000)?,
            plazo_cierre: lector.milisegundos("AEROALPES_CIERRE_MS", 25_000)?,
        };
        lector.una_de("AEROALPES_POSTGRES_DESCARGA", &["si", "sí", "no"])?;
        config.comprobar().map(|()| config)
    }

    /// Lo que cada valor no puede saber por sí solo.
    fn comprobar(&self) -> Result<(), ErrorConfig> {
        let bloqueo = self.plazos_pg.bloqueo;
        if bloqueo >= self.plazos_pg.sentencia || bloqueo >= self.plazo_orden {
            let esperado = "menos que AEROALPES_SENTENCIA_MS y que AEROALPES_ORDEN_MS".into();
            let valor = Some(bloqueo.as_millis().to_string());
            return Err(ErrorConfig { variable: "AEROALPES_LOCK_TIMEOUT_MS", valor, esperado });
        }
        let todas = self.conexiones + self.conexiones_lectura;
        if matches!(self.base, Base::Embebida(_)) && todas > CONEXIONES_EMBEBIDO {
            let esperado = format!("que con AEROALPES_CONEXIONES_LECTURA no pasen de {CONEXIONES_EMBEBIDO}");
            let valor = Some(self.conexiones.to_string());
            return Err(ErrorConfig { variable: "AEROALPES_CONEXIONES", valor, esperado });
        }
        Ok(())
    }
}

/// Dónde escucha el servicio.
///
/// # Errors
/// [`ErrorConfig`] si no es una dirección con puerto.
pub fn leer_escucha(entorno: Entorno<'_>) -> Result<SocketAddr, ErrorConfig> {
    escucha(&Lector { entorno }, None)
}

fn escucha(lector: &Lector<'_>, opcion: Option<String>) -> Result<SocketAddr, ErrorConfig> {
    let esperado = "dirección:puerto, por ejemplo 127.0.0.1:5000";
    match opcion {
        Some(valor) => interpretar("--escucha", &valor, esperado),
        None => Ok(lector.valor("AEROALPES_ESCUCHA", esperado)?.unwrap_or(ESCUCHA)),
    }
}

fn base(lector: &Lector<'_>, opcion: Option<String>, carpeta: PathBuf) -> Result<Base, ErrorConfig> {
    if let Some(url) = lector.secreto("DATABASE_URL")? {
        if let Some(datos) = opcion {
            let esperado = "que DATABASE_URL no esté definida: sólo la base embebida tiene carpeta".into();
            return Err(ErrorConfig { variable: "--datos", valor: Some(datos), esperado });
        }
        let esperado = "una URL de PostgreSQL, por ejemplo postgres://usuario@servidor:5432/base";
        let es_postgres = url.starts_with("postgres://") || url.starts_with("postgresql://");
        let opciones = PgConnectOptions::from_str(&url).ok().filter(|_| es_postgres);
        let opciones = opciones.ok_or_else(|| sin_mostrar("DATABASE_URL", esperado))?;
        return Ok(Base::Externa(Box::new(opciones)));
    }
    let datos =
        opcion.map(PathBuf::from).or((lector.entorno)("AEROALPES_DATOS").filter(|v| !v.is_empty()).map(PathBuf::from));
    Ok(Base::Embebida(datos.unwrap_or(carpeta)))
}

/// Pulsar si se dice dónde está, salvo que se pida el local.
fn bus(lector: &Lector<'_>, opcion: Option<String>) -> Result<Bus, ErrorConfig> {
    let (variable, pedido) = match opcion {
        Some(pedido) => ("--bus", Some(pedido)),
        None => ("AEROALPES_BUS", lector.texto("AEROALPES_BUS")?),
    };
    match (pedido.as_deref(), broker(lector)?) {
        (None | Some("pulsar"), Some(url)) => Ok(Bus::Pulsar(url)),
        (None | Some("local"), vaciar) => Ok(Bus::Local { vaciar }),
        (Some("pulsar"), None) => {
            let esperado = "que PULSAR_URL diga dónde está Pulsar".into();
            Err(ErrorConfig { variable, valor: pedido, esperado })
        }
        (Some(_), _) => Err(ErrorConfig { variable, valor: pedido, esperado: "local o pulsar".into() }),
    }
}

/// `PULSAR_URL`, o el servidor que nombran los despliegues del sistema original.
fn broker(lector: &Lector<'_>) -> Result<Option<Url>, ErrorConfig> {
    if let Some(texto) = lector.secreto("PULSAR_URL")? {
        let url = Url::parse(&texto).ok();
        let url = url.filter(|url| matches!(url.scheme(), "pulsar" | "pulsar+ssl") && url.has_host());
        let esperado = "la dirección de un bróker, por ejemplo pulsar://localhost:6650";
        return url.map(Some).ok_or_else(|| sin_mostrar("PULSAR_URL", esperado));
    }
    for variable in ["PULSAR_ADDRESS", "BROKER_HOST"] {
        if let Some(servidor) = lector.texto(variable)? {
            let url = Url::parse(&format!("pulsar://{servidor}:6650")).ok();
            let url = url.filter(|url| url.host_str() == Some(servidor.as_str()));
            let esperado = "el nombre de un servidor, sin puerto";
            let error = ErrorConfig { variable, valor: Some(servidor), esperado: esperado.into() };
            return url.map(Some).ok_or(error);
        }
    }
    Ok(None)
}

#[cfg(test)]
mod pruebas {
    use super::*;

    fn leer(variables: &[(&str, &str)]) -> Result<Config, ErrorConfig> {
        let entorno = |nombre: &str| variables.iter().find(|(n, _)| *n == nombre).map(|(_, v)| OsString::from(v));
        Config::leer(&entorno, Opciones::default(), PathBuf::from("/datos"))
    }

    #[test]
    fn sin_nada_escucha_en_local_y_embebe_la_base() {
        let config = leer(&[("DATABASE_URL", "")]).ok().unwrap();
        assert!(config.escucha == ESCUCHA && config.bus == Bus::Local { vaciar: None });
        assert!(matches!(config.base, Base::Embebida(carpeta) if carpeta == *"/datos"));
        assert_eq!(config.plazos_pg.bloqueo, Duration::from_secs(5));
    }

    #[test]
    fn un_valor_que_no_sirve_dice_la_variable_el_valor_y_lo_esperado() {
        let error = leer(&[("AEROALPES_ESCUCHA", "aquí")]).err().unwrap().to_string();
        assert_eq!(error, "AEROALPES_ESCUCHA = «aquí»: se esperaba dirección:puerto, por ejemplo 127.0.0.1:5000");
        for (variable, valor) in [
            ("AEROALPES_CONEXIONES", "0"),
            ("AEROALPES_CONEXIONES", "muchas"),
            ("AEROALPES_LOCK_TIMEOUT_MS", "-1"),
            ("PULSAR_ADDRESS", "servidor:6650"),
            ("BROKER_HOST", "dos palabras"),
            ("AEROALPES_LOCK_TIMEOUT_MS", "20000"),
            ("AEROALPES_CONEXIONES", "70"),
            ("AEROALPES_BUS", "kafka"),
            ("AEROALPES_BUS", "pulsar"),
            ("AEROALPES_POSTGRES_DESCARGA", "quizás"),
        ] {
            let error = leer(&[(variable, valor)]).err().unwrap();
            assert_eq!((error.variable, error.valor.as_deref()), (variable, Some(valor)));
        }
    }

    #[test]
    fn un_secreto_no_se_muestra() {
        for (variable, valor) in [("DATABASE_URL", "mysql://yo:secreto@x/y"), ("PULSAR_URL", "http://yo:secreto@x")] {
            let error = leer(&[(variable, valor)]).err().unwrap();
            assert!(error.to_string().starts_with(variable) && !error.to_string().contains("secreto"), "{error}");
        }
    }

    #[test]
    fn con_el_bus_local_pulsar_solo_se_vacia() {
        let bus = |variables: &[(&str, &str)]| leer(variables).ok().unwrap().bus;
        let url = ("PULSAR_URL", "pulsar://c:1");
        assert!(bus(&[url]) == Bus::Pulsar("pulsar://c:1".parse().unwrap()));
        assert!(bus(&[url, ("AEROALPES_BUS", "local")]) == Bus::Local { vaciar: "pulsar://c:1".parse().ok() });
    }

    #[test]
    fn el_broker_puede_venir_como_en_el_sistema_original() {
        let broker = |variables: &[(&str, &str)]| leer(variables).ok().unwrap().bus.broker().map(Url::to_string);
        assert_eq!(broker(&[("BROKER_HOST", "b")]).as_deref(), Some("pulsar://b:6650"));
        assert_eq!(broker(&[("PULSAR_ADDRESS", "a"), ("BROKER_HOST", "b")]).as_deref(), Some("pulsar://a:6650"));
        let todas = [("PULSAR_URL", "pulsar://c:1"), ("PULSAR_ADDRESS", "a")];
        assert_eq!(broker(&todas).as_deref(), Some("pulsar://c:1"));
    }
}
