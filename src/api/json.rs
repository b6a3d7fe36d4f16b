//! Los cuerpos JSON de las respuestas.

use axum::body::Body;
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use tracing::error;

use super::problema::Problema;

/// Lo que se reserva para un cuerpo: lo que ocupa una reserva.
const MEMORIA: usize = 1024;
/// Las cabeceras que lleva toda respuesta con datos: con sitio desde el principio, la tabla no se rehace al ponerlas.
const CABECERAS: usize = 8;

/// Una respuesta en JSON. Como `axum::Json`, pero lo que no se deja escribir es un problema como los demás, y no el texto
/// del error; y se escribe en un `Vec` con sitio, que cuesta algo menos (`docs/rendimiento.md`).
pub struct Json<T>(pub T);

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        let mut cuerpo = Vec::with_capacity(MEMORIA);
        if let Err(causa) = serde_json::to_writer(&mut cuerpo, &self.0) {
            error!(%causa, "una respuesta no se deja escribir");
            return Problema::interno().into_response();
        }
        let mut respuesta = Response::new(Body::from(cuerpo));
        respuesta.headers_mut().reserve(CABECERAS);
        respuesta.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        respuesta
    }
}

#[cfg(test)]
mod pruebas {
    use axum::Router;
    use axum::http::{Request, StatusCode};
    use hyper::service::Service;
    use hyper_util::service::TowerToHyperService;
    use serde::Serializer;
    use serde::ser::Error;

    use super::super::capas;
    use super::*;

    struct Ilegible;

    impl Serialize for Ilegible {
        fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(S::Error::custom("no se puede"))
        }
    }

    #[test]
    fn lo_que_no_se_deja_escribir_es_un_error_interno() {
        let sola = Json(Ilegible).into_response();
        assert_eq!(sola.status(), StatusCode::INTERNAL_SERVER_ERROR);
        // Con otro estado, quien completa los problemas lo halla igual, y responde el suyo.
        for respuesta in [sola, (StatusCode::ACCEPTED, Json(Ilegible)).into_response()] {
            assert!(respuesta.extensions().get::<Problema>().is_some());
        }
    }

    #[tokio::test]
    async fn quien_llama_recibe_el_problema_aunque_la_ruta_diga_otro_estado() {
        let rutas = capas::vestir(Router::new().fallback(async || (StatusCode::ACCEPTED, Json(Ilegible))));
        let solicitud = Request::get("/").body(Body::empty()).unwrap();
        let respuesta = TowerToHyperService::new(rutas).call(solicitud).await.unwrap();
        assert_eq!(respuesta.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(respuesta.headers()[CONTENT_TYPE], "application/problem+json");
    }
}
