//! El resultado de los comandos aceptados.

use axum::Json;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::acceso::{Permitido, Puerta};
use super::permisos::SuComando;
use super::problema::Problema;
use super::ruta::IdDeRuta;
use crate::seedwork::aplicacion::recepcion::Fin;
use crate::seedwork::aplicacion::resultados::{ObtenerResultado, Resultado};

/// Las rutas de los resultados.
pub fn rutas() -> OpenApiRouter<Puerta> {
    OpenApiRouter::new().routes(routes!(dar_resultado))
}

/// Cómo va, o cómo terminó, un comando aceptado.
#[derive(Serialize, ToSchema)]
struct RespuestaComando {
    id: Uuid,
    /// El nombre del comando; nulo mientras está pendiente.
    #[schema(example = "CrearReserva")]
    comando: Option<String>,
    #[schema(value_type = EstadoDeComando)]
    estado: &'static str,
    /// La dirección de lo que creó o cambió, si se cumplió.
    #[schema(example = "/vuelos/reserva/01a20d6f-2e8b-71f5-9484-3c44cfa3da17")]
    recurso: Option<String>,
    /// Por qué se rechazó: el problema que habría dado la llamada síncrona.
    problema: Option<Problema>,
}

/// En qué punto está un comando aceptado.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "sólo existe para la especificación")]
enum EstadoDeComando {
    Pendiente,
    Ejecutado,
    Rechazado,
}

/// Dice cómo va, o cómo terminó, un comando aceptado.
#[utoipa::path(get, path = "/comandos/{id}", tag = "comandos", params(("id" = Uuid, Path, description = "El comando")),
    responses((status = 200, description = "Cómo va o cómo terminó", body = RespuestaComando),
        (status = 404, description = "Nadie aceptó ese comando", body = Problema),
        (status = 410, description = "Su resultado ya no se guarda", body = Problema)))]
async fn dar_resultado(
    Permitido { app, .. }: Permitido<SuComando>,
    IdDeRuta(id): IdDeRuta,
) -> Result<Json<RespuestaComando>, Problema> {
    let (comando, estado, recurso, problema) = match app.mediador.consultar(ObtenerResultado { id }).await? {
        Resultado::Pendiente => (None, "pendiente", None, None),
        Resultado::Terminado(terminado) => match terminado.fin {
            Fin::Ejecutado => (Some(terminado.comando), "ejecutado", terminado.recurso, None),
            Fin::Rechazado(rechazo) => (Some(terminado.comando), "rechazado", None, Some(rechazo.into())),
        },
    };
    Ok(Json(RespuestaComando { id, comando, estado, recurso, problema }))
}
