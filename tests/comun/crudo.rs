//! Una conexión a la que se le escribe byte a byte: para lo que un cliente de HTTP no dejaría hacer.

use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::PLAZO;
use super::servicio::{Respuesta, Servicio};

/// Una conexión con el servicio.
pub struct Crudo(TcpStream);

impl Crudo {
    pub async fn conectar(servicio: &Servicio) -> Self {
        Self(TcpStream::connect(servicio.direccion()).await.unwrap())
    }

    /// Una que ya está abierta.
    pub const fn de(conexion: TcpStream) -> Self {
        Self(conexion)
    }

    pub async fn enviar(&mut self, bytes: impl AsRef<[u8]>) {
        self.intentar(bytes.as_ref()).await.unwrap();
    }

    /// Envía, y dice si se pudo.
    pub async fn intentar(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        timeout(PLAZO, self.0.write_all(bytes)).await.expect("el servicio dejó de leer")
    }

    /// Cierra sólo el sentido de ida: todavía se puede leer. Si el servicio ya cerró, no hay nada que cerrar.
    pub async fn dejar_de_enviar(&mut self) {
        let _ = self.0.shutdown().await;
    }

    /// Espera a que haya algo que leer, aunque sea el cierre.
    pub async fn esperar_respuesta(&self) {
        timeout(PLAZO, self.0.readable()).await.expect("el servicio no respondió").unwrap();
    }

    /// Todo lo que llega hasta que el servicio cierra; vacío si cierra sin responder.
    pub async fn leer_hasta_el_cierre(&mut self) -> String {
        let mut leido = Vec::new();
        timeout(PLAZO * 2, self.0.read_to_end(&mut leido)).await.expect("el servicio no cerró").unwrap();
        String::from_utf8(leido).unwrap()
    }

    /// Lo que llegue hasta que el servicio cierre, bien o mal.
    pub async fn leer_lo_que_llegue(&mut self) -> String {
        let mut leido = Vec::new();
        let _ = timeout(PLAZO * 2, self.0.read_to_end(&mut leido)).await.expect("el servicio no cerró");
        String::from_utf8_lossy(&leido).into_owned()
    }

    /// Si ya hay algo que leer, aunque sea el cierre.
    pub async fn hay_respuesta(&self) -> bool {
        timeout(Duration::ZERO, self.0.readable()).await.is_ok()
    }

    /// Una respuesta con `Content-Length`.
    pub async fn leer_respuesta(&mut self) -> Respuesta {
        timeout(PLAZO * 2, self.leer()).await.expect("el servicio no respondió")
    }

    async fn leer(&mut self) -> Respuesta {
        let mut cabeza = Vec::new();
        while !cabeza.ends_with(b"\r\n\r\n") {
            cabeza.push(self.0.read_u8().await.expect("el servicio cerró antes de responder"));
        }
        let cabeza = String::from_utf8(cabeza).unwrap();
        let mut lineas = cabeza.trim_end().split("\r\n");
        let primera = lineas.next().unwrap();
        let par = |linea: &str| {
            let (nombre, valor) = linea.split_once(": ").unwrap();
            (nombre.parse::<HeaderName>().unwrap(), HeaderValue::from_str(valor).unwrap())
        };
        let cabeceras: HeaderMap = lineas.map(par).collect();
        let largo = cabeceras.get("content-length").map_or(0, |largo| largo.to_str().unwrap().parse().unwrap());
        let mut cuerpo = vec![0; largo];
        self.0.read_exact(&mut cuerpo).await.unwrap();
        let estado = primera.split(' ').nth(1).unwrap().parse().unwrap();
        Respuesta::nueva(estado, cabeceras, String::from_utf8(cuerpo).unwrap())
    }
}
