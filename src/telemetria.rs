//! La exportación de trazas por OTLP, si se configura con las variables estándar de OpenTelemetry.

use std::ffi::OsString;
use std::fmt;
use std::io;
use std::time::Duration;

use opentelemetry::trace::TracerProvider;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use ureq::Agent;
use ureq::tls::{RootCerts, TlsConfig};

use crate::config::{Entorno, ErrorConfig};
use crate::seedwork::infraestructura::trazas;

/// A dónde se exporta: sin ninguna de las dos no se exporta nada.
const DESTINOS: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"];
/// Cuánto se espera al recolector en cada envío.
const PLAZO: Duration = Duration::from_secs(10);
/// Al cerrar, cuánto se espera a que salga lo que falte.
const PLAZO_CIERRE: Duration = Duration::from_secs(5);
/// Lo más que se lee de una respuesta, en bytes.
const RESPUESTA: u64 = 64 * 1024;

/// Las trazas que se están exportando.
pub struct Trazas(SdkTracerProvider);

impl Trazas {
    /// Empieza a exportar, si el entorno dice a dónde.
    ///
    /// # Errors
    /// [`ErrorConfig`] si el destino no es una URL de HTTP.
    pub fn empezar(entorno: Entorno<'_>) -> Result<Option<Self>, ErrorConfig> {
        let texto = |nombre| entorno(nombre).filter(|valor: &OsString| !valor.is_empty());
        let apagadas = texto("OTEL_SDK_DISABLED").is_some_and(|valor| valor.eq_ignore_ascii_case("true"));
        let Some(variable) = DESTINOS.into_iter().find(|nombre| texto(nombre).is_some()).filter(|_| !apagadas) else {
            return Ok(None);
        };
        let no_sirve = || ErrorConfig {
            variable,
            // Puede llevar usuario y contraseña.
            valor: None,
            esperado: "una URL, por ejemplo http://127.0.0.1:4318".into(),
        };
        let destino = texto(variable).and_then(|valor| url::Url::parse(valor.to_str()?).ok());
        destino.filter(|destino| ["http", "https"].contains(&destino.scheme())).ok_or_else(no_sirve)?;
        // El destino, las cabeceras y los lotes los lee el SDK de sus variables.
        let exportador = SpanExporter::builder().with_http().with_protocol(Protocol::HttpBinary);
        let exportador = exportador.with_http_client(Cliente::nuevo()).build().map_err(|_| no_sirve())?;
        let proveedor =
            SdkTracerProvider::builder().with_batch_exporter(exportador).with_resource(recurso(entorno)).build();
        trazas::encender(proveedor.tracer("aeroalpes"));
        Ok(Some(Self(proveedor)))
    }

    /// Exporta lo que falte, con plazo. Bloquea el hilo que la llama.
    pub fn terminar(&self) {
        if let Err(causa) = self.0.shutdown_with_timeout(PLAZO_CIERRE) {
            tracing::warn!(%causa, "quedaron trazas sin exportar al cerrar");
        }
    }
}

/// Quién exporta: lo que digan las variables y, si no dicen otro nombre, este servicio.
fn recurso(entorno: Entorno<'_>) -> Resource {
    let dicho = |nombre| entorno(nombre).unwrap_or_default().to_string_lossy().into_owned();
    let con_nombre =
        !dicho("OTEL_SERVICE_NAME").is_empty() || dicho("OTEL_RESOURCE_ATTRIBUTES").contains("service.name=");
    let recurso =
        Resource::builder().with_attribute(opentelemetry::KeyValue::new("service.version", env!("CARGO_PKG_VERSION")));
    if con_nombre { recurso.build() } else { recurso.with_service_name("aeroalpes").build() }
}

/// El cliente HTTP del exportador, que trabaja en un hilo suyo: bloquearlo no detiene a nadie más, y así no depende de
/// un reactor que al cerrar ya no esté.
struct Cliente(Agent);

impl Cliente {
    fn nuevo() -> Self {
        let tls = TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build();
        let agente = Agent::config_builder().tls_config(tls).http_status_as_error(false).timeout_global(Some(PLAZO));
        Self(agente.build().into())
    }

    fn enviar(&self, solicitud: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (partes, cuerpo) = solicitud.into_parts();
        let (partes, mut cuerpo) = self.0.run(Request::from_parts(partes, cuerpo.as_ref()))?.into_parts();
        let leido = cuerpo.with_config().limit(RESPUESTA).read_to_vec()?;
        Ok(Response::from_parts(partes, leido.into()))
    }
}

impl fmt::Debug for Cliente {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cliente")
    }
}

#[async_trait::async_trait]
impl HttpClient for Cliente {
    async fn send_bytes(&self, solicitud: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let respuesta = self.enviar(solicitud).and_then(|respuesta| {
            let bien = respuesta.status().is_success();
            if bien {
                Ok(respuesta)
            } else {
                Err(io::Error::other(format!("respondió {}", respuesta.status())).into())
            }
        });
        respuesta.inspect_err(|causa| tracing::warn!(%causa, "un lote de trazas no se pudo exportar"))
    }
}

#[cfg(test)]
mod pruebas {
    use super::*;

    #[test]
    fn sin_destino_no_se_exporta_y_uno_que_no_sirve_detiene_el_arranque_sin_mostrarse() {
        let con = |pares: &'static [(&str, &str)]| {
            let entorno = |nombre: &str| pares.iter().find(|(n, _)| *n == nombre).map(|(_, v)| OsString::from(v));
            Trazas::empezar(&entorno).map(|trazas| trazas.is_some())
        };
        for apagado in [
            &[][..],
            &[("OTEL_EXPORTER_OTLP_ENDPOINT", "")],
            &[("OTEL_SDK_DISABLED", "TRUE"), ("OTEL_EXPORTER_OTLP_ENDPOINT", "x")],
        ] {
            assert_eq!(con(apagado), Ok(false));
        }
        for malo in [
            &[("OTEL_EXPORTER_OTLP_ENDPOINT", "yo:secreto@x")][..],
            &[("OTEL_EXPORTER_OTLP_ENDPOINT", "grpc://yo:secreto@x")],
        ] {
            let error = con(malo).err().unwrap();
            assert!(
                error.variable == "OTEL_EXPORTER_OTLP_ENDPOINT" && !error.to_string().contains("secreto"),
                "{error}"
            );
        }
    }
}
