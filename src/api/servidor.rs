//! El servidor HTTP: acepta conexiones con plazos y límites, y se apaga terminando lo que aceptó.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout_at};
use tokio_io_timeout::TimeoutStream;
use tokio_util::sync::CancellationToken;
use tower_http::add_extension::AddExtension;
use tracing::{debug, warn};

use super::acceso::Par;
use crate::seedwork::aplicacion::causas::cadena;

/// Cuánto puede tardar un cliente en enviar las cabeceras, o en estar callado entre dos solicitudes.
const PLAZO_CABECERAS: Duration = Duration::from_secs(15);
/// Cuánto puede estar un cliente sin recibir nada de lo que se le envía.
const PLAZO_ESCRITURA: Duration = Duration::from_secs(20);
/// Lo que una conexión guarda en memoria por leer o por enviar, en bytes; las cabeceras tienen que caber.
const MEMORIA: usize = 32 * 1024;
/// Cuánto se espera cuando el sistema no deja aceptar más conexiones.
const RESPIRO: Duration = Duration::from_millis(50);
/// Cuántas conexiones se atienden a la vez, como mucho; las demás esperan en la cola del sistema.
const CONEXIONES: u64 = 20_000;
/// Descriptores que se dejan para lo que no son clientes.
const RESERVA: u64 = 256;

/// Atiende hasta que se pida parar; entonces deja de aceptar y espera a lo que esté en curso, hasta `plazo`.
/// Devuelve cuándo vence ese plazo, para lo que quede por cerrar.
///
/// # Errors
/// Si el sistema no dice cuántos descriptores hay.
pub async fn atender(
    escucha: TcpListener,
    rutas: Router,
    parar: CancellationToken,
    plazo: Duration,
) -> io::Result<Instant> {
    let turnos = Arc::new(Semaphore::new(conexiones_posibles()?));
    let (en_curso, mut tareas) = (GracefulShutdown::new(), JoinSet::new());
    loop {
        let aceptada = tokio::select! {
            aceptada = aceptar(&escucha, &turnos) => aceptada,
            () = parar.cancelled() => break,
        };
        while tareas.try_join_next().is_some() {}
        match aceptada {
            Ok((conexion, par, turno)) => {
                let servida = atender_conexion(conexion, par, rutas.clone(), &en_curso);
                tareas.spawn(async move {
                    servida.await;
                    drop(turno);
                });
            }
            Err(error) => respirar(&error).await,
        }
    }
    drop(escucha);
    let limite = Instant::now() + plazo;
    if timeout_at(limite, en_curso.shutdown()).await.is_err() {
        warn!(plazo_s = plazo.as_secs(), "quedaron conexiones abiertas al cerrar; se cortan");
    }
    tareas.shutdown().await;
    Ok(limite)
}

/// Cuántas conexiones caben en los descriptores de este proceso, después de pedir todos los que se le permiten.
fn conexiones_posibles() -> io::Result<usize> {
    let (blando, duro) = getrlimit(Resource::RLIMIT_NOFILE)?;
    if setrlimit(Resource::RLIMIT_NOFILE, duro, duro).is_err() {
        debug!(blando, duro, "no se pudo subir el límite de descriptores");
    }
    let (descriptores, _) = getrlimit(Resource::RLIMIT_NOFILE)?;
    let posibles = descriptores.saturating_sub(RESERVA).clamp(RESERVA, CONEXIONES);
    usize::try_from(posibles).map_err(io::Error::other)
}

async fn aceptar(
    escucha: &TcpListener,
    turnos: &Arc<Semaphore>,
) -> io::Result<(TcpStream, Par, tokio::sync::OwnedSemaphorePermit)> {
    let turno = Arc::clone(turnos).acquire_owned().await.map_err(io::Error::other)?;
    let (conexion, par) = escucha.accept().await?;
    Ok((conexion, Par(par), turno))
}

fn atender_conexion(
    conexion: TcpStream,
    par: Par,
    rutas: Router,
    en_curso: &GracefulShutdown,
) -> impl Future<Output = ()> + Send + use<> {
    // Sin esto, una respuesta pequeña puede esperar 40 ms al acuse de la anterior.
    if let Err(error) = conexion.set_nodelay(true) {
        debug!(%error, "no se pudo quitar la espera de Nagle");
    }
    let mut conexion = TimeoutStream::new(conexion);
    conexion.set_write_timeout(Some(PLAZO_ESCRITURA));
    let servida = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(PLAZO_CABECERAS)
        .max_buf_size(MEMORIA)
        .serve_connection(TokioIo::new(Box::pin(conexion)), TowerToHyperService::new(AddExtension::new(rutas, par)));
    let vigilada = en_curso.watch(servida);
    async move {
        if let Err(error) = vigilada.await {
            debug!(causa = cadena(&error), "conexión terminada con error");
        }
    }
}

/// Un cliente que se fue no es asunto nuestro; quedarse sin descriptores sí, y pasa si se espera un poco.
async fn respirar(error: &io::Error) {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    if !matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset) {
        warn!(%error, "no se pudo aceptar una conexión");
        sleep(RESPIRO).await;
    }
}
