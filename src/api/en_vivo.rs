//! Lo que se cuenta según pasa (*Server-Sent Events*, HTML, sección 9.2): cuántos flujos caben y cómo empiezan y acaban.

use std::future::{Future, pending};
use std::sync::Arc;
use std::time::Duration;

use axum::http::request::Parts;
use axum::http::{HeaderName, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::{Stream, StreamExt};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use utoipa::ToSchema;

use super::App;
use super::permisos::Permiso;
use super::problema::Problema;
use crate::modulos::vuelos::EventoDeReserva;
use crate::seedwork::aplicacion::rechazo::{Clase, Rechazo};
use crate::seedwork::infraestructura::mensajeria::mirador::Mirador;
use crate::seedwork::infraestructura::mensajeria::seguidor::Seguidor;

/// Cada cuánto se envía un comentario si no hay nada que contar: así nadie toma el flujo por muerto.
const LATIDO: Duration = Duration::from_secs(15);
/// Cada cuánto se comprueba, en modo cerrado, que quien escucha siga pudiendo.
const REVISION: Duration = Duration::from_secs(15);
/// A un intermediario (nginx) que no guarde lo que pasa para entregarlo junto.
const SIN_GUARDAR: (HeaderName, &str) = (HeaderName::from_static("x-accel-buffering"), "no");

/// Los flujos en vivo de esta instancia.
#[derive(Clone)]
pub struct EnVivo {
    /// Los eventos de las reservas.
    pub reservas: Arc<Mirador<EventoDeReserva>>,
    /// Los comandos aceptados.
    pub comandos: Arc<Seguidor>,
    lugares: Arc<Semaphore>,
    parar: CancellationToken,
}

/// Cada evento de un flujo, ya interpretado (HTML, sección 9.2.6). Sólo para la especificación: en OpenAPI 3.1, el esquema
/// de un `text/event-stream` es el de sus eventos.
#[derive(ToSchema)]
#[expect(dead_code, reason = "sólo describe lo que escribe axum")]
pub struct EventoDelFlujo {
    /// Qué es.
    event: String,
    /// Lo que cuenta, en JSON.
    data: String,
    /// Hasta dónde se ha contado, para reanudar.
    id: Option<String>,
    /// Cuánto esperar antes de volver, en milisegundos.
    retry: Option<u32>,
}

/// El lugar que ocupa un flujo hasta que termina.
pub struct Lugar {
    _hasta_terminar: OwnedSemaphorePermit,
}

impl EnVivo {
    /// Hasta `maximo` flujos a la vez; todos terminan cuando se pida parar.
    #[must_use]
    pub fn nuevo(
        reservas: Arc<Mirador<EventoDeReserva>>,
        comandos: Arc<Seguidor>,
        maximo: usize,
        parar: CancellationToken,
    ) -> Self {
        Self { reservas, comandos, lugares: Arc::new(Semaphore::new(maximo)), parar }
    }

    /// Un lugar para un flujo más.
    ///
    /// # Errors
    /// 503 si ya no caben más.
    pub fn lugar(&self) -> Result<Lugar, Problema> {
        let detalle = "Ya hay abiertos todos los flujos de eventos que se admiten";
        let lugar = Arc::clone(&self.lugares).try_acquire_owned();
        lugar
            .map(|lugar| Lugar { _hasta_terminar: lugar })
            .map_err(|_| Rechazo::nuevo(Clase::NoDisponible, "demasiados-flujos", detalle).into())
    }

    /// Responde con un flujo, que acaba cuando él diga, cuando el servicio pare o cuando se pierda el permiso.
    pub fn responder(
        &self,
        lugar: Lugar,
        flujo: impl Stream<Item = Result<Event, axum::Error>> + Send + 'static,
        sin_permiso: impl Future<Output = ()> + Send + 'static,
    ) -> Response {
        let flujo = flujo.take_until(self.parar.clone().cancelled_owned()).take_until(sin_permiso);
        let flujo = flujo.map(move |evento| {
            let _hasta_terminar = &lugar;
            evento
        });
        let latido = KeepAlive::new().interval(LATIDO);
        let cabeceras = [SIN_GUARDAR, (header::CACHE_CONTROL, "no-cache")];
        (cabeceras, Sse::new(flujo).keep_alive(latido)).into_response()
    }
}

/// Espera a que quien abrió un flujo pierda el permiso: una ficha caduca, y a un usuario se le puede desactivar.
pub async fn perder_permiso<P: Permiso>(app: Arc<App>, mut partes: Parts) {
    if !app.acceso.es_cerrado() {
        return pending().await;
    }
    loop {
        sleep(REVISION).await;
        // Si no se puede saber, el flujo sigue: sin base de datos tampoco hay nada que contar.
        if P::comprobar(&app, &mut partes).await.is_err_and(|problema| problema.es_del_cliente()) {
            return;
        }
    }
}
