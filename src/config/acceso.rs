//! A quién se atiende: modo abierto o cerrado, y los secretos y límites del cerrado.

use std::net::SocketAddr;
use std::num::NonZeroU32;

use secrecy::{ExposeSecret, SecretString};
use tracing::warn;

use super::ErrorConfig;
use super::lector::{Lector, sin_mostrar};
use crate::modulos::clientes::PlazosFichas;

/// A quién se atiende.
#[derive(Debug)]
pub enum Modo {
    /// A cualquiera que llegue, sin preguntar quién es ni contar sus intentos.
    Abierto {
        /// Si se dijo en voz alta que puede llegarse desde la red.
        en_red: bool,
    },
    /// A quien se identifique.
    Cerrado(Cerrado),
}

/// Con qué se cierra el servicio.
#[derive(Debug)]
pub struct Cerrado {
    /// La clave con que se identifican otros sistemas, si la hay.
    pub clave_servicio: Option<SecretString>,
    /// Intentos por minuto que se admiten desde una dirección, en cada ruta que los cuenta.
    pub por_direccion: NonZeroU32,
    /// Intentos por minuto que se admiten sobre una cuenta, en cada ruta que los cuenta.
    pub por_cuenta: NonZeroU32,
    /// Cuántos intermediarios de confianza hay delante; con cero no se mira `X-Forwarded-For`.
    pub intermediarios: usize,
}

impl Modo {
    /// Comprueba que nadie quede expuesto sin saberlo: el modo abierto, fuera del bucle local, se pide en voz alta.
    ///
    /// # Errors
    /// [`ErrorConfig`] que nombra la dirección y cómo permitirla.
    pub fn comprobar_escucha(&self, escucha: SocketAddr) -> Result<(), ErrorConfig> {
        match self {
            Self::Abierto { en_red: false } if !escucha.ip().is_loopback() => {
                let esperado = "una dirección del bucle local, porque el modo abierto no pregunta a nadie quién es; \
                                fuera de él, AEROALPES_MODO=cerrado, o --abierto-en-red \
                                (AEROALPES_ABIERTO_EN_RED=si) si se quiere así";
                let (variable, valor) = ("AEROALPES_ESCUCHA", Some(escucha.to_string()));
                Err(ErrorConfig { variable, valor, esperado: esperado.into() })
            }
            Self::Abierto { en_red: true } if !escucha.ip().is_loopback() => {
                warn!(%escucha, "modo abierto fuera del bucle local: quien llegue a esta dirección lo ve y lo cambia todo");
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

/// El modo que dice el entorno, o la línea de órdenes con `--abierto-en-red`.
///
/// # Errors
/// [`ErrorConfig`].
pub(super) fn modo(lector: &Lector<'_>, en_red: bool) -> Result<Modo, ErrorConfig> {
    let modo = lector.una_de("AEROALPES_MODO", &["abierto", "cerrado"])?;
    let dicho = lector.una_de("AEROALPES_ABIERTO_EN_RED", &["si", "sí", "no"])?;
    let cerrado = Cerrado {
        clave_servicio: clave_servicio(lector)?,
        por_direccion: por_minuto(lector, "AEROALPES_INTENTOS_DIRECCION", 60)?,
        por_cuenta: por_minuto(lector, "AEROALPES_INTENTOS_CUENTA", 10)?,
        intermediarios: lector.numero("AEROALPES_INTERMEDIARIOS", 0, 0, 10)?,
    };
    if modo.as_deref() == Some("cerrado") {
        return Ok(Modo::Cerrado(cerrado));
    }
    Ok(Modo::Abierto { en_red: en_red || dicho.is_some_and(|dicho| dicho != "no") })
}

pub(super) fn clave_servicio(lector: &Lector<'_>) -> Result<Option<SecretString>, ErrorConfig> {
    let leida = lector.secreto("AEROALPES_CLAVE_SERVICIO", "AEROALPES_CLAVE_SERVICIO_ARCHIVO")?;
    let Some((variable, clave)) = leida else { return Ok(None) };
    let texto = clave.expose_secret();
    // Sin espacios ni símbolos raros: va en una cabecera.
    if (32..=512).contains(&texto.len()) && texto.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(Some(clave));
    }
    Err(sin_mostrar(variable, "una clave de 32 a 512 letras, cifras y signos, sin espacios"))
}

fn por_minuto(lector: &Lector<'_>, variable: &'static str, defecto: usize) -> Result<NonZeroU32, ErrorConfig> {
    let numero = lector.numero(variable, defecto, 1, 100_000)?;
    Ok(u32::try_from(numero).ok().and_then(NonZeroU32::new).unwrap_or(NonZeroU32::MIN))
}

/// Cuánto duran las fichas y sus claves.
///
/// # Errors
/// [`ErrorConfig`].
pub(super) fn plazos_fichas(lector: &Lector<'_>) -> Result<PlazosFichas, ErrorConfig> {
    Ok(PlazosFichas {
        caducidad: lector.segundos("AEROALPES_FICHA_S", 3_600, 2_592_000)?,
        rotacion: lector.segundos("AEROALPES_ROTACION_S", 86_400, 31_536_000)?,
    })
}
