//! Problemas de HTTP (RFC 9457), en español y con la misma forma para todos los errores que hay.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::seedwork::aplicacion::mensajes::ErrorModulo;
use crate::seedwork::aplicacion::rechazo::{Clase, Rechazo};
use crate::seedwork::dominio::reglas::ReglaRota;

/// Cuánto conviene esperar antes de repetir, en segundos, si quien lo rechazó no dice otra cosa.
const REPETIR_EN: u64 = 1;

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
    espera: Option<u64>,
}

impl Problema {
    /// Un problema con ese estado, nombre y detalle.
    pub fn nuevo(status: StatusCode, codigo: &str, title: &'static str, detail: impl Into<String>) -> Self {
        Self {
            r#type: format!("urn:aeroalpes:problema:{codigo}"),
            title,
            status: status.as_u16(),
            detail: detail.into(),
            puntero: None,
            parametro: None,
            error: None,
            id_solicitud: None,
            espera: None,
        }
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
        if let Some(segundos) = self.espera {
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

impl From<Rechazo> for Problema {
    fn from(rechazo: Rechazo) -> Self {
        let estado = estado(rechazo.clase);
        let repetible = matches!(rechazo.clase, Clase::Ocupado | Clase::NoDisponible);
        let error = rechazo.regla.map(|regla| format!("{regla} - {}", rechazo.mensaje));
        Self {
            puntero: rechazo.puntero,
            error,
            espera: rechazo.espera.or_else(|| repetible.then_some(REPETIR_EN)),
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

const fn titulo(clase: Clase) -> &'static str {
    match clase {
        Clase::Invalido => "Los datos no son válidos",
        Clase::NoAutenticado => "Las credenciales no sirven",
        Clase::NoEncontrado => "No existe",
        Clase::Conflicto => "El estado actual no lo permite",
        Clase::Caducado => "Ya no se guarda",
        Clase::Ocupado => "Los datos están ocupados",
        Clase::DemasiadoFrecuente => "Demasiadas solicitudes",
        Clase::NoProcesable => "Los datos se refieren a algo que no existe",
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
        for clase in [Clase::Ocupado, Clase::NoDisponible] {
            let respuesta = Problema::from(Rechazo::nuevo(clase, "x", "x")).responder();
            assert_eq!(respuesta.headers()[header::RETRY_AFTER], "1");
        }
        let respuesta = Problema::from(Rechazo::nuevo(Clase::DemasiadoFrecuente, "x", "x").tras(43)).responder();
        assert_eq!(
            (respuesta.status(), &respuesta.headers()[header::RETRY_AFTER]),
            (StatusCode::TOO_MANY_REQUESTS, &"43".parse().unwrap())
        );
        let respuesta = Problema::from(Rechazo::nuevo(Clase::Conflicto, "x", "x")).responder();
        assert_eq!(respuesta.headers().get(header::RETRY_AFTER), None);
    }
}
