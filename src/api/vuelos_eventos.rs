//! Los eventos de las reservas según se confirman.

use std::time::Duration;

use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName};
use axum::response::Response;
use axum::response::sse::Event;
use futures_util::{StreamExt, stream};
use serde::{Deserialize, Serialize};
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::acceso::{Permitido, Puerta};
use super::en_vivo::{EventoDelFlujo, perder_permiso};
use super::fechas::Instante;
use super::paginas::{Parametros, interpretar};
use super::permisos::Administracion;
use super::problema::Problema;
use crate::modulos::vuelos::EventoDeReserva;
use crate::seedwork::aplicacion::rechazo::Rechazo;
use crate::seedwork::infraestructura::mensajeria::mirador::ErrorFlujo;
use crate::seedwork::infraestructura::mensajeria::sucesos::Suceso;
use crate::seedwork::infraestructura::mensajeria::visto::Visto;

/// Con qué dice un cliente hasta dónde leyó.
const ULTIMO: HeaderName = HeaderName::from_static("last-event-id");
/// Cuánto espera un navegador antes de volver, si el flujo se corta.
const VOLVER: Duration = Duration::from_secs(2);

/// Las rutas de los eventos.
pub fn rutas() -> OpenApiRouter<Puerta> {
    OpenApiRouter::new().routes(routes!(eventos))
}

/// Desde dónde, y de qué reserva.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ParametrosEventos {
    /// Lo mismo que `Last-Event-ID`, para quien no puede poner cabeceras; si van los dos, manda la cabecera.
    desde: Option<String>,
    /// Sólo los de esa reserva.
    #[param(value_type = Option<Uuid>)]
    id_reserva: Option<String>,
}

/// Un evento, tal como se cuenta.
#[derive(Serialize)]
struct RespuestaEvento<'a> {
    r#type: &'a str,
    id_evento: Uuid,
    id_reserva: Uuid,
    id_cliente: Option<Uuid>,
    estado: &'static str,
    ocurrido_en: Instante,
    publicado_en: Option<Instante>,
}

impl<'a> From<&'a EventoDeReserva> for RespuestaEvento<'a> {
    fn from(evento: &'a EventoDeReserva) -> Self {
        Self {
            r#type: &evento.tipo,
            id_evento: evento.id,
            id_reserva: evento.id_reserva.into(),
            id_cliente: evento.id_cliente.map(Uuid::from),
            estado: evento.estado.nombre(),
            ocurrido_en: Instante(evento.ocurrido_en),
            publicado_en: evento.publicado_en.map(Instante),
        }
    }
}

/// Cuenta los eventos de las reservas según se confirman (*Server-Sent Events*), en el orden de cada reserva y sin fin.
///
/// Empieza por un `event: posicion`, con la ficha (`id`) desde la que se cuenta; después, cada evento es un `event` con su nombre y su
/// ficha. Con la última ficha que se recibió se sigue donde se quedó, sin perder ni repetir, en cualquier instancia. De lo que ya
/// no se guarda no se cuenta nada.
#[utoipa::path(get, path = "/vuelos/reserva/eventos", tag = "vuelos",
    params(ParametrosEventos, ("Last-Event-ID" = Option<String>, Header, description = "La ficha del último evento recibido; sin ella, se cuenta desde ahora")),
    responses((status = 200, description = "Los eventos, según se confirman", content_type = "text/event-stream", body = EventoDelFlujo)))]
async fn eventos(
    Permitido { app, .. }: Permitido<Administracion>,
    Parametros(ParametrosEventos { desde, id_reserva }): Parametros<ParametrosEventos>,
    partes: Parts,
) -> Result<Response, Problema> {
    let clave = interpretar(id_reserva, "id_reserva", "un UUID", |texto| Uuid::parse_str(texto).ok())?;
    let en_la_consulta = interpretar(desde, "desde", "la ficha de un evento", |texto| texto.parse::<Visto>().ok())?;
    let desde = ultimo_recibido(&partes.headers)?.or(en_la_consulta);
    let lugar = app.en_vivo.lugar()?;
    let flujo = app.en_vivo.reservas.flujo(desde, clave).await.map_err(problema)?;
    let posicion = Event::default().event("posicion").id(flujo.desde().ficha()).retry(VOLVER).data("{}");
    let flujo = stream::unfold(flujo, async |mut flujo| {
        let suceso = flujo.siguiente().await?;
        Some((evento(&suceso), flujo))
    });
    let sin_permiso = perder_permiso::<Administracion>(app.clone(), partes);
    Ok(app.en_vivo.responder(lugar, stream::iter([Ok(posicion)]).chain(flujo), sin_permiso))
}

fn evento(suceso: &Suceso<EventoDeReserva>) -> Result<Event, axum::Error> {
    let evento = Event::default().event(&suceso.evento.tipo).id(suceso.visto.ficha());
    evento.json_data(RespuestaEvento::from(&suceso.evento))
}

/// Hasta dónde dice la cabecera que leyó. Vacía, nada: así la envía un navegador que no recibió ninguna ficha.
fn ultimo_recibido(cabeceras: &HeaderMap) -> Result<Option<Visto>, Problema> {
    let mut valores = cabeceras.get_all(ULTIMO).iter();
    let Some(valor) = valores.next().filter(|valor| !valor.is_empty()) else { return Ok(None) };
    let visto = valor.to_str().ok().and_then(|texto| texto.parse().ok()).filter(|_| valores.next().is_none());
    visto.map(Some).ok_or_else(|| ficha_invalida("Last-Event-ID no es la ficha de ningún evento de este servicio"))
}

fn ficha_invalida(detalle: &str) -> Problema {
    Problema::cuerpo_invalido("ficha-de-evento-invalida", detalle)
}

fn problema(error: ErrorFlujo) -> Problema {
    match error {
        ErrorFlujo::DeOtraBase => ficha_invalida(
            "La ficha de Last-Event-ID o de «desde» es de una base de datos que ya no es esta; empiece sin ella",
        ),
        ErrorFlujo::Falla(falla) => Rechazo::from(&falla).into(),
    }
}
