//! Páginas por cursor: los parámetros que las piden y la cabecera `Link` que lleva a la siguiente (RFC 8288).

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderValue, header};
use axum::response::{AppendHeaders, IntoResponseParts};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::DeserializeOwned;
use time::OffsetDateTime;
use utoipa::IntoParams;
use uuid::Uuid;

use super::problema::Problema;
use crate::seedwork::aplicacion::paginas::{Cursor, Limite, Pedido};

/// Los parámetros de la consulta, todavía como texto.
pub struct Parametros<T>(pub T);

impl<S: Sync, T: DeserializeOwned> FromRequestParts<S> for Parametros<T> {
    type Rejection = Problema;

    async fn from_request_parts(partes: &mut Parts, _: &S) -> Result<Self, Problema> {
        axum::extract::Query::try_from_uri(&partes.uri).map(|axum::extract::Query(valor)| Self(valor)).map_err(|_| {
            Problema::cuerpo_invalido(
                "consulta-invalida",
                "Los parámetros de la consulta no se pueden leer o se repiten",
            )
        })
    }
}

/// Interpreta un parámetro, si vino.
///
/// # Errors
/// El problema que lo nombra y dice qué se esperaba.
pub fn interpretar<T>(
    texto: Option<String>,
    nombre: &'static str,
    esperado: &str,
    leer: impl Fn(&str) -> Option<T>,
) -> Result<Option<T>, Problema> {
    texto.map(|texto| leer(&texto).ok_or_else(|| Problema::parametro_invalido(nombre, esperado))).transpose()
}

/// Los parámetros de una página.
#[derive(serde::Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ParametrosPagina {
    /// Cuántos elementos como mucho.
    #[param(value_type = Option<u8>, minimum = 1, maximum = 200, example = 50)]
    limite: Option<String>,
    /// De dónde sigue; se toma del `Link` de la página anterior.
    cursor: Option<String>,
}

/// La página que se pide.
pub struct PaginaPedida {
    /// Qué página.
    pub pedido: Pedido,
    uri: axum::http::Uri,
}

impl<S: Send + Sync> FromRequestParts<S> for PaginaPedida {
    type Rejection = Problema;

    async fn from_request_parts(partes: &mut Parts, estado: &S) -> Result<Self, Problema> {
        let Parametros(ParametrosPagina { limite, cursor }) = Parametros::from_request_parts(partes, estado).await?;
        let limite = limite.map_or(Ok(Limite::POR_DEFECTO), |texto| {
            let limite = texto.parse().ok().and_then(Limite::nuevo);
            limite.ok_or_else(|| Problema::parametro_invalido("limite", "un número de 1 a 200"))
        })?;
        let desde = cursor.map(|texto| {
            leer_cursor(&texto)
                .ok_or_else(|| Problema::parametro_invalido("cursor", "el del Link de la página anterior"))
        });
        Ok(Self { pedido: Pedido { desde: desde.transpose()?, limite }, uri: partes.uri.clone() })
    }
}

impl PaginaPedida {
    /// La cabecera `Link` de la página siguiente, si la hay.
    pub fn enlace(&self, siguiente: Option<Cursor>) -> impl IntoResponseParts + use<> {
        let enlace = siguiente.and_then(|cursor| {
            let pares = form_urlencoded::parse(self.uri.query().unwrap_or_default().as_bytes());
            let consulta = form_urlencoded::Serializer::new(String::new())
                .extend_pairs(pares.filter(|(nombre, _)| nombre != "cursor"))
                .append_pair("cursor", &escribir_cursor(cursor))
                .finish();
            HeaderValue::try_from(format!("<{}?{consulta}>; rel=\"next\"", self.uri.path())).ok()
        });
        AppendHeaders(enlace.map(|enlace| (header::LINK, enlace)))
    }
}

/// Microsegundos y UUID, en Base64: opaco para quien lo recibe.
fn escribir_cursor(cursor: Cursor) -> String {
    let microsegundos = cursor.fecha.unix_timestamp_nanos() / 1_000;
    let mut bytes = [0; 32];
    bytes[..16].copy_from_slice(&microsegundos.to_be_bytes());
    bytes[16..].copy_from_slice(cursor.id.as_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

fn leer_cursor(texto: &str) -> Option<Cursor> {
    let bytes: [u8; 32] = URL_SAFE_NO_PAD.decode(texto).ok()?.try_into().ok()?;
    let microsegundos = i128::from_be_bytes(bytes[..16].try_into().ok()?);
    let fecha = OffsetDateTime::from_unix_timestamp_nanos(microsegundos.checked_mul(1_000)?).ok()?;
    // PostgreSQL no llega tan atrás como `time`; nuestras fechas, tampoco.
    (fecha.year() >= 1).then_some(Cursor { fecha, id: Uuid::from_slice(&bytes[16..]).ok()? })
}

#[cfg(test)]
mod pruebas {
    use axum::response::IntoResponse;
    use time::macros::datetime;

    use super::*;

    #[test]
    fn el_cursor_va_y_vuelve_y_lo_demas_se_rechaza() {
        let cursor = Cursor { fecha: datetime!(2026-11-24 10:00:00.123456 UTC), id: Uuid::now_v7() };
        assert_eq!(leer_cursor(&escribir_cursor(cursor)), Some(cursor));
        for malo in ["", "x", "!!!", &URL_SAFE_NO_PAD.encode([0xff; 31]), &URL_SAFE_NO_PAD.encode([0x7f; 32])] {
            assert_eq!(leer_cursor(malo), None);
        }
    }

    #[test]
    fn el_enlace_conserva_el_filtro_y_el_limite() {
        let cursor = Cursor { fecha: datetime!(2026-11-24 10:00 UTC), id: Uuid::nil() };
        let pedido = Pedido { desde: None, limite: Limite::POR_DEFECTO };
        let pagina =
            PaginaPedida { pedido, uri: "/vuelos/reserva?estado=pagada&cursor=viejo&limite=2".parse().unwrap() };
        let respuesta = (pagina.enlace(Some(cursor)), ()).into_response();
        let esperado =
            format!("</vuelos/reserva?estado=pagada&limite=2&cursor={}>; rel=\"next\"", escribir_cursor(cursor));
        assert_eq!(respuesta.headers()[header::LINK], esperado);
        assert!((pagina.enlace(None), ()).into_response().headers().get(header::LINK).is_none());
    }
}
