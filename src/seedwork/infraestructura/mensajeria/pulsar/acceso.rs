//! Con qué se entra en el bróker: dónde está, con qué ficha y en qué autoridades se confía.

use std::fmt;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::str::FromStr;

use async_trait::async_trait;
use pulsar::authentication::Authentication;
use pulsar::error::AuthenticationError;
use secrecy::{ExposeSecret, SecretString};
use url::Url;
use zeroize::Zeroizing;

use super::ErrorPulsar;

/// Cómo se llega al bróker. Sin `Debug`: lleva la ficha.
#[derive(Clone)]
pub struct Broker {
    /// Dónde está: `pulsar://…`, o `pulsar+ssl://…` si la conexión va cifrada.
    pub url: Url,
    /// La ficha (*token*) con que se presenta el servicio.
    pub ficha: Option<Ficha>,
    /// Un archivo PEM con autoridades de certificación en las que se confía, además de las públicas.
    pub autoridades: Option<PathBuf>,
    /// Dónde están los tópicos.
    pub espacio: Espacio,
    /// Si los tópicos van en particiones, y con qué se crean. Sin esto, se usan como estén.
    pub particionado: Option<Particionado>,
}

/// Cómo se crean los tópicos particionados.
#[derive(Debug, Clone)]
pub struct Particionado {
    /// En cuántas particiones.
    pub particiones: NonZeroU32,
    /// La API de administración, `http://…` o `https://…`.
    pub admin: Url,
}

/// Un espacio de nombres (*namespace*) de Pulsar, con su inquilino (*tenant*): `public/default`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Espacio(String);

/// El que hay siempre.
impl Default for Espacio {
    fn default() -> Self {
        Self("public/default".into())
    }
}

impl Espacio {
    /// El nombre completo de un tópico suyo.
    #[must_use]
    pub fn completo(&self, nombre: &str) -> String {
        format!("persistent://{self}/{nombre}")
    }
}

impl fmt::Display for Espacio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// No es `inquilino/espacio`, con los caracteres que Pulsar admite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EspacioInvalido;

impl FromStr for Espacio {
    type Err = EspacioInvalido;

    fn from_str(texto: &str) -> Result<Self, EspacioInvalido> {
        let admitido = |c: char| c.is_ascii_alphanumeric() || "_-=:.".contains(c);
        let vale = |parte: &str| !parte.is_empty() && parte.len() <= 100 && parte.chars().all(admitido);
        let sube = |parte: &str| matches!(parte, "." | "..");
        let partes: Vec<_> = texto.split('/').collect();
        let valen = partes.len() == 2 && partes.iter().all(|parte| vale(parte) && !sube(parte));
        if valen { Ok(Self(texto.to_owned())) } else { Err(EspacioInvalido) }
    }
}

impl Broker {
    /// Los certificados en los que se confía además de los públicos, en PEM.
    ///
    /// # Errors
    /// [`ErrorPulsar::Autoridades`] si el archivo ya no se puede leer.
    pub async fn leer_autoridades(&self) -> Result<Option<Vec<u8>>, ErrorPulsar> {
        let Some(ruta) = &self.autoridades else { return Ok(None) };
        tokio::fs::read(ruta).await.map(Some).map_err(ErrorPulsar::Autoridades)
    }
}

impl From<Url> for Broker {
    fn from(url: Url) -> Self {
        Self { url, ficha: None, autoridades: None, espacio: Espacio::default(), particionado: None }
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

impl Ficha {
    /// La ficha de ahora.
    ///
    /// # Errors
    /// Si su archivo no se puede leer.
    pub async fn leer(&self) -> std::io::Result<SecretString> {
        match self {
            Self::Fija(ficha) => Ok(ficha.clone()),
            Self::Archivo(ruta) => {
                let leida = tokio::fs::read_to_string(ruta).await.map(Zeroizing::new)?;
                Ok(leida.trim().into())
            }
        }
    }
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
        let leida = self.leer().await;
        let leida =
            leida.map_err(|error| AuthenticationError::Custom(format!("no se puede leer la ficha: {error}")))?;
        Ok(leida.expose_secret().as_bytes().to_vec())
    }
}
