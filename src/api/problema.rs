//! Problemas de HTTP (RFC 9457), en español y con la misma forma para todos los errores que hay.

use std::ops::RangeInclusive;
use std::time::Duration;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use rand::RngExt;
use serde::Serialize;
use utoipa::ToSchema;

use super::json::Json;
use crate::seedwork::aplicacion::actor::ANombreDeOtro;
use crate::seedwork::aplicacion::mensajes::ErrorModulo;
use crate::seedwork::aplicacion::rechazo::{Clase, Rechazo};
use crate::seedwork::dominio::reglas::ReglaRota;

/// Con qué empieza el nombre de todo problema.
const TIPO: &str = "urn:aeroalpes:problema:";

/// Cuánto conviene esperar, en segundos, antes de repetir lo que chocó con otra operación.
const REPETIR_PRONTO: RangeInclusive<u64> = 1..=1;
/// Lo mismo para lo que no se pudo atender: con azar, porque a todos se les niega a la vez y no deben volver a la vez.
const REPETIR_LUEGO: RangeInclusive<u64> = 1..=3;

/// Un problema, tal como viaja (`application/problem+json`).
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Problema {
    /// Nombre estable del problema.
    #[schema(example = "urn:aeroalpes:problema:regla-de-negocio")]
    r#type: String,
    /// Qué clase de problema es.
    #[schema(example = "Los datos no son válidos")]
    title: &'static str,
    /// El código de estado de HTTP.
    #[schema(example = 400)]
    status: u16,
    /// Qué ocurrió esta vez.
    #[schema(example = "La lista de itinerarios debe tener al menos un itinerario")]
    detail: String,
    /// JSON Pointer (RFC 6901) del dato que lo causó.
    #[schema(example = "/itinerarios")]
    #[serde(skip_serializing_if = "Option::is_none")]
    puntero: Option<String>,
    /// Parámetro de la consulta que lo causó.
    #[serde(skip_serializing_if = "Option::is_none")]
    parametro: Option<&'static str>,
    /// La regla rota y su mensaje, como los da el sistema original: `Regla - mensaje`.
    #[schema(example = "MinimoUnItinerario - La lista de itinerarios debe tener al menos un itinerario")]
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// Identidad de la solicitud, para buscarla en los registros.
    #[schema(example = "0199d0a4-5f0e-7c52-9d4e-0f4a5f3c2b1a")]
    #[serde(skip_serializing_if = "Option::is_none")]
    id_solicitud: Option<String>,
    #[serde(skip)]
    repetir_en: Option<u64>,
}

impl Problema {
    /// Un problema con ese estado, nombre y detalle.
    pub fn nuevo(status: StatusCode, codigo: &str, title: &'static str, detail: impl Into<String>) -> Self {
        Self {
            r#type: format!("{TIPO}{codigo}"),
            title,
            status: status.as_u16(),
            detail: detail.into(),
            puntero: None,
            parametro: None,
            error: None,
            id_solicitud: None,
            repetir_en: None,
        }
    }

    /// Si es el problema de ese nombre.
    pub fn es(&self, codigo: &str) -> bool {
        self.r#type.strip_prefix(TIPO) == Some(codigo)
    }

    /// Los datos enviados no se pueden leer.
    pub fn cuerpo_invalido(codigo: &str, detalle: impl Into<String>) -> Self {
        Self::nuevo(StatusCode::BAD_REQUEST, codigo, titulo(Clase::Invalido), detalle)
    }

    /// Un parámetro de la consulta no es válido.
    pub fn parametro_invalido(parametro: &'static str, esperado: &str) -> Self {
        let detalle = format!("El parámetro «{parametro}» no es válido: se esperaba {esperado}");
        Self { parametro: Some(parametro), ..Self::cuerpo_invalido("parametro-invalido", detalle) }
    }

    /// Dice qué dato lo causó.
    #[must_use]
    pub fn en(self, puntero: impl Into<String>) -> Self {
        Self { puntero: Some(puntero.into()), ..self }
    }

    /// Dice a qué solicitud responde.
    #[must_use]
    pub fn de_solicitud(self, id: &str) -> Self {
        Self { id_solicitud: Some(id.to_owned()), ..self }
    }

    /// Un error de este servicio. La causa no sale: quien llama a esto la registra.
    pub fn interno() -> Self {
        let detalle = "Ocurrió un error interno.";
        Self::nuevo(StatusCode::INTERNAL_SERVER_ERROR, "error-interno", "Error interno", detalle)
    }

    /// Quien llama no puede hacer eso.
    pub fn prohibido(codigo: &str, detalle: impl Into<String>) -> Self {
        Self::nuevo(StatusCode::FORBIDDEN, codigo, "No se permite", detalle)
    }

    /// Quien llama ya lo intentó demasiadas veces, y puede volver pasado ese tiempo.
    pub fn demasiados_intentos(espera: Duration) -> Self {
        let (estado, detalle) = (StatusCode::TOO_MANY_REQUESTS, "Demasiados intentos: espere lo que dice Retry-After");
        let problema = Self::nuevo(estado, "demasiados-intentos", "Demasiados intentos", detalle);
        Self { repetir_en: Some(espera.as_secs() + 1), ..problema }
    }

    /// Si la culpa es de lo que se pidió o de quien lo pide (4xx).
    pub fn es_del_cliente(&self) -> bool {
        self.estado().is_client_error()
    }

    fn estado(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// La respuesta de HTTP, ya completa.
    pub fn responder(self) -> Response {
        let mut respuesta = (self.estado(), Json(&self)).into_response();
        let tipo = HeaderValue::from_static("application/problem+json");
        respuesta.headers_mut().insert(header::CONTENT_TYPE, tipo);
        if self.status == StatusCode::UNAUTHORIZED.as_u16() {
            // RFC 9110, sección 15.5.2: un 401 dice siempre cómo autenticarse.
            respuesta.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(segundos) = self.repetir_en {
            respuesta.headers_mut().insert(header::RETRY_AFTER, segundos.into());
        }
        respuesta
    }
}

/// Deja el problema en la respuesta; la capa que conoce la solicitud lo completa y lo escribe.
impl IntoResponse for Problema {
    fn into_response(self) -> Response {
        let mut respuesta = self.estado().into_response();
        respuesta.extensions_mut().insert(self);
        respuesta
    }
}

/// La única conversión de los errores de los módulos a HTTP.
impl<E: ErrorModulo> From<E> for Problema {
    fn from(error: E) -> Self {
        error.rechazo().into()
    }
}

impl From<ReglaRota> for Problema {
    fn from(rota: ReglaRota) -> Self {
        Rechazo::from(rota).into()
    }
}

impl From<ANombreDeOtro> for Problema {
    fn from(error: ANombreDeOtro) -> Self {
        Self::prohibido("a-nombre-de-otro", error.to_string()).en("/id_cliente")
    }
}

impl From<Rechazo> for Problema {
    fn from(rechazo: Rechazo) -> Self {
        let estado = estado(rechazo.clase);
        let error = rechazo.regla.map(|regla| format!("{regla} - {}", rechazo.mensaje));
        Self {
            puntero: rechazo.puntero,
            error,
            repetir_en: rechazo.espera.or_else(|| espera(rechazo.clase)),
            ..Self::nuevo(estado, &rechazo.codigo, titulo(rechazo.clase), rechazo.mensaje)
        }
    }
}

/// El código de estado de esa clase de rechazo.
pub const fn estado(clase: Clase) -> StatusCode {
    match clase {
        Clase::Invalido => StatusCode::BAD_REQUEST,
        Clase::NoAutenticado => StatusCode::UNAUTHORIZED,
        Clase::NoEncontrado => StatusCode::NOT_FOUND,
        Clase::Conflicto | Clase::Ocupado => StatusCode::CONFLICT,
        Clase::Caducado => StatusCode::GONE,
        Clase::DemasiadoFrecuente => StatusCode::TOO_MANY_REQUESTS,
        Clase::NoProcesable => StatusCode::UNPROCESSABLE_ENTITY,
        Clase::NoDisponible => StatusCode::SERVICE_UNAVAILABLE,
        Clase::Interno => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// Cuántos segundos conviene esperar antes de repetir, si vale la pena y quien lo rechazó no dice cuántos.
fn espera(clase: Clase) -> Option<u64> {
    let segundos = match clase {
        Clase::Ocupado => REPETIR_PRONTO,
        Clase::NoDisponible => REPETIR_LUEGO,
        _ => return None,
    };
    Some(rand::rng().random_range(segundos))
}

const fn titulo(clase: Clase) -> &'static str {
    match clase {
        Clase::Invalido => "Los datos no son válidos",
        Clase::NoAutenticado => "Las credenciales no sirven",
        Clase::NoEncontrado => "No existe",
        Clase::Conflicto => "El estado actual no lo permite",
        Clase::Caducado => "Ya no se guarda",
        Clase::Ocupado => "Los datos están ocupados",
        Clase::DemasiadoFrecuente => "Demasiadas solicitudes",
        Clase::NoProcesable => "Los datos se entienden, pero no se pueden procesar",
        Clase::NoDisponible => "El servicio no está disponible",
        Clase::Interno => "Error interno",
    }
}

#[cfg(test)]
mod pruebas {
    use super::*;

    #[test]
    fn una_regla_rota_conserva_la_forma_del_sistema_original() {
        let rota =
            ReglaRota { regla: "MinimoUnItinerario", mensaje: "Falta uno".into(), puntero: "/itinerarios".into() };
        let json = serde_json::to_value(Problema::from(rota).de_solicitud("s-1")).unwrap();
        assert_eq!(
            json,
            serde_json::json!({
                "type": "urn:aeroalpes:problema:regla-de-negocio",
                "title": "Los datos no son válidos",
                "status": 400,
                "detail": "Falta uno",
                "puntero": "/itinerarios",
                "error": "MinimoUnItinerario - Falta uno",
                "id_solicitud": "s-1",
            })
        );
    }

    #[test]
    fn lo_que_vale_la_pena_repetir_dice_cuando() {
        let espera = |clase| {
            let respuesta = Problema::from(Rechazo::nuevo(clase, "x", "x")).responder();
            respuesta.headers().get(header::RETRY_AFTER).map(|valor| valor.to_str().unwrap().to_owned())
        };
        assert_eq!((espera(Clase::Ocupado).as_deref(), espera(Clase::Conflicto)), (Some("1"), None));
        let esperas: std::collections::BTreeSet<_> = (0..200).filter_map(|_| espera(Clase::NoDisponible)).collect();
        assert_eq!(esperas.into_iter().collect::<Vec<_>>(), ["1", "2", "3"]);
        let respuesta = Problema::from(Rechazo::nuevo(Clase::DemasiadoFrecuente, "x", "x").tras(43)).responder();
        assert_eq!(
            (respuesta.status(), &respuesta.headers()[header::RETRY_AFTER]),
            (StatusCode::TOO_MANY_REQUESTS, &"43".parse().unwrap())
        );
    }
}
