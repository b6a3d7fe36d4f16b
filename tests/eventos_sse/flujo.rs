//! Un cliente de *Server-Sent Events* que lee un evento cada vez.

use reqwest::{Client, Response};
use serde_json::Value;
use tokio::time::timeout;

use crate::comun::PLAZO;
use crate::comun::servicio::Servicio;

/// Un evento, tal como llegó.
#[derive(Debug, Default, PartialEq)]
pub struct Evento {
    pub nombre: String,
    pub id: String,
    pub datos: Value,
}

/// Un flujo abierto; soltarlo lo cierra.
pub struct Flujo {
    respuesta: Response,
    leido: String,
}

impl Flujo {
    /// Lo abre, con esas cabeceras.
    pub async fn abrir(servicio: &Servicio, ruta: &str, cabeceras: &[(&str, &str)]) -> Self {
        let cliente = Client::builder().no_proxy().build().unwrap();
        let mut solicitud = cliente.get(format!("http://{}{ruta}", servicio.direccion()));
        for (nombre, valor) in cabeceras {
            solicitud = solicitud.header(*nombre, *valor);
        }
        let respuesta = timeout(PLAZO, solicitud.send()).await.expect("el flujo no empezó").unwrap();
        assert_eq!(respuesta.status(), 200);
        let cabecera = |nombre: &str| respuesta.headers()[nombre].to_str().unwrap();
        assert_eq!(cabecera("content-type"), "text/event-stream");
        assert_eq!((cabecera("cache-control"), cabecera("x-accel-buffering")), ("no-cache", "no"));
        Self { respuesta, leido: String::new() }
    }

    /// Los eventos de las reservas desde una ficha, o desde ahora; ya se leyó el `posicion`, que da la ficha de partida.
    pub async fn de_reservas(servicio: &Servicio, desde: Option<&str>) -> (Self, String) {
        let cabecera = desde.map(|ficha| ("last-event-id", ficha));
        let mut flujo = Self::abrir(servicio, "/vuelos/reserva/eventos", cabecera.as_slice()).await;
        let posicion = flujo.siguiente().await.unwrap();
        assert_eq!((posicion.nombre.as_str(), &posicion.datos), ("posicion", &serde_json::json!({})));
        (flujo, posicion.id)
    }

    /// El siguiente, o nada si el servicio terminó el flujo en orden.
    pub async fn siguiente(&mut self) -> Option<Evento> {
        // En total, y no por trozo: los latidos no cuentan como respuesta.
        timeout(PLAZO, self.leer()).await.expect("no llegó nada")
    }

    async fn leer(&mut self) -> Option<Evento> {
        loop {
            if let Some(fin) = self.leido.find("\n\n") {
                let bloque: String = self.leido.drain(..fin + 2).collect();
                if let Some(evento) = interpretar(&bloque) {
                    return Some(evento);
                }
                continue;
            }
            let trozo = self.respuesta.chunk().await.unwrap()?;
            self.leido.push_str(std::str::from_utf8(&trozo).unwrap());
        }
    }

    /// Las reservas de los siguientes eventos, con su nombre.
    pub async fn siguientes(&mut self, cuantos: usize) -> Vec<(String, String)> {
        let mut vistos = Vec::new();
        for _ in 0..cuantos {
            let evento = self.siguiente().await.unwrap();
            vistos.push((evento.nombre, evento.datos["id_reserva"].as_str().unwrap().to_owned()));
        }
        vistos
    }
}

/// Lo que dice un bloque, o nada si sólo trae comentarios.
fn interpretar(bloque: &str) -> Option<Evento> {
    let mut evento = Evento::default();
    for linea in bloque.lines() {
        match linea.split_once(": ") {
            Some(("event", valor)) => valor.clone_into(&mut evento.nombre),
            Some(("id", valor)) => valor.clone_into(&mut evento.id),
            Some(("data", valor)) => evento.datos = serde_json::from_str(valor).unwrap(),
            Some(("retry", valor)) => assert!(valor.parse::<u32>().unwrap() >= 1_000),
            _ => {}
        }
    }
    (!evento.datos.is_null()).then_some(evento)
}
