//! Lo que rodea a todas las rutas: identidad y traza de la solicitud, registro, pánicos y problemas.

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::time::Instant;
use tracing::{Instrument, Span, error, info, info_span};
use uuid::Uuid;

use super::entrada::{Lugares, recibir};
use super::medidas::{Medida, metodo};
use super::problema::Problema;
use super::seguridad::Proteccion;
use crate::seedwork::aplicacion::contexto::{Contexto, traza_de};
use crate::seedwork::infraestructura::trazas::{Clase, Tramo};

const ID_SOLICITUD: &str = "x-request-id";
const TRAZA: &str = "traceparent";

/// Quién es esta solicitud en los registros, en las respuestas y en los mensajes que provoque.
#[derive(Clone)]
struct Solicitud {
    id: String,
    traceparent: String,
}

/// Rodea todas las rutas de una sola capa: axum copia cada una, con todo lo que lleva dentro, en cada solicitud.
pub fn vestir(rutas: Router) -> Router {
    rutas.layer(from_fn_with_state(Lugares::default(), rodear))
}

/// De fuera adentro: cabeceras de seguridad, identidad y medida, lo que entra en el cuerpo, registro y pánicos.
async fn rodear(State(lugares): State<Lugares>, solicitud: Request, seguir: Next) -> Response {
    let proteccion = Proteccion::de(solicitud.uri().path());
    let mut respuesta =
        identificar(solicitud, |solicitud| recibir(lugares, solicitud, |solicitud| registrar(solicitud, seguir))).await;
    proteccion.poner(respuesta.headers_mut());
    respuesta
}

/// Atiende la solicitud dentro de su span, y la registra. Un pánico es un 500.
async fn registrar(solicitud: Request, seguir: Next) -> Response {
    let span = span(&solicitud);
    let atender = async move {
        let desde = Instant::now();
        let atendida = AssertUnwindSafe(seguir.run(solicitud)).catch_unwind().await;
        let respuesta = atendida.unwrap_or_else(|causa| responder_panico(causa.as_ref()));
        info!(estado = respuesta.status().as_u16(), ms = desde.elapsed().as_secs_f64() * 1_000.0, "solicitud atendida");
        respuesta
    };
    atender.instrument(span).await
}

fn span(solicitud: &Request) -> Span {
    let datos = solicitud.extensions().get::<Solicitud>();
    let (id, trace_id) = (datos.map(|s| s.id.as_str()), datos.map(|s| traza_de(&s.traceparent)));
    info_span!("http", metodo = metodo(solicitud.method()), ruta = ruta_conocida(solicitud), id, trace_id)
}

/// La ruta pedida, si en ella no hay más que lo que este servicio conoce y UUID; si no, su plantilla, o nada: quien
/// llama pudo escribir ahí un dato personal.
fn ruta_conocida(solicitud: &Request) -> Option<&str> {
    let (plantilla, ruta) = (solicitud.extensions().get::<MatchedPath>()?.as_str(), solicitud.uri().path());
    let conocido = |(en_plantilla, tramo): (&str, &str)| en_plantilla == tramo || Uuid::parse_str(tramo).is_ok();
    Some(if plantilla.split('/').zip(ruta.split('/')).all(conocido) { ruta } else { plantilla })
}

fn responder_panico(causa: &(dyn Any + Send)) -> Response {
    let texto = causa.downcast_ref::<String>().map(String::as_str).or(causa.downcast_ref::<&str>().copied());
    error!(causa = texto.unwrap_or("desconocida"), "pánico al atender una solicitud");
    Problema::interno().into_response()
}

/// Da identidad a la solicitud, completa el problema de la respuesta si lo hay, y devuelve la identidad.
async fn identificar<R: Future<Output = Response>>(
    mut solicitud: Request,
    seguir: impl FnOnce(Request) -> R,
) -> Response {
    let medida = Medida::empezar(&solicitud);
    let mut datos = Solicitud::de(solicitud.headers());
    let mut tramo = tramo(&solicitud);
    if let Some(traceparent) = tramo.traceparent() {
        datos.traceparent = traceparent;
    }
    solicitud.extensions_mut().insert(datos.clone());
    let mut respuesta = seguir(solicitud).await;
    let sin_explicar = respuesta.status() == StatusCode::NOT_FOUND && !respuesta.headers().contains_key(CONTENT_TYPE);
    let problema = respuesta.extensions_mut().remove::<Problema>();
    if let Some(problema) = problema.or_else(|| sin_explicar.then(ruta_no_existe)) {
        let cabeceras = std::mem::take(respuesta.headers_mut());
        respuesta = problema.de_solicitud(&datos.id).responder();
        for (nombre, valor) in &cabeceras {
            if !respuesta.headers().contains_key(nombre) && nombre != CONTENT_LENGTH {
                respuesta.headers_mut().insert(nombre, valor.clone());
            }
        }
    }
    if let Ok(id) = HeaderValue::from_str(&datos.id) {
        respuesta.headers_mut().insert(ID_SOLICITUD, id);
    }
    tramo.atributo("http.response.status_code", || i64::from(respuesta.status().as_u16()));
    if respuesta.status().is_server_error() {
        tramo.fallar();
    }
    medida.terminar(respuesta.status());
    respuesta
}

/// El tramo de una solicitud, que sigue al del cliente. Quien sólo pregunta cómo está el servicio no lo tiene.
fn tramo(solicitud: &Request) -> Tramo {
    let plantilla = solicitud.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    if plantilla.is_some_and(|ruta| ruta == "/metrics" || ruta.starts_with("/health")) {
        return Tramo::ninguno();
    }
    let metodo = metodo(solicitud.method());
    let nombre = || plantilla.map_or(metodo.into(), |ruta| format!("{metodo} {ruta}").into());
    let mut tramo = Tramo::abrir(Clase::Servidor, nombre, traza_recibida(solicitud.headers()));
    tramo.atributo("http.request.method", || metodo);
    if let Some(ruta) = plantilla {
        tramo.atributo("http.route", || ruta.to_owned());
    }
    tramo
}

/// El problema de una ruta que nadie atiende.
pub fn ruta_no_existe() -> Problema {
    Problema::nuevo(StatusCode::NOT_FOUND, "ruta-no-existe", "No existe", "No existe esa ruta")
}

impl Solicitud {
    fn de(cabeceras: &HeaderMap) -> Self {
        let texto = |nombre: &str| cabeceras.get(nombre).and_then(|valor| valor.to_str().ok());
        let id = texto(ID_SOLICITUD).filter(|id| es_id(id)).map_or_else(|| Uuid::now_v7().to_string(), str::to_owned);
        let traceparent = traza_recibida(cabeceras).map_or_else(traza_nueva, str::to_owned);
        Self { id, traceparent }
    }
}

/// La traza del cliente, si está bien formada.
fn traza_recibida(cabeceras: &HeaderMap) -> Option<&str> {
    cabeceras.get(TRAZA)?.to_str().ok().filter(|traza| es_traza(traza))
}

/// Acepta el del cliente si es corto y se puede escribir en un registro sin engañar a quien lo lea.
fn es_id(id: &str) -> bool {
    (1..=128).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_graphic())
}

/// Versión 00 de *Trace Context* del W3C: `00-<32 hexadecimales>-<16>-<2>`, sin identidades a cero.
fn es_traza(traza: &str) -> bool {
    let partes: Vec<&str> = traza.split('-').collect();
    let hexadecimal = |parte: &str, largo| {
        parte.len() == largo && parte.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    };
    let no_cero = |parte: &str| parte.bytes().any(|b| b != b'0');
    matches!(partes[..], ["00", traza, tramo, marcas] if hexadecimal(traza, 32) && hexadecimal(tramo, 16)
        && hexadecimal(marcas, 2) && no_cero(traza) && no_cero(tramo))
}

fn traza_nueva() -> String {
    let tramo: u64 = rand::random::<u64>() | 1;
    format!("00-{}-{tramo:016x}-01", Uuid::new_v4().simple())
}

/// El contexto de lo que pide una petición, sin su actor.
pub fn contexto(partes: &Parts) -> Contexto {
    let solicitud = partes.extensions.get::<Solicitud>().cloned();
    let Solicitud { id, traceparent } = solicitud.unwrap_or_else(|| Solicitud::de(&partes.headers));
    Contexto::nuevo(id, traceparent)
}

#[cfg(test)]
mod pruebas {
    use axum::http::HeaderName;

    use super::*;

    #[test]
    fn solo_se_continua_una_traza_bien_formada() {
        let buena = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert!(es_traza(buena) && es_traza(&traza_nueva()));
        for mala in [
            "",
            "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
        ] {
            assert!(!es_traza(mala), "{mala}");
        }
    }

    #[test]
    fn la_identidad_del_cliente_se_acepta_solo_si_es_corta_y_visible() {
        let de = |id: &'static str| {
            Solicitud::de(&HeaderMap::from_iter([(
                HeaderName::from_static(ID_SOLICITUD),
                HeaderValue::from_static(id),
            )]))
            .id
        };
        assert_eq!(de("abc-123"), "abc-123");
        assert_ne!(de("con espacio"), "con espacio");
        assert_ne!(de(""), "");
    }
}
