//! La configuración: del entorno y de la línea de órdenes a tipos, o un error que nombra la variable.

mod acceso;
mod base;
mod bus;
mod correo;
mod guardar;
mod lector;
#[cfg(test)]
mod propiedades;
mod roles;

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;
use thiserror::Error;

pub use self::acceso::{Cerrado, Modo};
pub use self::base::Base;
use self::base::base;
pub use self::bus::Bus;
use self::bus::bus;
use self::lector::{Lector, interpretar};
use self::roles::roles;
pub use self::roles::{Rol, Roles};

use crate::modulos::clientes::PlazosFichas;
use crate::modulos::notificaciones::DatosSmtp;
use crate::seedwork::aplicacion::turnos::Cupo;
use crate::seedwork::infraestructura::conexiones::PlazosPg;
use crate::seedwork::infraestructura::purga::Guardar;

/// Dónde se escucha si nadie dice otra cosa; el puerto es el del sistema original.
pub const ESCUCHA: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 5000);

/// Segundos de un día.
const UN_DIA: usize = 24 * 60 * 60;

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

/// Todo lo que se puede configurar. Sin `Debug`: lleva secretos.
pub struct Config {
    /// Dónde escucha el servidor HTTP.
    pub escucha: SocketAddr,
    /// A quién se atiende.
    pub modo: Modo,
    /// Cuánto duran las fichas de sesión y sus claves.
    pub fichas: PlazosFichas,
    /// Dónde están los datos.
    pub base: Base,
    /// Por dónde van los mensajes.
    pub bus: Bus,
    /// Qué hace esta instancia.
    pub roles: Roles,
    /// Conexiones a PostgreSQL para las órdenes, como mucho.
    pub conexiones: usize,
    /// Conexiones a PostgreSQL para las consultas, como mucho.
    pub conexiones_lectura: usize,
    /// Cuántas órdenes se cumplen a la vez, y cuántas esperan turno.
    pub ordenes: Cupo,
    /// Cuántos comandos se aceptan a la vez, y cuántos esperan turno.
    pub aceptaciones: Cupo,
    /// Cuántas consultas se responden a la vez, y cuántas esperan turno.
    pub consultas: Cupo,
    /// Cuántos flujos de eventos en vivo hay abiertos a la vez.
    pub flujos: usize,
    /// Plazos que hace cumplir PostgreSQL.
    pub plazos_pg: PlazosPg,
    /// Cuánto puede tardar una orden, reintentos incluidos.
    pub plazo_orden: Duration,
    /// Cuánto se espera a lo que está en curso al cerrar.
    pub plazo_cierre: Duration,
    /// Cuánto vale un código de validación desde que se emite.
    pub vigencia_codigo: Duration,
    /// Cuánto se guarda cada cosa.
    pub guardar: Guardar,
    /// Por dónde salen los correos, si salen.
    pub correo: Option<DatosSmtp>,
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
    /// `--roles`.
    pub roles: Option<String>,
    /// `--abierto-en-red`.
    pub abierto_en_red: bool,
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
        let bus = bus(&lector, opciones.bus)?;
        // Con bróker, un comando sólo espera su recibo; sin él ocupa una conexión, como una orden.
        let aceptaciones = if bus.broker().is_some() { 256 } else { 32 };
        let config = Self {
            escucha: escucha(&lector, opciones.escucha)?,
            modo: acceso::modo(&lector, opciones.abierto_en_red)?,
            fichas: acceso::plazos_fichas(&lector)?,
            base: base(&lector, opciones.datos, carpeta)?,
            bus,
            roles: roles(&lector, opciones.roles)?,
            conexiones: lector.numero("AEROALPES_CONEXIONES", 16, 1, 1_000)?,
            conexiones_lectura: lector.numero("AEROALPES_CONEXIONES_LECTURA", 8, 1, 1_000)?,
            ordenes: cupo(&lector, "AEROALPES_ORDENES", 32)?,
            aceptaciones: cupo(&lector, "AEROALPES_ACEPTACIONES", aceptaciones)?,
            consultas: cupo(&lector, "AEROALPES_CONSULTAS", 32)?,
            flujos: lector.numero("AEROALPES_FLUJOS", 1_000, 1, 10_000)?,
            plazos_pg: PlazosPg {
                bloqueo: lector.milisegundos("AEROALPES_LOCK_TIMEOUT_MS", 5_000)?,
                sentencia: lector.milisegundos("AEROALPES_SENTENCIA_MS", 20_000)?,
                transaccion_ociosa: lector.milisegundos("AEROALPES_TRANSACCION_OCIOSA_MS", 60_000)?,
            },
            plazo_orden: lector.milisegundos("AEROALPES_ORDEN_MS", 30_000)?,
            plazo_cierre: lector.milisegundos("AEROALPES_CIERRE_MS", 25_000)?,
            vigencia_codigo: lector.segundos("AEROALPES_CODIGO_S", UN_DIA, 30 * UN_DIA)?,
            guardar: guardar::leer(&lector)?,
            correo: correo::correo(&lector)?,
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
        if matches!(self.base, Base::Embebida(_)) && !self.roles.son_todos() {
            let esperado = "los tres, o DATABASE_URL: el PostgreSQL embebido es de una sola instancia".into();
            return Err(ErrorConfig { variable: "AEROALPES_ROLES", valor: None, esperado });
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

/// Cuánto se admite de algo: cuánto a la vez es suyo; la espera es la misma para todo.
fn cupo(lector: &Lector<'_>, variable: &'static str, defecto: usize) -> Result<Cupo, ErrorConfig> {
    Ok(Cupo {
        a_la_vez: lector.numero(variable, defecto, 1, 10_000)?,
        en_espera: lector.numero("AEROALPES_EN_ESPERA", 10_000, 0, 100_000)?,
        espera: lector.milisegundos("AEROALPES_TURNO_MS", 20_000)?,
    })
}

/// Dónde escucha el servicio.
///
/// # Errors
/// [`ErrorConfig`] si no es una dirección con puerto.
pub fn leer_escucha(entorno: Entorno<'_>) -> Result<SocketAddr, ErrorConfig> {
    escucha(&Lector { entorno }, None)
}

/// Con cuántos hilos se trabaja. Si no se dice, con la mitad de los núcleos: lo que pide un cliente cuesta a PostgreSQL
/// tanto como a nosotros, y con más hilos se gasta más en despertarse unos a otros (docs/rendimiento.md).
///
/// # Errors
/// [`ErrorConfig`] si no es un número que sirva.
pub fn leer_hilos(entorno: Entorno<'_>) -> Result<usize, ErrorConfig> {
    let nucleos = std::thread::available_parallelism().map_or(1, usize::from);
    Lector { entorno }.numero("AEROALPES_HILOS", (nucleos / 2).max(1), 1, 1_024)
}

/// La clave de servicio del modo cerrado, si la hay.
///
/// # Errors
/// [`ErrorConfig`] si no sirve.
pub fn leer_clave_servicio(entorno: Entorno<'_>) -> Result<Option<SecretString>, ErrorConfig> {
    acceso::clave_servicio(&Lector { entorno })
}

fn escucha(lector: &Lector<'_>, opcion: Option<String>) -> Result<SocketAddr, ErrorConfig> {
    let esperado = "dirección:puerto, por ejemplo 127.0.0.1:5000";
    match opcion {
        Some(valor) => interpretar("--escucha", &valor, esperado),
        None => Ok(lector.valor("AEROALPES_ESCUCHA", esperado)?.unwrap_or(ESCUCHA)),
    }
}

#[cfg(test)]
mod pruebas {
    use super::*;

    pub(super) fn leer(variables: &[(&str, &str)]) -> Result<Config, ErrorConfig> {
        let entorno = |nombre: &str| variables.iter().find(|(n, _)| *n == nombre).map(|(_, v)| OsString::from(v));
        Config::leer(&entorno, Opciones::default(), PathBuf::from("/datos"))
    }

    #[test]
    fn con_la_base_embebida_una_instancia_hace_los_tres_papeles() {
        let error = leer(&[("AEROALPES_ROLES", "api")]).err().unwrap();
        assert_eq!(error.variable, "AEROALPES_ROLES");
        assert!(leer(&[("AEROALPES_ROLES", "relevo,consumidor,api")]).is_ok());
        assert!(leer(&[("AEROALPES_ROLES", "api"), ("DATABASE_URL", "postgres://x/y")]).is_ok());
    }

    #[test]
    fn sin_nada_escucha_en_local_y_embebe_la_base() {
        let config = leer(&[("DATABASE_URL", "")]).ok().unwrap();
        assert!(config.escucha == ESCUCHA && matches!(config.bus, Bus::Local { vaciar: None }));
        assert!(matches!(config.base, Base::Embebida(carpeta) if carpeta == *"/datos"));
        assert_eq!(config.plazos_pg.bloqueo, Duration::from_secs(5));
        assert_eq!(config.vigencia_codigo, Duration::from_hours(24));
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
            ("AEROALPES_CONEXIONES", "73"),
            ("AEROALPES_BUS", "kafka"),
            ("AEROALPES_BUS", "pulsar"),
            ("AEROALPES_ROLES", "api,web"),
            ("AEROALPES_PARTICIONES", "1025"),
            ("AEROALPES_POSTGRES_DESCARGA", "quizás"),
            ("AEROALPES_CODIGO_S", "2592001"),
            ("AEROALPES_GUARDAR_RECIBIDOS_DIAS", "7"),
            ("AEROALPES_GUARDAR_RESULTADOS_DIAS", "7"),
            ("AEROALPES_GUARDAR_HISTORIAS_DIAS", "7"),
            ("AEROALPES_GUARDAR_PUBLICADOS_DIAS", "0"),
            ("AEROALPES_GUARDAR_DESCARTADAS_DIAS", "0"),
            ("AEROALPES_GUARDAR_CORREOS_DIAS", "0"),
            ("AEROALPES_CORREO_MS", "0"),
            ("AEROALPES_CORREO_DE", "nadie"),
            ("AEROALPES_GUARDAR_CLAVES_DIAS", "0"),
            ("AEROALPES_GUARDAR_CLAVES_DIAS", "8"),
        ] {
            let error = leer(&[(variable, valor)]).err().unwrap();
            assert_eq!((error.variable, error.valor.as_deref()), (variable, Some(valor)));
        }
    }

    #[test]
    fn un_secreto_no_se_muestra() {
        for (variable, valor) in [
            ("DATABASE_URL", "mysql://yo:secreto@x/y"),
            ("DATABASE_URL", "postgres://yo:secreto@x/y?sslmode=quizás"),
            ("DATABASE_URL", "postgres://yo:secreto@x/y?sslrootcert=/no/existe"),
            ("PULSAR_URL", "http://yo:secreto@x"),
            ("AEROALPES_SMTP_URL", "smtp://yo:secreto@x"),
        ] {
            let error = leer(&[(variable, valor)]).err().unwrap();
            assert!(error.to_string().starts_with(variable) && !error.to_string().contains("secreto"), "{error}");
        }
        let en_las_dos =
            [("PULSAR_URL", "pulsar://x"), ("PULSAR_TOKEN", "secreto"), ("PULSAR_TOKEN_ARCHIVO", "/secreto")];
        let error = leer(&en_las_dos).err().unwrap();
        assert_eq!(
            error.to_string(),
            "PULSAR_TOKEN_ARCHIVO = «/secreto»: se esperaba que PULSAR_TOKEN no esté definida"
        );
        let error = leer(&[("PULSAR_URL", "pulsar://x"), ("PULSAR_TOKEN", "dos secretos")]).err().unwrap().to_string();
        assert!(error.starts_with("PULSAR_TOKEN: se esperaba") && !error.contains("secretos"), "{error}");
    }
}
