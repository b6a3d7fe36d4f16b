//! `GET /comandos/{id}/eventos`.

use reqwest::{Method, RequestBuilder};
use serde_json::Value;
use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, UtcOffset};
use uuid::Uuid;

use crate::apoyo::{FilaBloqueada, Prueba, id, reserva};
use crate::comun::hasta;
use crate::comun::servicio::Servicio;
use crate::flujo::Flujo;

/// Acepta una orden sobre una reserva y da la ruta de su comando.
pub async fn aceptar(servicio: &Servicio, reserva: &str, orden: &str) -> String {
    let sin_esperar = |solicitud: RequestBuilder| solicitud.header("prefer", "respond-async");
    let ruta = format!("/vuelos/reserva/{reserva}/{orden}");
    let aceptado = servicio.pedir(Method::POST, &ruta, sin_esperar).await.con(202);
    format!("/comandos/{}", aceptado["id_comando"].as_str().unwrap())
}

/// Los tiempos que se saben, en orden y con milisegundos.
fn tiempos(datos: &Value) -> Vec<OffsetDateTime> {
    let nombres = ["aceptado_en", "recibido_en", "cumplido_en"];
    let sabidos = nombres.map(|nombre| datos["tiempos"][nombre].as_str()).into_iter().flatten();
    sabidos
        .map(|texto| {
            assert_eq!((texto.len(), &texto[19..20], &texto[23..]), (24, ".", "Z"), "{texto}");
            OffsetDateTime::parse(texto, &Rfc3339).unwrap().to_offset(UtcOffset::UTC)
        })
        .collect()
}

#[tokio::test]
async fn quien_llega_tarde_recibe_el_estado_final_en_el_acto_y_ahi_termina() {
    let prueba = Prueba::nueva().await;
    let aceptado = prueba.servicio.post("/vuelos/reserva-comando", &reserva()).await.con(202);
    let ruta = format!("/comandos/{}", aceptado["id_comando"].as_str().unwrap());
    let terminado = async || prueba.servicio.get(&ruta).await.con(200)["estado"] == "ejecutado";
    hasta("que se cumpla", terminado).await;
    let mut flujo = Flujo::abrir(&prueba.servicio, &format!("{ruta}/eventos"), &[]).await;
    let unico = flujo.siguiente().await.unwrap();
    assert_eq!(unico.nombre, "comando");
    assert_eq!(unico.datos, prueba.servicio.get(&ruta).await.con(200));
    assert_eq!(unico.datos["recurso"], format!("/vuelos/reserva/{}", id(&aceptado)));
    let tiempos = tiempos(&unico.datos);
    assert!(tiempos.len() == 3 && tiempos.is_sorted(), "{tiempos:?}");
    assert_eq!(flujo.siguiente().await, None);
    // La respuesta entera, contra la especificación.
    assert!(prueba.servicio.get(&format!("{ruta}/eventos")).await.texto.starts_with("event: comando\n"));
}

#[tokio::test]
async fn el_pendiente_se_ve_recibir_y_cumplir_desde_las_dos_instancias() {
    let prueba = Prueba::nueva().await;
    let otra = Servicio::arrancar(&prueba.base, &[]).await;
    let reserva = prueba.reserva().await;
    let bloqueo = FilaBloqueada::nueva(&prueba.base, "reservas", &reserva).await;
    let ruta = format!("{}/eventos", aceptar(&prueba.servicio, &reserva, "pagar").await);
    // Lo cumple una de las dos; quien sigue a la otra también tiene que verlo.
    let mut flujos = [Flujo::abrir(&prueba.servicio, &ruta, &[]).await, Flujo::abrir(&otra, &ruta, &[]).await];
    for flujo in &mut flujos {
        let mut visto = flujo.siguiente().await.unwrap();
        if visto.datos["tiempos"]["recibido_en"].is_null() {
            visto = flujo.siguiente().await.unwrap();
        }
        assert_eq!((&visto.datos["estado"], tiempos(&visto.datos).len()), (&"pendiente".into(), 2), "{visto:?}");
    }
    bloqueo.soltar().await;
    for flujo in &mut flujos {
        let visto = flujo.siguiente().await.unwrap();
        assert_eq!((&visto.datos["estado"], tiempos(&visto.datos).len()), (&"ejecutado".into(), 3), "{visto:?}");
        assert_eq!(flujo.siguiente().await, None);
    }
}

#[tokio::test]
async fn el_rechazado_trae_su_problema() {
    let prueba = Prueba::nueva().await;
    let reserva = prueba.reserva().await;
    prueba.a_la_reserva(&reserva, "cancelar").await.con(200);
    let ruta = format!("{}/eventos", aceptar(&prueba.servicio, &reserva, "pagar").await);
    let mut flujo = Flujo::abrir(&prueba.servicio, &ruta, &[]).await;
    let mut ultimo = None;
    while let Some(evento) = flujo.siguiente().await {
        ultimo = Some(evento.datos);
    }
    let ultimo = ultimo.unwrap();
    assert_eq!((&ultimo["estado"], &ultimo["problema"]["status"]), (&"rechazado".into(), &409.into()), "{ultimo}");
}

#[tokio::test]
async fn lo_que_nadie_acepto_es_un_404_antes_de_empezar() {
    let prueba = Prueba::nueva().await;
    for id in [Uuid::new_v4().to_string(), "x".into()] {
        assert_eq!(prueba.servicio.get(&format!("/comandos/{id}/eventos")).await.estado, 404);
    }
}
