//! Una sola traza desde la solicitud hasta el evento publicado, por OTLP, y su identidad en los registros.

use reqwest::Method;
use serde_json::Value;

use crate::apoyo::{Prueba, reserva};
use crate::comun::hasta;
use crate::recolector::{Recolector, Tramo};

const TRAZA: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const DEL_CLIENTE: &str = "00f067aa0ba902b7";

async fn con_recolector() -> (Recolector, Prueba) {
    let recolector = Recolector::nuevo().await;
    let entorno = [("OTEL_EXPORTER_OTLP_ENDPOINT", recolector.url.as_str()), ("OTEL_BSP_SCHEDULE_DELAY", "50")];
    let prueba = Prueba::con(&entorno).await;
    (recolector, prueba)
}

fn cadena<'a>(tramos: &'a [&Tramo], desde: &'a str) {
    let mut padre = desde;
    for tramo in tramos {
        assert_eq!(tramo.padre, padre, "{}", tramo.nombre);
        padre = &tramo.id;
    }
}

#[tokio::test]
async fn una_traza_va_de_la_solicitud_aceptada_al_evento_publicado() {
    let (recolector, prueba) = con_recolector().await;
    let con_traza = |solicitud: reqwest::RequestBuilder| {
        solicitud.header("traceparent", format!("00-{TRAZA}-{DEL_CLIENTE}-01")).json(&reserva())
    };
    prueba.servicio.pedir(Method::POST, "/vuelos/reserva-comando", con_traza).await.con(202);
    let http = recolector.esperar(TRAZA, "POST /vuelos/reserva-comando").await;
    let envio = recolector.esperar(TRAZA, "send comandos-reserva").await;
    let consumo = recolector.esperar(TRAZA, "process comandos-reserva").await;
    let evento = recolector.esperar(TRAZA, "send eventos-reserva").await;
    let unidades: Vec<_> = recolector.tramos().into_iter().filter(|tramo| tramo.nombre == "unit_of_work").collect();
    let unidad = unidades.iter().find(|unidad| unidad.padre == consumo.id).expect("la del comando");
    cadena(&[&http, &envio, &consumo, unidad, &evento], DEL_CLIENTE);
    let clases = [&http, &envio, &consumo, unidad, &evento].map(|tramo| tramo.clase);
    assert_eq!(clases, [2, 4, 5, 1, 4], "servidor, productor, consumidor, interno, productor");
    assert_eq!(http.servicio, "aeroalpes");
    assert_eq!(http.atributos["http.route"], "/vuelos/reserva-comando");
    assert_eq!(consumo.atributos["messaging.destination.name"], "comandos-reserva");
    // Lo que queda guardado es la misma cadena: quien reciba el evento sigue desde ahí.
    let guardado = format!(
        "SELECT count(*) FROM bandeja_salida WHERE topico = 'eventos-reserva' AND traceparent = '00-{TRAZA}-{}-01'",
        evento.id
    );
    assert_eq!(prueba.base.contar(&guardado).await, 1);
}

#[tokio::test]
async fn sin_traza_del_cliente_empieza_una_y_al_cerrar_no_se_pierde_nada() {
    let recolector = Recolector::nuevo().await;
    // Ningún lote sale por tiempo: todo lo que llegue es del cierre.
    let entorno = [
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", &*format!("{}/v1/traces", recolector.url)),
        ("OTEL_BSP_SCHEDULE_DELAY", "3600000"),
        ("OTEL_SERVICE_NAME", "otro-nombre"),
    ];
    let mut prueba = Prueba::con(&entorno).await;
    prueba.reserva().await;
    prueba.servicio.get("/health").await.con(200);
    let linea = prueba.servicio.registros.esperar("/vuelos/reserva").await;
    let linea: Value = serde_json::from_str(&linea).unwrap();
    assert!(recolector.tramos().is_empty());
    prueba.servicio.pedir_que_pare();
    assert!(prueba.servicio.esperar_fin().await.success());
    let http = recolector.esperar(linea["trace_id"].as_str().unwrap(), "POST /vuelos/reserva").await;
    assert_eq!((http.padre.as_str(), http.servicio.as_str()), ("", "otro-nombre"), "es la raíz");
    let evento = recolector.esperar(&http.traza, "send eventos-reserva").await;
    let unidad = recolector.tramos().into_iter().find(|tramo| tramo.id == evento.padre).unwrap();
    cadena(&[&http, &unidad, &evento], "");
    assert!(recolector.tramos().iter().all(|tramo| !tramo.nombre.contains("/health")));
}

#[tokio::test]
async fn quien_no_quiere_que_se_guarde_su_traza_no_la_ve_exportada() {
    let (recolector, prueba) = con_recolector().await;
    let sin_muestra = |solicitud: reqwest::RequestBuilder| {
        solicitud.header("traceparent", format!("00-{TRAZA}-{DEL_CLIENTE}-00")).json(&reserva())
    };
    prueba.servicio.pedir(Method::POST, "/vuelos/reserva", sin_muestra).await.con(200);
    prueba.reserva().await;
    hasta("que llegue otra", async || recolector.tramos().len() > 2).await;
    assert!(recolector.tramos().iter().all(|tramo| tramo.traza != TRAZA));
    let guardado = format!("SELECT count(*) FROM bandeja_salida WHERE traceparent LIKE '00-{TRAZA}-%-00'");
    assert_eq!(prueba.base.contar(&guardado).await, 1, "pero la cadena sigue");
}

#[tokio::test]
async fn toda_linea_que_nace_de_una_solicitud_o_de_un_mensaje_lleva_su_traza_sin_que_se_exporte_nada() {
    let prueba = Prueba::nueva().await;
    prueba.chocar_cuando("veces % 2 = 1").await;
    for ruta in ["/vuelos/reserva", "/vuelos/reserva-comando"] {
        let traza = TRAZA.replace('4', if ruta.ends_with("comando") { "a" } else { "b" });
        let con_traza = |solicitud: reqwest::RequestBuilder| {
            solicitud.header("traceparent", format!("00-{traza}-{DEL_CLIENTE}-01")).json(&reserva())
        };
        prueba.servicio.pedir(Method::POST, ruta, con_traza).await;
        let marca = format!("{{\"trace_id\":\"{traza}\"");
        for mensaje in ["solicitud atendida", "la orden chocó con otra"] {
            let de_ambos = async || {
                let texto = prueba.servicio.registros.texto();
                texto.lines().any(|linea| linea.starts_with(&marca) && linea.contains(mensaje))
            };
            hasta(&format!("«{mensaje}» con su traza"), de_ambos).await;
        }
    }
    for linea in prueba.servicio.registros.texto().lines() {
        serde_json::from_str::<Value>(linea).unwrap();
    }
}
