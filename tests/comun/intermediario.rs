//! Un intermediario de TCP que puede dejar de llevar paquetes sin cerrar ninguna conexión, como una red que se corta.

use std::future::pending;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// El intermediario.
pub struct Intermediario {
    direccion: SocketAddr,
    mudo: watch::Sender<bool>,
}

impl Intermediario {
    /// Lleva lo que llegue a esa dirección.
    pub async fn hacia(destino: String) -> Self {
        let escucha = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (direccion, (mudo, callado)) = (escucha.local_addr().unwrap(), watch::channel(false));
        tokio::spawn(async move {
            while let Ok((cliente, _)) = escucha.accept().await {
                let Ok(servidor) = TcpStream::connect(&destino).await else { continue };
                let ((leer_c, escribir_c), (leer_s, escribir_s)) = (cliente.into_split(), servidor.into_split());
                tokio::spawn(pasar(leer_c, escribir_s, callado.clone()));
                tokio::spawn(pasar(leer_s, escribir_c, callado.clone()));
            }
        });
        Self { direccion, mudo }
    }

    pub const fn puerto(&self) -> u16 {
        self.direccion.port()
    }

    /// Desde ahora no pasa nada, en ningún sentido.
    pub fn callar(&self) {
        self.mudo.send_replace(true);
    }
}

async fn pasar(mut de: OwnedReadHalf, mut a: OwnedWriteHalf, callado: watch::Receiver<bool>) {
    let mut trozo = vec![0; 16 * 1024];
    while let Ok(leidos @ 1..) = de.read(&mut trozo).await {
        if *callado.borrow() {
            pending::<()>().await;
        }
        if a.write_all(&trozo[..leidos]).await.is_err() {
            return;
        }
    }
}
