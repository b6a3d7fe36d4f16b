//! Las cabeceras de seguridad de toda respuesta. Ninguna abre nada a páginas de otro origen (CORS).

use axum::extract::Request;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;

/// Las que no dependen de la ruta.
const SIEMPRE: [(HeaderName, HeaderValue); 3] = [
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
];
/// Una respuesta con datos no es una página: no carga nada.
const DE_DATOS: HeaderValue = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
/// La página `/docs`: lo suyo, y nada de fuera. Pone estilos en línea y una imagen dentro de su hoja de estilos.
const DE_PAGINA: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
     connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);
const NO_GUARDAR: HeaderValue = HeaderValue::from_static("no-store");

/// Pone las cabeceras de seguridad.
pub async fn proteger(solicitud: Request, seguir: Next) -> Response {
    let ruta = solicitud.uri().path();
    let es_pagina = ruta == "/docs" || ruta.starts_with("/docs/");
    let mut respuesta = seguir.run(solicitud).await;
    let cabeceras = respuesta.headers_mut();
    cabeceras.extend(SIEMPRE);
    cabeceras.insert(CONTENT_SECURITY_POLICY, if es_pagina { DE_PAGINA } else { DE_DATOS });
    if !es_pagina {
        cabeceras.entry(CACHE_CONTROL).or_insert(NO_GUARDAR);
    }
    respuesta
}
