//! Los tópicos particionados: los crea el servicio por la API de administración (el protocolo binario no sabe), y la
//! partición de un mensaje sale de su clave.

use std::num::NonZeroU32;

use pulsar::producer::Message;
use pulsar::routing_policy::CustomRoutingPolicy;
use secrecy::{ExposeSecret, SecretString};
use thiserror::Error;
use tokio::time::sleep;
use tracing::{info, warn};
use ureq::Agent;
use ureq::http::StatusCode;
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};
use url::Url;

use super::acceso::{Broker, Particionado};
use super::conexion::{Cliente, PLAZO, RESPIRO, Uso, conectar};
use super::{ErrorPulsar, Topico};
use crate::seedwork::infraestructura::certificados::ErrorCertificado;

/// Veces que se mira si un tópico que ya existía tiene particiones: las que otra instancia acaba de crear pueden tardar
/// en verse.
const MIRADAS: u32 = 3;

/// Por qué no se puede usar un tópico como se pidió. Esperar no lo arregla.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ErrorParticiones {
    /// Es un tópico sin particiones.
    #[error(
        "el tópico {topico} ya existe sin particiones, y nunca se convierte: quite AEROALPES_PARTICIONES o use otro espacio (AEROALPES_PULSAR_ESPACIO)"
    )]
    SinParticiones {
        /// Su nombre.
        topico: String,
    },
    /// Tiene menos de las que se piden.
    #[error(
        "el tópico {topico} tiene {hay} particiones y se piden {pedidas}: añádalas (pulsar-admin topics update-partitioned-topic) o pida menos (AEROALPES_PARTICIONES)"
    )]
    Faltan {
        /// Su nombre.
        topico: String,
        /// Las que tiene.
        hay: u32,
        /// Las pedidas.
        pedidas: NonZeroU32,
    },
}

/// Por qué la administración de Pulsar no creó un tópico.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ErrorAdministracion {
    /// No contesta.
    #[error("no contesta")]
    SinRespuesta,
    /// No se confía en ella.
    #[error("{0}")]
    Certificado(ErrorCertificado),
    /// Contestó que no.
    #[error("contesta {0}")]
    Negada(StatusCode),
}

/// Comprueba, antes de atender, que los tópicos son como se pidió, y crea los que falten. Si Pulsar no está, no se sabe:
/// quien lo use lo comprobará al conectar.
///
/// # Errors
/// [`ErrorParticiones`] si alguno existe y no sirve.
pub async fn comprobar(broker: &Broker, topicos: &[Topico]) -> Result<(), ErrorParticiones> {
    let Some(Particionado { particiones, .. }) = &broker.particionado else { return Ok(()) };
    let Ok(cliente) = conectar(broker, Uso::Recibir).await else { return Ok(()) };
    for topico in topicos {
        match asegurar(&cliente, broker, topico.nombre).await {
            Ok(hay) if hay > particiones.get() => {
                warn!(
                    topico = topico.nombre,
                    hay,
                    pedidas = particiones,
                    "el tópico tiene más particiones: se usan todas"
                );
            }
            Err(ErrorPulsar::Particiones(error)) => return Err(error),
            Ok(_) | Err(_) => {}
        }
    }
    Ok(())
}

/// Cuántas particiones tiene un tópico, después de crearlo si se piden y no existe; 0 si no las tiene. Uno que ya existe
/// no se cambia nunca.
///
/// # Errors
/// [`ErrorPulsar`]; [`ErrorPulsar::Particiones`] si existe y no sirve.
pub async fn asegurar(cliente: &Cliente, broker: &Broker, nombre: &str) -> Result<u32, ErrorPulsar> {
    let hay = cliente.particiones(nombre).await?;
    let Some(pedido) = &broker.particionado else { return Ok(hay) };
    let hay = match hay {
        0 if crear(broker, pedido, nombre).await? => pedido.particiones.get(),
        0 => existentes(cliente, nombre).await?,
        hay => hay,
    };
    let (topico, pedidas) = (cliente.completo(nombre), pedido.particiones);
    match hay {
        0 => Err(ErrorParticiones::SinParticiones { topico }.into()),
        hay if hay < pedidas.get() => Err(ErrorParticiones::Faltan { topico, hay, pedidas }.into()),
        hay => Ok(hay),
    }
}

async fn existentes(cliente: &Cliente, nombre: &str) -> Result<u32, ErrorPulsar> {
    for _ in 0..MIRADAS {
        let hay = cliente.particiones(nombre).await?;
        if hay > 0 {
            return Ok(hay);
        }
        sleep(RESPIRO).await;
    }
    Ok(0)
}

/// Crea un tópico particionado; dice si lo creó, o si ya existía. Es la operación `createPartitionedTopic`:
/// <https://pulsar.apache.org/admin-rest-api/>.
async fn crear(broker: &Broker, pedido: &Particionado, nombre: &str) -> Result<bool, ErrorPulsar> {
    let ficha = match &broker.ficha {
        Some(ficha) => Some(ficha.leer().await.map_err(|_| ErrorPulsar::FichaIlegible)?),
        None => None,
    };
    let autoridades = broker.leer_autoridades().await?;
    let (url, cuantas) = (direccion(broker, pedido, nombre), pedido.particiones);
    let llamada = tokio::task::spawn_blocking(move || llamar(&url, cuantas, ficha.as_ref(), autoridades.as_deref()));
    match llamada.await.unwrap_or(Err(ErrorAdministracion::SinRespuesta))? {
        StatusCode::CONFLICT => Ok(false),
        estado if estado.is_success() => {
            info!(topico = nombre, particiones = cuantas, "tópico particionado creado");
            Ok(true)
        }
        estado => Err(ErrorAdministracion::Negada(estado).into()),
    }
}

fn direccion(broker: &Broker, pedido: &Particionado, nombre: &str) -> Url {
    let mut url = pedido.admin.clone();
    let ruta =
        format!("{}/admin/v2/persistent/{}/{nombre}/partitions", url.path().trim_end_matches('/'), broker.espacio);
    url.set_path(&ruta);
    url
}

fn llamar(
    url: &Url,
    cuantas: NonZeroU32,
    ficha: Option<&SecretString>,
    autoridades: Option<&[u8]>,
) -> Result<StatusCode, ErrorAdministracion> {
    let certificados = autoridades.map(|pem| {
        let leidos = parse_pem(pem).filter_map(Result::ok);
        leidos
            .filter_map(|leido| if let PemItem::Certificate(uno) = leido { Some(uno) } else { None })
            .collect::<Vec<_>>()
    });
    let raices = certificados.map_or(RootCerts::PlatformVerifier, |propios| RootCerts::new_with_certs(&propios));
    let agente = Agent::config_builder()
        .tls_config(TlsConfig::builder().root_certs(raices).build())
        .timeout_global(Some(PLAZO))
        .http_status_as_error(false)
        .build()
        .new_agent();
    let mut solicitud = agente.put(url.as_str()).content_type("application/json");
    if let Some(ficha) = ficha {
        solicitud = solicitud.header("authorization", format!("Bearer {}", ficha.expose_secret()));
    }
    let respuesta = solicitud.send(cuantas.to_string()).map_err(|error| {
        let certificado = ErrorCertificado::en(&error);
        certificado.map_or(ErrorAdministracion::SinRespuesta, ErrorAdministracion::Certificado)
    })?;
    Ok(respuesta.status())
}

/// La partición de una clave: la misma que eligen los clientes de Java y de Go, que usan `JavaStringHash` si no se les
/// dice otra cosa. Por defecto, el cliente de Rust no mira la clave.
pub struct PorClave;

impl CustomRoutingPolicy for PorClave {
    fn route(&self, mensaje: &Message, particiones: usize) -> usize {
        particion(mensaje.partition_key.as_deref().unwrap_or_default(), particiones)
    }
}

/// `String.hashCode` de Java, sobre unidades UTF-16 y sin signo, entre las particiones que haya.
fn particion(clave: &str, particiones: usize) -> usize {
    let resumen =
        clave.encode_utf16().fold(0_u32, |resumen, unidad| resumen.wrapping_mul(31).wrapping_add(unidad.into()));
    (resumen & (u32::MAX >> 1)) as usize % particiones.max(1)
}

#[cfg(test)]
mod pruebas {
    use super::*;

    /// Los valores, de `org.apache.pulsar.client.impl.JavaStringHash` (4.0.7).
    #[test]
    fn la_particion_de_una_clave_es_la_de_los_clientes_oficiales() {
        for (clave, resumen) in [("", 0), ("a", 97), ("abc", 96_354), ("ñandú", 225_567_348), ("polygenelubricants", 0)]
        {
            for particiones in [1, 4, 7] {
                assert_eq!(particion(clave, particiones), resumen % particiones, "{clave}");
            }
        }
    }
}
