//! Con qué se entra en el bróker: dónde está, con qué ficha y en qué autoridades se confía.

use std::path::PathBuf;

use async_trait::async_trait;
use pulsar::authentication::Authentication;
use pulsar::error::AuthenticationError;
use secrecy::{ExposeSecret, SecretString};
use url::Url;
use zeroize::Zeroizing;

/// Cómo se llega al bróker. Sin `Debug`: lleva la ficha.
#[derive(Clone)]
pub struct Broker {
    /// Dónde está: `pulsar://…`, o `pulsar+ssl://…` si la conexión va cifrada.
    pub url: Url,
    /// La ficha (*token*) con que se presenta el servicio.
    pub ficha: Option<Ficha>,
    /// Un archivo PEM con autoridades de certificación en las que se confía, además de las públicas.
    pub autoridades: Option<PathBuf>,
}

impl From<Url> for Broker {
    fn from(url: Url) -> Self {
        Self { url, ficha: None, autoridades: None }
    }
}

/// Una ficha (*token*) de Pulsar.
#[derive(Clone)]
pub enum Ficha {
    /// Siempre la misma.
    Fija(SecretString),
    /// La que haya en un archivo cada vez que se conecta: se puede cambiar sin reiniciar.
    Archivo(PathBuf),
}

/// El método `token` de Pulsar: <https://pulsar.apache.org/docs/4.0.x/security-token-client/>.
#[async_trait]
impl Authentication for Ficha {
    fn auth_method_name(&self) -> String {
        "token".into()
    }

    async fn initialize(&mut self) -> Result<(), AuthenticationError> {
        Ok(())
    }

    async fn auth_data(&mut self) -> Result<Vec<u8>, AuthenticationError> {
        match self {
            Self::Fija(ficha) => Ok(ficha.expose_secret().as_bytes().to_vec()),
            Self::Archivo(ruta) => {
                let leida = tokio::fs::read_to_string(&ruta).await.map(Zeroizing::new);
                let leida = leida.map_err(|error| {
                    AuthenticationError::Custom(format!("no se puede leer {}: {error}", ruta.display()))
                })?;
                Ok(leida.trim().as_bytes().to_vec())
            }
        }
    }
}
