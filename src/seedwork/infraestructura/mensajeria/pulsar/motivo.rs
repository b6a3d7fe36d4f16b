//! Por qué el bróker no admitió una conexión. El cliente de Pulsar sólo lo dice en su registro (lo que devuelve es
//! siempre el mismo error sin causa): aquí se escucha esa línea y ninguna otra.

use std::cell::Cell;
use std::pin::Pin;
use std::sync::Once;

use log::{Level, LevelFilter, Log, Metadata, Record};
use thiserror::Error;

use crate::seedwork::infraestructura::certificados::ErrorCertificado;

/// Quien lo dice, y cómo empieza lo que dice. Una prueba con un bróker de verdad falla si una versión lo cambia.
const ORIGEN: &str = "pulsar::connection";
const INICIO: &str = "connection error, not retryable: ";

tokio::task_local! {
    static MOTIVO: Cell<Option<Motivo>>;
}

/// Por qué no se admitió una conexión. Nunca repite lo que dijo el bróker, que puede citar la ficha.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Motivo {
    /// La ficha no vale, o hacía falta una.
    #[error("el bróker no acepta la ficha con que se presenta el servicio, o pide una y no la tiene (PULSAR_TOKEN)")]
    Ficha,
    /// El archivo de la ficha no se puede leer.
    #[error("no se puede leer el archivo de la ficha (PULSAR_TOKEN_ARCHIVO)")]
    FichaIlegible,
    /// No se confía en él.
    #[error("{0} (PULSAR_TLS_CA)")]
    Certificado(ErrorCertificado),
    /// No habla TLS, o corta la conexión.
    #[error("el bróker corta la conexión, o no habla TLS en ese puerto")]
    Protocolo,
}

impl Motivo {
    /// Interpreta la lista de errores que escribe el cliente, en la forma de su `Debug`.
    fn de(errores: &str) -> Self {
        if errores.contains("AuthenticationError") || errores.contains("AuthorizationError") {
            Self::Ficha
        } else if errores.contains("Authentication(") {
            Self::FichaIlegible
        } else {
            ErrorCertificado::en(&errores).map_or(Self::Protocolo, Self::Certificado)
        }
    }
}

/// Un intento de conectar, con su motivo si no se pudo.
pub type Intento<'a, T, E> = Pin<Box<dyn Future<Output = Result<T, (E, Option<Motivo>)>> + Send + 'a>>;

/// Intenta conectar y, si no se pudo y el cliente dijo por qué, lo da también. En el montón: ocupa decenas de KiB.
pub fn con_motivo<'a, T: 'a, E: 'a>(intento: impl Future<Output = Result<T, E>> + Send + 'a) -> Intento<'a, T, E> {
    static UNA_VEZ: Once = Once::new();
    UNA_VEZ.call_once(|| {
        // Sólo errores: en los demás niveles el cliente escribe mensajes enteros, también el que lleva la ficha.
        if log::set_logger(&Escucha).is_ok() {
            log::set_max_level(LevelFilter::Error);
        }
    });
    let con_oido = async { intento.await.map_err(|error| (error, MOTIVO.with(Cell::take))) };
    Box::pin(MOTIVO.scope(Cell::new(None), con_oido))
}

struct Escucha;

impl Log for Escucha {
    fn enabled(&self, de: &Metadata<'_>) -> bool {
        de.level() == Level::Error && de.target() == ORIGEN
    }

    fn log(&self, registro: &Record<'_>) {
        if !self.enabled(registro.metadata()) {
            return;
        }
        let texto = registro.args().to_string();
        if let Some(errores) = texto.strip_prefix(INICIO) {
            // Fuera de un intento nadie pregunta: no hay dónde anotarlo.
            _ = MOTIVO.try_with(|motivo| motivo.set(Some(Motivo::de(errores))));
        }
    }

    fn flush(&self) {}
}

#[cfg(test)]
mod pruebas {
    use super::*;

    #[test]
    fn cada_error_del_cliente_tiene_su_motivo() {
        let casos = [
            (r#"[PulsarError(Some(AuthenticationError), Some("Unable to authenticate"))]"#, Motivo::Ficha),
            (r#"[Authentication(Custom("no se puede leer /ficha: …"))]"#, Motivo::FichaIlegible),
            (
                "[Io(Custom { kind: InvalidData, error: InvalidCertificate(UnknownIssuer) })]",
                Motivo::Certificado(ErrorCertificado::Autoridad),
            ),
            (
                "[Io(Custom { kind: InvalidData, error: InvalidCertificate(NotValidForNameContext { … }) })]",
                Motivo::Certificado(ErrorCertificado::Nombre),
            ),
            (
                "[Io(Custom { kind: InvalidData, error: InvalidCertificate(ExpiredContext { … }) })]",
                Motivo::Certificado(ErrorCertificado::Vigencia),
            ),
            ("[Tls(InvalidCertificate(BadEncoding))]", Motivo::Certificado(ErrorCertificado::Otro)),
            ("[Io(Custom { kind: InvalidData, error: InvalidMessage(InvalidContentType) })]", Motivo::Protocolo),
        ];
        for (errores, motivo) in casos {
            assert_eq!(Motivo::de(errores), motivo, "{errores}");
        }
    }
}
