//! Por dónde van los mensajes y cómo se llega al bróker.

use std::num::NonZeroU32;
use std::path::PathBuf;

use secrecy::ExposeSecret;
use url::Url;

use super::ErrorConfig;
use super::lector::{Lector, interpretar, sin_mostrar};
use crate::seedwork::infraestructura::mensajeria::pulsar::acceso::{Broker, Espacio, Ficha, Particionado};

/// Por dónde van los mensajes. Sin `Debug`: lleva la ficha.
#[derive(Clone)]
pub enum Bus {
    /// Por PostgreSQL. Si aún se dice dónde está Pulsar, se recibe lo que le quede.
    Local {
        /// De dónde vaciar, si se está dejando Pulsar.
        vaciar: Option<Broker>,
    },
    /// Por Apache Pulsar.
    Pulsar(Broker),
}

impl Bus {
    /// El bróker, se use o se esté vaciando.
    #[must_use]
    pub const fn broker(&self) -> Option<&Broker> {
        match self {
            Self::Local { vaciar } => vaciar.as_ref(),
            Self::Pulsar(broker) => Some(broker),
        }
    }
}

/// Pulsar si se dice dónde está, salvo que se pida el local.
pub(super) fn bus(lector: &Lector<'_>, opcion: Option<String>) -> Result<Bus, ErrorConfig> {
    let (variable, pedido) = match opcion {
        Some(pedido) => ("--bus", Some(pedido)),
        None => ("AEROALPES_BUS", lector.texto("AEROALPES_BUS")?),
    };
    match (pedido.as_deref(), broker(lector)?) {
        (None | Some("pulsar"), Some(broker)) => Ok(Bus::Pulsar(broker)),
        (None | Some("local"), vaciar) => Ok(Bus::Local { vaciar }),
        (Some("pulsar"), None) => {
            let esperado = "que PULSAR_URL diga dónde está Pulsar".into();
            Err(ErrorConfig { variable, valor: pedido, esperado })
        }
        (Some(_), _) => Err(ErrorConfig { variable, valor: pedido, esperado: "local o pulsar".into() }),
    }
}

fn broker(lector: &Lector<'_>) -> Result<Option<Broker>, ErrorConfig> {
    let particiones = lector.numero("AEROALPES_PARTICIONES", 0, 0, 1024)?;
    let Some(url) = url(lector)? else { return Ok(None) };
    let admin = administracion(lector)?;
    let con_tls = url.scheme() == "pulsar+ssl" || admin.as_ref().is_some_and(|admin| admin.scheme() == "https");
    Ok(Some(Broker {
        ficha: ficha(lector)?,
        autoridades: autoridades(lector, con_tls)?,
        espacio: espacio(lector)?,
        particionado: particionado(particiones, admin)?,
        url,
    }))
}

fn espacio(lector: &Lector<'_>) -> Result<Espacio, ErrorConfig> {
    const VARIABLE: &str = "AEROALPES_PULSAR_ESPACIO";
    let Some(texto) = lector.texto(VARIABLE)? else { return Ok(Espacio::default()) };
    interpretar(VARIABLE, &texto, "inquilino/espacio, por ejemplo public/default")
}

fn administracion(lector: &Lector<'_>) -> Result<Option<Url>, ErrorConfig> {
    const VARIABLE: &str = "PULSAR_ADMIN_URL";
    let Some(texto) = lector.texto_secreto(VARIABLE)? else { return Ok(None) };
    let url = Url::parse(&texto).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    let esperado = "la dirección de la administración de Pulsar, por ejemplo http://localhost:8080";
    url.map(Some).ok_or_else(|| sin_mostrar(VARIABLE, esperado))
}

/// Crear un tópico particionado es cosa de la administración: sin ella no se puede prometer.
fn particionado(particiones: usize, admin: Option<Url>) -> Result<Option<Particionado>, ErrorConfig> {
    let Some(cuantas) = u32::try_from(particiones).ok().and_then(NonZeroU32::new) else { return Ok(None) };
    let esperado = "que PULSAR_ADMIN_URL diga dónde está la administración de Pulsar";
    let error = || ErrorConfig {
        variable: "AEROALPES_PARTICIONES",
        valor: Some(particiones.to_string()),
        esperado: esperado.into(),
    };
    Ok(Some(Particionado { particiones: cuantas, admin: admin.ok_or_else(error)? }))
}

/// `PULSAR_URL`, o el servidor que nombran los despliegues del sistema original.
fn url(lector: &Lector<'_>) -> Result<Option<Url>, ErrorConfig> {
    if let Some(texto) = lector.texto_secreto("PULSAR_URL")? {
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

/// La ficha se lee ya, aunque después se vuelva a leer en cada conexión: lo que no sirve se dice al arrancar.
fn ficha(lector: &Lector<'_>) -> Result<Option<Ficha>, ErrorConfig> {
    const EN_ARCHIVO: &str = "PULSAR_TOKEN_ARCHIVO";
    let Some((variable, ficha)) = lector.secreto("PULSAR_TOKEN", EN_ARCHIVO)? else { return Ok(None) };
    let texto = ficha.expose_secret();
    if texto.is_empty() || texto.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err(sin_mostrar(variable, "una ficha en una sola palabra"));
    }
    let ruta = lector.texto(EN_ARCHIVO)?;
    Ok(Some(ruta.map_or(Ficha::Fija(ficha), |ruta| Ficha::Archivo(ruta.into()))))
}

fn autoridades(lector: &Lector<'_>, con_tls: bool) -> Result<Option<PathBuf>, ErrorConfig> {
    const VARIABLE: &str = "PULSAR_TLS_CA";
    let Some(ruta) = lector.texto(VARIABLE)? else { return Ok(None) };
    let error =
        |esperado: &str| ErrorConfig { variable: VARIABLE, valor: Some(ruta.clone()), esperado: esperado.into() };
    let leido = std::fs::read_to_string(&ruta).ok().filter(|pem| pem.contains("-----BEGIN CERTIFICATE-----"));
    if leido.is_none() {
        return Err(error("un archivo que se pueda leer, con certificados en formato PEM"));
    }
    if !con_tls {
        return Err(error(
            "que PULSAR_URL empiece por pulsar+ssl://, o PULSAR_ADMIN_URL por https://: sin TLS no se comprueba a nadie",
        ));
    }
    Ok(Some(ruta.into()))
}

#[cfg(test)]
mod pruebas {
    use super::super::pruebas::leer;
    use super::*;

    fn bus_de(variables: &[(&str, &str)]) -> Bus {
        leer(variables).ok().unwrap().bus
    }

    fn url_de(bus: &Bus) -> Option<String> {
        bus.broker().map(|broker| broker.url.to_string())
    }

    #[test]
    fn con_el_bus_local_pulsar_solo_se_vacia() {
        let url = ("PULSAR_URL", "pulsar://c:1");
        let por_pulsar = bus_de(&[url]);
        assert!(matches!(&por_pulsar, Bus::Pulsar(_)) && url_de(&por_pulsar).as_deref() == Some(url.1));
        let local = bus_de(&[url, ("AEROALPES_BUS", "local")]);
        assert!(matches!(&local, Bus::Local { .. }) && url_de(&local).as_deref() == Some(url.1));
    }

    #[test]
    fn el_broker_puede_venir_como_en_el_sistema_original() {
        let broker = |variables: &[(&str, &str)]| url_de(&bus_de(variables));
        assert_eq!(broker(&[("BROKER_HOST", "b")]).as_deref(), Some("pulsar://b:6650"));
        assert_eq!(broker(&[("PULSAR_ADDRESS", "a"), ("BROKER_HOST", "b")]).as_deref(), Some("pulsar://a:6650"));
        let todas = [("PULSAR_URL", "pulsar://c:1"), ("PULSAR_ADDRESS", "a")];
        assert_eq!(broker(&todas).as_deref(), Some("pulsar://c:1"));
    }

    #[test]
    fn la_ficha_puede_venir_en_un_archivo_que_se_vuelve_a_leer() {
        let carpeta = tempfile::tempdir().unwrap();
        let archivo = carpeta.path().join("ficha");
        std::fs::write(&archivo, "la-ficha\n").unwrap();
        let (url, archivo) = (("PULSAR_URL", "pulsar://c:1"), archivo.to_str().unwrap());
        let ficha = |variable, valor| bus_de(&[url, (variable, valor)]).broker().unwrap().ficha.clone();
        assert!(matches!(ficha("PULSAR_TOKEN", "otra\n"), Some(Ficha::Fija(ficha)) if ficha.expose_secret() == "otra"));
        assert!(matches!(ficha("PULSAR_TOKEN_ARCHIVO", archivo), Some(Ficha::Archivo(ruta)) if ruta == *archivo));
    }

    #[test]
    fn una_autoridad_que_no_sirve_o_sin_tls_detiene_el_arranque() {
        let carpeta = tempfile::tempdir().unwrap();
        let (vacio, bueno) = (carpeta.path().join("vacio"), carpeta.path().join("bueno"));
        std::fs::write(&vacio, "nada").unwrap();
        std::fs::write(&bueno, "-----BEGIN CERTIFICATE-----\n").unwrap();
        let (vacio, bueno) = (vacio.to_str().unwrap(), bueno.to_str().unwrap());
        let (con_tls, sin_tls) = ("pulsar+ssl://c:1", "pulsar://c:1");
        for (url, ruta) in [(con_tls, vacio), (con_tls, "/no/existe"), (sin_tls, bueno)] {
            let error = leer(&[("PULSAR_URL", url), ("PULSAR_TLS_CA", ruta)]).err().unwrap();
            assert_eq!((error.variable, error.valor.as_deref()), ("PULSAR_TLS_CA", Some(ruta)));
        }
        let bus = bus_de(&[("PULSAR_URL", con_tls), ("PULSAR_TLS_CA", bueno)]);
        assert_eq!(bus.broker().unwrap().autoridades.as_deref(), Some(std::path::Path::new(bueno)));
    }

    #[test]
    fn las_particiones_piden_la_administracion_y_el_espacio_tiene_dos_partes() {
        let (url, cuatro) = (("PULSAR_URL", "pulsar://c:1"), ("AEROALPES_PARTICIONES", "4"));
        let error = leer(&[url, cuatro]).err().unwrap();
        assert_eq!((error.variable, error.valor.as_deref()), ("AEROALPES_PARTICIONES", Some("4")));
        let admin = ("PULSAR_ADMIN_URL", "http://c:8080");
        let bus = bus_de(&[url, cuatro, admin, ("AEROALPES_PULSAR_ESPACIO", "inquilino/mi-espacio")]);
        let broker = bus.broker().unwrap();
        assert_eq!(broker.particionado.as_ref().unwrap().particiones.get(), 4);
        assert_eq!(broker.espacio.to_string(), "inquilino/mi-espacio");
        let bus = bus_de(&[url, admin, ("AEROALPES_PARTICIONES", "0")]);
        assert!(bus.broker().unwrap().particionado.is_none());
        assert_eq!(bus.broker().unwrap().espacio.to_string(), "public/default");
        for espacio in ["public", "public/", "/default", "a/b/c", "a/..", "público/default", "a/b c"] {
            let error = leer(&[url, ("AEROALPES_PULSAR_ESPACIO", espacio)]).err().unwrap();
            assert_eq!((error.variable, error.valor.as_deref()), ("AEROALPES_PULSAR_ESPACIO", Some(espacio)));
        }
    }
}
