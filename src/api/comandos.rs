//! El resultado de los comandos aceptados.

use axum::http::request::Parts;
use axum::response::Response;
use axum::response::sse::Event;
use futures_util::stream;
use serde::Serialize;
use tokio::sync::watch::Receiver;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::acceso::{Permitido, Puerta};
use super::en_vivo::EventoDelFlujo;
use super::en_vivo::perder_permiso;
use super::fechas::Instante;
use super::json::Json;
use super::permisos::SuComando;
use super::problema::Problema;
use super::ruta::IdDeRuta;
use crate::seedwork::aplicacion::recepcion::Fin;
use crate::seedwork::aplicacion::resultados::{ObtenerResultado, Resultado, Seguimiento, Tiempos};

/// Las rutas de los resultados.
pub fn rutas() -> OpenApiRouter<Puerta> {
    OpenApiRouter::new().routes(routes!(dar_resultado)).routes(routes!(seguir))
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
    tiempos: RespuestaTiempos,
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

/// Cuándo pasó por cada punto; nulo, si aún no pasó o no se sabe.
#[derive(Serialize, ToSchema)]
#[expect(clippy::struct_field_names, reason = "así se llaman en la red")]
struct RespuestaTiempos {
    /// Cuándo se aceptó.
    aceptado_en: Option<Instante>,
    /// Cuándo guardó nuestro consumidor el mensaje que lo traía.
    recibido_en: Option<Instante>,
    /// Cuándo se guardó su resultado.
    cumplido_en: Option<Instante>,
}

impl RespuestaComando {
    fn nueva(id: Uuid, Seguimiento { resultado, tiempos }: Seguimiento) -> Self {
        let (comando, estado, recurso, problema) = match resultado {
            Resultado::Pendiente => (None, "pendiente", None, None),
            Resultado::Terminado(terminado) => match terminado.fin {
                Fin::Ejecutado => (Some(terminado.comando), "ejecutado", terminado.recurso, None),
                Fin::Rechazado(rechazo) => (Some(terminado.comando), "rechazado", None, Some(rechazo.into())),
            },
        };
        let tiempos = RespuestaTiempos {
            aceptado_en: tiempos.aceptado_en.map(Instante),
            recibido_en: tiempos.recibido_en.map(Instante),
            cumplido_en: tiempos.cumplido_en.map(Instante),
        };
        Self { id, comando, estado, recurso, problema, tiempos }
    }
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
    Ok(Json(RespuestaComando::nueva(id, app.mediador.consultar(ObtenerResultado { id }).await?)))
}

/// Cuenta cómo va un comando aceptado según cambia (*Server-Sent Events*): en el acto, un `event: comando` con lo mismo que
/// `/comandos/{id}`; otro en cada cambio; y termina después del que dice cómo terminó.
#[utoipa::path(get, path = "/comandos/{id}/eventos", tag = "comandos",
    params(("id" = Uuid, Path, description = "El comando")),
    responses((status = 200, description = "Cómo va, según cambia", content_type = "text/event-stream", body = EventoDelFlujo),
        (status = 404, description = "Nadie aceptó ese comando", body = Problema),
        (status = 410, description = "Su resultado ya no se guarda", body = Problema)))]
async fn seguir(
    Permitido { app, .. }: Permitido<SuComando>,
    IdDeRuta(id): IdDeRuta,
    partes: Parts,
) -> Result<Response, Problema> {
    let lugar = app.en_vivo.lugar()?;
    // Antes de preguntar cómo va: lo que cambie después llegará.
    let cambios = app.en_vivo.comandos.seguir(id);
    let ahora = app.mediador.consultar(ObtenerResultado { id }).await?;
    let camino = Camino { cambios, punto: None, por_decir: Some(ahora) };
    let flujo = stream::unfold(camino, move |mut camino| async move {
        let seguimiento = camino.siguiente().await?;
        Some((Event::default().event("comando").json_data(RespuestaComando::nueva(id, seguimiento)), camino))
    });
    Ok(app.en_vivo.responder(lugar, flujo, perder_permiso::<SuComando>(app.clone(), partes)))
}

/// El camino de un comando hasta que termina.
struct Camino {
    cambios: Receiver<Option<Seguimiento>>,
    /// Lo último que se dijo.
    punto: Option<Punto>,
    por_decir: Option<Seguimiento>,
}

/// Hasta dónde llegó un comando. Nunca vuelve atrás, aunque una lectura vieja llegue después de otra nueva.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Punto {
    Aceptado,
    Recibido,
    Terminado,
}

impl Punto {
    const fn de(seguimiento: &Seguimiento) -> Self {
        match seguimiento {
            _ if seguimiento.terminado() => Self::Terminado,
            Seguimiento { tiempos: Tiempos { recibido_en: Some(_), .. }, .. } => Self::Recibido,
            _ => Self::Aceptado,
        }
    }
}

impl Camino {
    /// Cómo va, cuando haya algo que decir; nada, si ya se dijo todo.
    async fn siguiente(&mut self) -> Option<Seguimiento> {
        while self.punto != Some(Punto::Terminado) {
            if let Some(seguimiento) = self.por_decir.take() {
                let punto = Some(Punto::de(&seguimiento));
                if punto > self.punto {
                    self.punto = punto;
                    return Some(seguimiento);
                }
            }
            self.cambios.changed().await.ok()?;
            self.por_decir.clone_from(&self.cambios.borrow_and_update());
        }
        None
    }
}
