//! Las cabeceras de seguridad de toda respuesta. Ninguna abre nada a páginas de otro origen (CORS).

use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue};

use super::pagina;

/// Las que no dependen de la ruta.
const SIEMPRE: [(HeaderName, HeaderValue); 3] = [
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
];
/// Una respuesta con datos no es una página: no carga nada.
const DE_DATOS: HeaderValue = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
/// La página `/`: sus archivos y nada más; en línea, ni guiones ni estilos.
const DE_PAGINA: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);
/// La página `/docs`: lo suyo, y nada de fuera. Pone estilos en línea y una imagen dentro de su hoja de estilos.
const DE_DOCS: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
     connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);
const NO_GUARDAR: HeaderValue = HeaderValue::from_static("no-store");

/// Lo que protege a la respuesta de una ruta.
pub struct Proteccion {
    politica: HeaderValue,
    es_dato: bool,
}

impl Proteccion {
    /// La que toca a esa ruta.
    pub fn de(ruta: &str) -> Self {
        let (politica, es_dato) = match ruta {
            ruta if ruta == "/docs" || ruta.starts_with("/docs/") => (DE_DOCS, false),
            ruta if pagina::es_suya(ruta) => (DE_PAGINA, false),
            _ => (DE_DATOS, true),
        };
        Self { politica, es_dato }
    }

    /// Pone las cabeceras de seguridad.
    pub fn poner(self, cabeceras: &mut HeaderMap) {
        cabeceras.extend(SIEMPRE);
        cabeceras.insert(CONTENT_SECURITY_POLICY, self.politica);
        if self.es_dato {
            cabeceras.entry(CACHE_CONTROL).or_insert(NO_GUARDAR);
        }
    }
}
