//! La identidad de cada solicitud y lo que se registra de ella.

use reqwest::Method;
use reqwest::header::HeaderValue;
use serde_json::Value;
use uuid::Uuid;

use crate::apoyo::{Prueba, id, reserva};
use crate::comun::servicio::Respuesta;

/// Un `GET` que dice su propia identidad.
async fn get_como(prueba: &Prueba, ruta: &str, id: &[u8]) -> Respuesta {
    let id = HeaderValue::from_bytes(id).unwrap();
    prueba.servicio.pedir(Method::GET, ruta, |solicitud| solicitud.header("x-request-id", id)).await
}

#[tokio::test]
async fn la_identidad_de_la_solicitud_se_devuelve_si_es_sensata() {
    let prueba = Prueba::nueva().await;
    let larga = "a".repeat(128);
    for identidad in ["abc-123", "0199d0a4-5f0e-7c52-9d4e-0f4a5f3c2b1a", "x", &larga] {
        for (ruta, estado) in [("/health", 200), ("/nada", 404), ("/vuelos/reserva?limite=0", 400)] {
            let respuesta = get_como(&prueba, ruta, identidad.as_bytes()).await;
            assert_eq!(respuesta.estado, estado);
            assert_eq!(respuesta.cabecera("x-request-id"), Some(identidad));
            if estado != 200 {
                assert_eq!(respuesta.cuerpo["id_solicitud"], identidad);
            }
        }
    }
}

#[tokio::test]
async fn la_identidad_que_falta_o_no_es_sensata_se_reemplaza() {
    let prueba = Prueba::nueva().await;
    let larga = "a".repeat(129);
    let mut vistas = Vec::new();
    for mala in ["", "con espacio", "con\ttabulador", &larga, "identidad-ñ"] {
        let respuesta = get_como(&prueba, "/nada", mala.as_bytes()).await;
        respuesta.problema(404, "ruta-no-existe");
        vistas.push(respuesta.cabecera("x-request-id").unwrap().to_owned());
    }
    for ruta in ["/health", "/nada"] {
        vistas.push(prueba.servicio.get(ruta).await.cabecera("x-request-id").unwrap().to_owned());
    }
    assert!(vistas.iter().all(|vista| Uuid::parse_str(vista).is_ok()), "{vistas:?}");
    vistas.sort_unstable();
    vistas.dedup();
    assert_eq!(vistas.len(), 7, "cada solicitud tiene la suya");
}

#[tokio::test]
async fn cada_solicitud_queda_registrada_con_su_identidad() {
    let prueba = Prueba::nueva().await;
    get_como(&prueba, "/vuelos/reserva?limite=0", b"la-busco-luego").await.problema(400, "parametro-invalido");
    let linea: Value = serde_json::from_str(&prueba.servicio.registros.esperar("la-busco-luego").await).unwrap();
    assert_eq!(linea["estado"], 400);
    assert_eq!(linea["span"]["metodo"], "GET");
    assert_eq!(linea["span"]["ruta"], "/vuelos/reserva");
    assert!(linea["ms"].as_f64().is_some(), "{linea}");
}

#[tokio::test]
async fn la_identidad_y_la_traza_llegan_a_los_mensajes() {
    const TRAZA: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let prueba = Prueba::nueva().await;
    let creada = prueba
        .servicio
        .pedir(Method::POST, "/vuelos/reserva", |solicitud| {
            solicitud.header("x-request-id", "la-mia").header("traceparent", TRAZA).json(&reserva())
        })
        .await
        .con(200);
    let sql = format!(
        "SELECT count(*) FROM bandeja_salida WHERE clave = '{}' AND correlacion = 'la-mia' AND traceparent = '{TRAZA}'",
        id(&creada)
    );
    assert_eq!(prueba.base.contar(&sql).await, 1);
}
