//! Lo que entra en el cuerpo de una petición: cuántos cuerpos grandes caben a la vez, y qué se hace con lo que nadie leyó.

use std::pin::Pin;
use std::sync::{Arc, Mutex, OnceLock};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::response::Response;
use http_body_util::BodyExt;
use hyper::body::{Frame, SizeHint};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout, timeout_at};

use crate::seedwork::dominio::repositorios::Falla;

/// Hasta este tamaño, en bytes, un cuerpo no necesita lugar.
pub const PEQUENO: usize = 16 * 1024;
/// Cuántos cuerpos más grandes hay en memoria a la vez, como mucho, desde que pasan de [`PEQUENO`] hasta su respuesta.
const GRANDES: usize = 64;
/// Cuánto espera un cuerpo grande a que otro deje su lugar.
const ESPERA: Duration = Duration::from_secs(5);
/// Cuánto de lo que nadie leyó se lee y se tira para que el cliente alcance a leer la respuesta, en bytes.
const DESAGUE: usize = 32 * 1024 * 1024;
/// Cuánto se espera, como mucho, por lo que se tira.
const PLAZO_DESAGUE: Duration = Duration::from_secs(10);

/// Los lugares para cuerpos grandes de todo el servicio.
#[derive(Clone)]
pub struct Lugares(Arc<Semaphore>);

impl Default for Lugares {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(GRANDES)))
    }
}

/// El lugar que puede ocupar una solicitud; se suelta al responderla.
#[derive(Clone)]
pub struct Lugar {
    lugares: Lugares,
    ocupado: Arc<OnceLock<OwnedSemaphorePermit>>,
}

impl Lugar {
    /// Ocupa un lugar, si todavía no lo tiene.
    ///
    /// # Errors
    /// [`Falla::Saturada`] si ninguno se libera a tiempo.
    pub async fn ocupar(&self) -> Result<(), Falla> {
        if self.ocupado.get().is_some() {
            return Ok(());
        }
        let permiso = timeout(ESPERA, Arc::clone(&self.lugares.0).acquire_owned()).await;
        let permiso = permiso.map_err(|_| Falla::Saturada)?.map_err(Falla::interna)?;
        self.ocupado.get_or_init(|| permiso);
        Ok(())
    }
}

/// Presta un lugar a la solicitud y, cuando ya hay respuesta, lee y tira lo que nadie leyó de su cuerpo: si se respondiera
/// sin leerlo, la conexión se cortaría antes de que el cliente pudiera leer la respuesta.
pub async fn recibir<R: Future<Output = Response>>(
    lugares: Lugares,
    mut solicitud: Request,
    seguir: impl FnOnce(Request) -> R,
) -> Response {
    if solicitud.body().is_end_stream() {
        return seguir(solicitud).await;
    }
    let (lugar, sobrante) = (Lugar { lugares, ocupado: Arc::default() }, Sobrante::default());
    solicitud.extensions_mut().insert(lugar.clone());
    let sin_permiso = solicitud.headers().contains_key(header::EXPECT);
    let prestar =
        |cuerpo| Body::new(Prestado { cuerpo: Some(cuerpo), empezado: false, sobrante: Arc::clone(&sobrante) });
    let respuesta = seguir(solicitud.map(prestar)).await;
    drop(lugar);
    let resto = sobrante.lock().ok().and_then(|mut resto| resto.take());
    match resto {
        // Quien espera permiso para enviar (`Expect: 100-continue`) no ha enviado nada.
        Some(Resto { empezado: false, .. }) if sin_permiso => {}
        // A quien ya se le esperó bastante no se le espera más.
        Some(_) if respuesta.status() == StatusCode::REQUEST_TIMEOUT => {}
        Some(Resto { cuerpo, .. }) => desaguar(cuerpo).await,
        None => {}
    }
    respuesta
}

async fn desaguar(mut cuerpo: Body) {
    let limite = Instant::now() + PLAZO_DESAGUE;
    let mut tirado = 0;
    while tirado < DESAGUE {
        match timeout_at(limite, cuerpo.frame()).await {
            Ok(Some(Ok(trozo))) => tirado += trozo.data_ref().map_or(0, Bytes::len),
            _ => return,
        }
    }
}

/// Lo que quedó de un cuerpo que nadie terminó de leer.
struct Resto {
    cuerpo: Body,
    empezado: bool,
}

type Sobrante = Arc<Mutex<Option<Resto>>>;

/// Un cuerpo que, si se suelta sin terminar de leerlo, deja ahí lo que quedaba.
struct Prestado {
    cuerpo: Option<Body>,
    empezado: bool,
    sobrante: Sobrante,
}

impl HttpBody for Prestado {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        contexto: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.empezado = true;
        let Some(cuerpo) = &mut self.cuerpo else { return Poll::Ready(None) };
        let trozo = ready!(Pin::new(cuerpo).poll_frame(contexto));
        if !matches!(trozo, Some(Ok(_))) {
            self.cuerpo = None;
        }
        Poll::Ready(trozo)
    }

    fn is_end_stream(&self) -> bool {
        self.cuerpo.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.cuerpo.as_ref().map_or_else(|| SizeHint::with_exact(0), HttpBody::size_hint)
    }
}

impl Drop for Prestado {
    fn drop(&mut self) {
        if let Some(cuerpo) = self.cuerpo.take().filter(|cuerpo| !cuerpo.is_end_stream())
            && let Ok(mut sobrante) = self.sobrante.lock()
        {
            *sobrante = Some(Resto { cuerpo, empezado: self.empezado });
        }
    }
}
