//! El servidor HTTP: acepta conexiones con plazos y se apaga terminando lo que aceptó.

use std::io;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

/// Cuánto puede tardar un cliente en enviar las cabeceras, o en estar callado entre dos solicitudes.
const PLAZO_CABECERAS: Duration = Duration::from_secs(15);
/// Cuánto se espera cuando el sistema no deja aceptar más conexiones.
const RESPIRO: Duration = Duration::from_millis(50);

/// Atiende hasta que se pida parar; entonces deja de aceptar y espera a lo que esté en curso, hasta `plazo`.
pub async fn atender(escucha: TcpListener, rutas: Router, parar: CancellationToken, plazo: Duration) {
    let en_curso = GracefulShutdown::new();
    loop {
        let aceptada = tokio::select! {
            aceptada = escucha.accept() => aceptada,
            () = parar.cancelled() => break,
        };
        match aceptada {
            Ok((conexion, _)) => atender_conexion(conexion, rutas.clone(), &en_curso),
            Err(error) => respirar(&error).await,
        }
    }
    drop(escucha);
    if timeout(plazo, en_curso.shutdown()).await.is_err() {
        warn!(plazo_s = plazo.as_secs(), "quedaron conexiones abiertas al cerrar");
    }
}

fn atender_conexion(conexion: TcpStream, rutas: Router, en_curso: &GracefulShutdown) {
    // Sin esto, una respuesta pequeña puede esperar 40 ms al acuse de la anterior.
    if let Err(error) = conexion.set_nodelay(true) {
        debug!(%error, "no se pudo quitar la espera de Nagle");
    }
    let servida = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(PLAZO_CABECERAS)
        .serve_connection(TokioIo::new(conexion), TowerToHyperService::new(rutas));
    let vigilada = en_curso.watch(servida);
    tokio::spawn(async move {
        if let Err(error) = vigilada.await {
            debug!(%error, "conexión terminada con error");
        }
    });
}

/// Un cliente que se fue no es asunto nuestro; quedarse sin descriptores sí, y pasa si se espera un poco.
async fn respirar(error: &io::Error) {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    if !matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset) {
        warn!(%error, "no se pudo aceptar una conexión");
        sleep(RESPIRO).await;
    }
}
