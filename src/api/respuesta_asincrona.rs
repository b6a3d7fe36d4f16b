//! Aceptar ahora y cumplir después: 202, y dónde preguntar cómo terminó (RFC 7240, `respond-async`).

use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::App;
use super::idempotencia::{Recordable, Respuesta, cumplir};
use super::json::Json;
use super::problema::Problema;
use crate::seedwork::aplicacion::contexto::Contexto;
use crate::seedwork::aplicacion::idempotencia::Solicitud;
use crate::seedwork::aplicacion::mensajes::Handler;
use crate::seedwork::aplicacion::rechazo::{Clase, Rechazo};
use crate::seedwork::aplicacion::unidad_trabajo::Fabrica;
use crate::seedwork::infraestructura::mensajeria::comandos::ComandoIntegracion;
use crate::seedwork::infraestructura::mensajeria::despachador::{Aceptado, ErrorDespacho};
use crate::servicios::FabricaApp;

const PREFERENCIA_APLICADA: HeaderName = HeaderName::from_static("preference-applied");

/// Un comando aceptado.
#[derive(Serialize, ToSchema)]
pub struct RespuestaAceptado {
    /// Con qué se pregunta por su resultado, en `/comandos/{id}`.
    id_comando: Uuid,
    /// Lo que creará o cambiará.
    id: Uuid,
}

/// Si el cliente pide que no se le haga esperar.
pub fn prefiere_no_esperar(cabeceras: &HeaderMap) -> bool {
    let preferencias = cabeceras.get_all("prefer").iter().filter_map(|valor| valor.to_str().ok());
    let mut preferencias = preferencias.flat_map(|valor| valor.split(','));
    preferencias.any(|preferencia| {
        let nombre = preferencia.split([';', '=']).next().unwrap_or_default();
        nombre.trim().eq_ignore_ascii_case("respond-async")
    })
}

/// Acepta un comando: 202, `Location` y las dos identidades.
///
/// # Errors
/// El problema, si no se pudo aceptar.
pub async fn aceptar<C: ComandoIntegracion>(
    app: &App,
    contexto: Contexto,
    solicitud: Option<Solicitud>,
    comando: C,
) -> Result<Response, Problema> {
    let despachado = match solicitud {
        Some(solicitud) => app.despachador.despachar_solicitud(contexto, &solicitud, comando).await,
        None => app.despachador.despachar(contexto, &comando).await,
    };
    match despachado {
        Ok(aceptado) => {
            let cuerpo = RespuestaAceptado { id_comando: aceptado.id_comando, id: aceptado.id };
            Ok((StatusCode::ACCEPTED, direccion(aceptado), Json(cuerpo)).into_response())
        }
        Err(ErrorDespacho::NoAceptado(falla)) => Err(Rechazo::from(&falla).into()),
        Err(ErrorDespacho::Rechazado(rechazo)) => Err(rechazo.into()),
        Err(ErrorDespacho::SinBroker) => {
            let detalle = "No hay contacto con el bróker: no quedó aceptado. Repita en un momento.";
            Err(Rechazo::nuevo(Clase::NoDisponible, "sin-broker", detalle).into())
        }
        Err(ErrorDespacho::Desconocido(aceptado)) => {
            let detalle = "No se sabe si quedó aceptado. La dirección de Location lo dirá, si llega a cumplirse.";
            let rechazo = Rechazo::nuevo(Clase::NoDisponible, "aceptacion-desconocida", detalle);
            Ok((direccion(aceptado), Problema::from(rechazo)).into_response())
        }
    }
}

/// Dónde preguntar cómo terminó.
fn direccion(aceptado: Aceptado) -> [(HeaderName, String); 1] {
    [(header::LOCATION, format!("/comandos/{}", aceptado.id_comando))]
}

/// Cumple un comando ahora o, si el cliente lo prefiere, lo acepta para después.
///
/// # Errors
/// El problema que diga el módulo, o el de no poder aceptarlo.
pub async fn cumplir_o_aceptar<C, R>(
    app: &App,
    cabeceras: &HeaderMap,
    contexto: Contexto,
    solicitud: Option<Solicitud>,
    comando: C,
) -> Result<Response, Problema>
where
    C: ComandoIntegracion + Handler<<FabricaApp as Fabrica>::Udt>,
    R: From<C::Salida> + Recordable,
{
    if prefiere_no_esperar(cabeceras) {
        let mut respuesta = aceptar(app, contexto, solicitud, comando).await?;
        let aplicada = header::HeaderValue::from_static("respond-async");
        if respuesta.status() == StatusCode::ACCEPTED {
            respuesta.headers_mut().insert(PREFERENCIA_APLICADA, aplicada);
        }
        return Ok(respuesta);
    }
    cumplir(app, contexto, solicitud, comando, |salida| Respuesta::nueva(R::from(salida))).await
}

#[cfg(test)]
mod pruebas {
    use super::*;

    #[test]
    fn la_preferencia_se_reconoce_entre_otras_y_en_varias_cabeceras() {
        let prefiere = |valores: &[&'static str]| {
            let nombre = HeaderName::from_static("prefer");
            let pares = valores.iter().map(|valor| (nombre.clone(), header::HeaderValue::from_static(valor)));
            let mut cabeceras = HeaderMap::new();
            for (nombre, valor) in pares {
                cabeceras.append(nombre, valor);
            }
            prefiere_no_esperar(&cabeceras)
        };
        assert!(prefiere(&["respond-async"]) && prefiere(&["wait=5, Respond-Async"]));
        assert!(prefiere(&["return=minimal", "respond-async; x=1"]));
        assert!(!prefiere(&[]) && !prefiere(&["respond-asynchronously"]) && !prefiere(&["x=respond-async"]));
    }
}
