//! Lo que se cuenta según pasa (*Server-Sent Events*, HTML, sección 9.2): cuántos flujos caben y cómo empiezan y acaban.

use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderName, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::{Stream, StreamExt};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use super::problema::Problema;
use crate::modulos::vuelos::EventoDeReserva;
use crate::seedwork::aplicacion::rechazo::{Clase, Rechazo};
use crate::seedwork::infraestructura::mensajeria::mirador::Mirador;
use crate::seedwork::infraestructura::mensajeria::seguidor::Seguidor;

/// Cada cuánto se envía un comentario si no hay nada que contar: así nadie toma el flujo por muerto.
const LATIDO: Duration = Duration::from_secs(15);
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

    /// Responde con un flujo, que acaba cuando él diga o cuando el servicio pare.
    pub fn responder<E: std::error::Error + Send + Sync + 'static>(
        &self,
        lugar: Lugar,
        flujo: impl Stream<Item = Result<Event, E>> + Send + 'static,
    ) -> Response
    where
        E: Into<axum::BoxError>,
    {
        let flujo = flujo.take_until(self.parar.clone().cancelled_owned()).map(move |evento| {
            let _hasta_terminar = &lugar;
            evento
        });
        let latido = KeepAlive::new().interval(LATIDO);
        let cabeceras = [SIN_GUARDAR, (header::CACHE_CONTROL, "no-cache")];
        (cabeceras, Sse::new(flujo).keep_alive(latido)).into_response()
    }
}
