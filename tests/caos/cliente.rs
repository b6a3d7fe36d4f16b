//! Un cliente HTTP que sabe lo que sabe: de cada solicitud, si tuvo efecto, si no, o si no hay forma de decirlo.

use std::time::Duration;

use reqwest::{Method, RequestBuilder};
use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use uuid::Uuid;

use super::historia::Desenlace;
use crate::Fallo;

/// Lo más que espera un cliente una respuesta: una instancia puede estar congelada.
const PACIENCIA: Duration = Duration::from_secs(5);

/// Los 503 que prometen que no quedó nada guardado.
const SIN_EFECTO: [&str; 3] = ["plazo-vencido", "sin-broker", "servicio-saturado"];

/// Una orden por HTTP.
#[derive(Debug, Clone)]
pub struct Solicitud {
    pub ruta: String,
    pub cuerpo: Option<Value>,
    /// Con `Prefer: respond-async`.
    pub asincrona: bool,
    /// Con `Idempotency-Key`.
    pub clave: Option<Uuid>,
}

/// Cuánto aguanta el cliente antes de colgar.
#[derive(Debug, Clone, Copy)]
pub enum Corte {
    Nunca,
    /// Envía todo y cuelga enseguida.
    AlEnviar,
    /// Cuelga con el cuerpo a medias.
    AMedias,
}

/// Una respuesta leída.
pub struct Respuesta {
    pub estado: u16,
    pub ubicacion: Option<String>,
    pub repetible: bool,
    pub cuerpo: Value,
}

impl Respuesta {
    /// El nombre del problema, si lo es.
    pub fn problema(&self) -> &str {
        let tipo = self.cuerpo["type"].as_str().unwrap_or_default();
        tipo.strip_prefix("urn:aeroalpes:problema:").unwrap_or(tipo)
    }
}

/// El cliente.
#[derive(Clone)]
pub struct Cliente {
    http: reqwest::Client,
}

impl Cliente {
    pub fn nuevo() -> Result<Self, Fallo> {
        Ok(Self { http: reqwest::Client::builder().no_proxy().timeout(PACIENCIA).build()? })
    }

    /// Lee un recurso; nada si no hubo respuesta.
    pub async fn leer(&self, direccion: &str, ruta: &str) -> Option<Respuesta> {
        recibir(self.http.request(Method::GET, format!("http://{direccion}{ruta}"))).await.ok()
    }

    /// Envía una orden y dice qué se sabe de ella.
    pub async fn enviar(&self, direccion: &str, solicitud: &Solicitud, correlacion: Uuid) -> Desenlace {
        let Solicitud { ruta, cuerpo, asincrona, clave } = solicitud;
        let mut orden =
            self.http.post(format!("http://{direccion}{ruta}")).header("x-request-id", correlacion.to_string());
        if *asincrona {
            orden = orden.header("prefer", "respond-async");
        }
        if let Some(clave) = clave {
            orden = orden.header("idempotency-key", clave.to_string());
        }
        if let Some(cuerpo) = cuerpo {
            orden = orden.json(cuerpo);
        }
        match recibir(orden).await {
            Ok(respuesta) => interpretar(&respuesta),
            Err(error) if error.is_connect() => Desenlace::SinEfecto("sin-conexion".into()),
            Err(_) => Desenlace::Desconocido(None),
        }
    }

    /// Envía una orden y cuelga sin esperar la respuesta.
    pub async fn colgar(&self, direccion: &str, solicitud: &Solicitud, correlacion: Uuid, corte: Corte) -> Desenlace {
        let cuerpo = solicitud.cuerpo.as_ref().map(Value::to_string).unwrap_or_default();
        let preferencia = if solicitud.asincrona { "prefer: respond-async\r\n" } else { "" };
        let clave = solicitud.clave.map(|clave| format!("idempotency-key: {clave}\r\n")).unwrap_or_default();
        let cabeza = format!(
            "POST {} HTTP/1.1\r\nhost: {direccion}\r\nx-request-id: {correlacion}\r\n{preferencia}{clave}\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n",
            solicitud.ruta,
            cuerpo.len()
        );
        let enviado = match corte {
            Corte::AMedias => &cuerpo.as_bytes()[..cuerpo.len() / 2],
            Corte::AlEnviar | Corte::Nunca => cuerpo.as_bytes(),
        };
        let Ok(mut red) = TcpStream::connect(direccion).await else {
            return Desenlace::SinEfecto("sin-conexion".into());
        };
        // Que no se haya podido enviar todo no dice nada: pudo llegar.
        let _ = red.write_all(&[cabeza.as_bytes(), enviado].concat()).await;
        drop(red);
        match corte {
            Corte::AMedias if !cuerpo.is_empty() => Desenlace::SinEfecto("cuerpo-a-medias".into()),
            _ => Desenlace::Desconocido(None),
        }
    }
}

async fn recibir(orden: RequestBuilder) -> Result<Respuesta, reqwest::Error> {
    let respuesta = orden.send().await?;
    let cabecera =
        |nombre: &str| respuesta.headers().get(nombre).and_then(|valor| valor.to_str().ok()).map(str::to_owned);
    let (ubicacion, repetible) = (cabecera("location"), cabecera("retry-after").is_some());
    let estado = respuesta.status().as_u16();
    let cuerpo = serde_json::from_slice(&respuesta.bytes().await?).unwrap_or_default();
    Ok(Respuesta { estado, ubicacion, repetible, cuerpo })
}

fn uuid(valor: &Value) -> Uuid {
    valor.as_str().and_then(|texto| Uuid::parse_str(texto).ok()).unwrap_or_default()
}

fn interpretar(respuesta: &Respuesta) -> Desenlace {
    let problema = respuesta.problema();
    match respuesta.estado {
        200 | 201 => Desenlace::Hecho { id: uuid(&respuesta.cuerpo["id"]) },
        202 => {
            Desenlace::Aceptado { id_comando: uuid(&respuesta.cuerpo["id_comando"]), id: uuid(&respuesta.cuerpo["id"]) }
        }
        503 if SIN_EFECTO.contains(&problema) => Desenlace::SinEfecto(problema.to_owned()),
        503 => Desenlace::Desconocido(comando_en(respuesta.ubicacion.as_deref())),
        400..=499 if respuesta.repetible => Desenlace::SinEfecto(problema.to_owned()),
        estado @ 400..=499 => Desenlace::Rechazado(estado, problema.to_owned()),
        estado => Desenlace::Rechazado(estado, format!("inesperado: {}", respuesta.cuerpo)),
    }
}

fn comando_en(ubicacion: Option<&str>) -> Option<Uuid> {
    Uuid::parse_str(ubicacion?.strip_prefix("/comandos/")?).ok()
}
