//! Los archivos que viajan comprimidos dentro del programa, y quien los pide sin admitir que lleguen así.

use std::io::{Cursor, Read};
use std::iter;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Request;
use axum::http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, VARY};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use flate2::read::GzDecoder;
use futures_util::stream;

/// De a cuánto se descomprime, en bytes: quien lee despacio no ocupa más que esto.
const TROZO: usize = 16 * 1024;

/// Da lo comprimido tal cual a quien admite `gzip`, y descomprimido a los demás.
pub async fn segun_se_admita(solicitud: Request, seguir: Next) -> Response {
    let admite = admite_gzip(solicitud.headers());
    let mut respuesta = seguir.run(solicitud).await;
    respuesta.headers_mut().insert(VARY, HeaderValue::from_static("accept-encoding"));
    if admite || !respuesta.headers().contains_key(CONTENT_ENCODING) {
        return respuesta;
    }
    let (mut partes, cuerpo) = respuesta.into_parts();
    // No se copia: es el archivo, que está en la memoria del programa.
    let Ok(comprimido) = to_bytes(cuerpo, usize::MAX).await else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    partes.headers.remove(CONTENT_ENCODING);
    partes.headers.remove(CONTENT_LENGTH);
    Response::from_parts(partes, descomprimir(comprimido))
}

/// Si lo dice (RFC 9110, sección 12.5.3). Quien no dice nada, como `curl`, quiere leerlo.
fn admite_gzip(cabeceras: &HeaderMap) -> bool {
    let dichas = cabeceras.get_all(ACCEPT_ENCODING).iter().filter_map(|valor| valor.to_str().ok());
    dichas.flat_map(|valor| valor.split(',')).any(|una| {
        let (codificacion, peso) = una.split_once(';').unwrap_or((una, ""));
        let sin_peso = peso.trim().strip_prefix("q=").and_then(|peso| peso.parse().ok()) == Some(0.0);
        matches!(codificacion.trim(), "gzip" | "*") && !sin_peso
    })
}

fn descomprimir(comprimido: Bytes) -> Body {
    let mut lector = GzDecoder::new(Cursor::new(comprimido));
    let trozos = iter::from_fn(move || {
        let mut trozo = vec![0; TROZO];
        let leido = lector.read(&mut trozo).map(|leidos| {
            trozo.truncate(leidos);
            Bytes::from(trozo)
        });
        leido.map(|trozo| (!trozo.is_empty()).then_some(trozo)).transpose()
    });
    Body::from_stream(stream::iter(trozos))
}

#[cfg(test)]
mod pruebas {
    use super::*;

    #[test]
    fn admite_gzip_quien_lo_dice_y_no_lo_rechaza() {
        let dicho = |valor| admite_gzip(&HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static(valor))]));
        for si in ["gzip", "br, gzip", "gzip;q=0.5, *;q=0", "*", "deflate, gzip; q=1.0"] {
            assert!(dicho(si), "{si}");
        }
        for no in ["", "identity", "br, zstd", "gzip;q=0", "gzip; q=0.0", "*;q=0"] {
            assert!(!dicho(no), "{no}");
        }
        assert!(!admite_gzip(&HeaderMap::new()));
    }
}
