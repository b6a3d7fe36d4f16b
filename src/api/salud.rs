//! Salud del servicio: si vive, si puede atender y cuánto hace. Se atiende en toda instancia, haga lo que haga.

use std::time::Duration;

use axum::http::StatusCode;
use serde::Serialize;
use tokio::time::timeout;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::acceso::{Permitido, Puerta};
use super::json::Json;
use super::medidas;
use super::permisos::Publico;

/// Cuánto se espera a la base de datos antes de decir que no responde.
const PLAZO: Duration = Duration::from_secs(2);

/// Las rutas de la salud, y la de las métricas.
pub fn rutas() -> OpenApiRouter<Puerta> {
    OpenApiRouter::new().routes(routes!(salud)).routes(routes!(vivo)).routes(routes!(listo)).merge(medidas::rutas())
}

/// El proceso atiende solicitudes.
#[derive(Serialize, ToSchema)]
struct Vivo {
    /// Siempre `up`, como en el sistema original.
    #[schema(example = "up")]
    status: &'static str,
}

/// Si el servicio puede hacer su trabajo.
#[derive(Serialize, ToSchema)]
struct Listo {
    /// `listo`; `degradado`, si falta el bróker y los eventos esperan; o `no_disponible`.
    #[schema(example = "listo")]
    estado: &'static str,
    /// Las dependencias que faltan.
    faltan: Vec<&'static str>,
}

/// Dice que el servicio está en pie.
#[utoipa::path(get, path = "/health", tag = "salud", security(()), responses((status = 200, description = "En pie", body = Vivo)))]
async fn salud() -> Json<Vivo> {
    Json(Vivo { status: "up" })
}

/// Dice que el proceso vive, aunque le falte algo.
#[utoipa::path(get, path = "/health/live", tag = "salud", security(()), responses((status = 200, description = "Vive", body = Vivo)))]
async fn vivo() -> Json<Vivo> {
    salud().await
}

/// Dice si puede atender, o qué le falta.
#[utoipa::path(get, path = "/health/ready", tag = "salud", security(()),
    responses((status = 200, description = "Puede atender", body = Listo),
        (status = 503, description = "No puede atender", body = Listo)))]
async fn listo(Permitido { app, .. }: Permitido<Publico>) -> (StatusCode, Json<Listo>) {
    if timeout(PLAZO, app.lectura.responde()).await.unwrap_or(false) {
        return match &app.broker {
            Some(pulso) if !pulso.late() => {
                (StatusCode::OK, Json(Listo { estado: "degradado", faltan: vec!["pulsar"] }))
            }
            _ => (StatusCode::OK, Json(Listo { estado: "listo", faltan: vec![] })),
        };
    }
    (StatusCode::SERVICE_UNAVAILABLE, Json(Listo { estado: "no_disponible", faltan: vec!["postgresql"] }))
}
