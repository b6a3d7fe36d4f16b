//! La página `/`, que viaja dentro del programa. No lleva datos: los pide ella por las mismas rutas que cualquiera.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::Path;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use super::acceso::Puerta;
use super::capas::ruta_no_existe;

/// La página, con `{{modo}}` y `{{bus}}` por llenar.
const PAGINA: &str = include_str!("index.html");
/// Lo que la página pide bajo `/pagina/`.
const ARCHIVOS: [(&str, &str); 17] = [
    ("acciones.js", include_str!("acciones.js")),
    ("api.js", include_str!("api.js")),
    ("avisos.js", include_str!("avisos.js")),
    ("detalle.js", include_str!("detalle.js")),
    ("errores.js", include_str!("errores.js")),
    ("estilo.css", include_str!("estilo.css")),
    ("flujo.css", include_str!("flujo.css")),
    ("icono.svg", include_str!("icono.svg")),
    ("inicio.js", include_str!("inicio.js")),
    ("oir.js", include_str!("oir.js")),
    ("orden.js", include_str!("orden.js")),
    ("recorrido.js", include_str!("recorrido.js")),
    ("reservar.js", include_str!("reservar.js")),
    ("reservas.js", include_str!("reservas.js")),
    ("sucesos.js", include_str!("sucesos.js")),
    ("usuarios.js", include_str!("usuarios.js")),
    ("vista.js", include_str!("vista.js")),
];

/// Un archivo listo para servir.
struct Archivo {
    tipo: &'static str,
    etiqueta: String,
    contenido: Bytes,
}

/// La página y sus archivos. `cerrado` si hay que identificarse; `bus`, el nombre de por donde van los mensajes.
///
/// No están en la especificación, como `/docs`: no son de la API.
#[expect(clippy::disallowed_methods, reason = "la página no es una operación de la API: no está en la especificación")]
pub fn rutas(cerrado: bool, bus: &str) -> Router<Puerta> {
    let modo = if cerrado { "cerrado" } else { "abierto" };
    let pagina = Arc::new(Archivo::nuevo("index.html", PAGINA.replace("{{modo}}", modo).replace("{{bus}}", bus)));
    let archivos: BTreeMap<_, _> = ARCHIVOS.map(|(nombre, texto)| (nombre, Archivo::nuevo(nombre, texto))).into();
    let archivos = Arc::new(archivos);
    let dar_pagina = async move |cabeceras: HeaderMap| pagina.servir(&cabeceras);
    let dar_archivo = async move |Path(nombre): Path<String>, cabeceras: HeaderMap| {
        let archivo = archivos.get(nombre.as_str());
        archivo.map_or_else(|| ruta_no_existe().into_response(), |archivo| archivo.servir(&cabeceras))
    };
    Router::new().route("/", get(dar_pagina)).route("/pagina/{archivo}", get(dar_archivo))
}

/// Si esa ruta es de la página.
pub fn es_suya(ruta: &str) -> bool {
    ruta == "/" || ruta.starts_with("/pagina/")
}

impl Archivo {
    fn nuevo(nombre: &str, contenido: impl Into<Bytes>) -> Self {
        let contenido = contenido.into();
        let huella = BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(&contenido));
        Self { tipo: tipo(nombre), etiqueta: format!("\"{huella}\""), contenido }
    }

    /// El archivo o, si quien lo pide ya lo tiene, un 304 (RFC 9110, sección 13.1.2). Se guarda, y se pregunta cada vez:
    /// así nunca se juntan archivos de dos versiones del programa.
    fn servir(&self, cabeceras: &HeaderMap) -> Response {
        let propias = [(ETAG, self.etiqueta.as_str()), (CACHE_CONTROL, "no-cache")];
        let suyas = cabeceras.get_all(IF_NONE_MATCH).iter().filter_map(|valor| valor.to_str().ok());
        let ya_lo_tiene = suyas
            .flat_map(|valor| valor.split(','))
            .any(|una| matches!(una.trim(), "*") || una.trim().trim_start_matches("W/") == self.etiqueta);
        if ya_lo_tiene {
            return (StatusCode::NOT_MODIFIED, propias).into_response();
        }
        (propias, [(CONTENT_TYPE, self.tipo)], self.contenido.clone()).into_response()
    }
}

fn tipo(nombre: &str) -> &'static str {
    match nombre.rsplit_once('.').map(|(_, extension)| extension) {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    }
}
