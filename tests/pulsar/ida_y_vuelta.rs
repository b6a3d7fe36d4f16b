//! De 202 al resultado y al evento, y lo que llega dos veces.

use std::time::Instant;

use serde_json::{Value, json};
use uuid::Uuid;

use crate::apoyo::{Prueba, crear, reserva, resultado, sin_esperar};
use crate::comun::hasta;
use crate::comun::servicio::Servicio;
use crate::oyente::{Oyente, publicar};

fn es_traza(texto: &str) -> bool {
    let partes: Vec<_> = texto.split('-').collect();
    let largos: Vec<_> = partes.iter().map(|parte| parte.len()).collect();
    largos == [2, 32, 16, 2] && texto.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
}

#[tokio::test]
async fn una_reserva_encargada_se_crea_y_su_evento_sale_y_vuelve() {
    let prueba = Prueba::nueva().await;
    let mut comandos = Oyente::nuevo(&prueba.broker.url, "comandos-reserva").await;
    let mut eventos = Oyente::nuevo(&prueba.broker.url, "eventos-reserva").await;
    let respuesta = prueba.servicio.post("/vuelos/reserva-comando", &reserva()).await;
    let direccion = respuesta.cabecera("location").unwrap().to_owned();
    let aceptado = crate::apoyo::Aceptado::from(respuesta.con(202));
    assert_eq!(direccion, format!("/comandos/{}", aceptado.id_comando));
    let terminado = prueba.resultado(&aceptado.id_comando).await;
    let recurso = format!("/vuelos/reserva/{}", aceptado.id);
    assert_eq!((&terminado["estado"], &terminado["recurso"]), (&json!("ejecutado"), &json!(recurso)));
    assert_eq!(terminado["comando"], "CrearReserva");
    assert_eq!(prueba.servicio.get(&recurso).await.con(200)["id"], aceptado.id);

    let comando = comandos.esperar(&aceptado.id_comando).await;
    let evento = eventos.siguiente().await;
    for mensaje in [&comando, &evento] {
        assert_eq!(mensaje.clave.as_ref(), Some(&aceptado.id));
        assert!(
            mensaje.momento.is_some_and(|momento| momento > 1_700_000_000_000) && mensaje.version_esquema.is_some()
        );
        assert!(es_traza(&mensaje.propiedades["traceparent"]), "{:?}", mensaje.propiedades);
    }
    assert_eq!((&*comando.propiedades["type"], &*evento.propiedades["type"]), ("CrearReserva", "ReservaCreada"));
    assert!(!comando.propiedades["correlacion"].is_empty());
    assert_eq!(evento.propiedades["correlacion"], comando.propiedades["correlacion"]);
    assert_eq!(evento.propiedades["causa"], aceptado.id_comando);
    assert_eq!(comando.propiedades.get("causa"), None);
    let traza = |texto: &str| texto.split('-').nth(1).map(str::to_owned);
    assert_eq!(traza(&evento.propiedades["traceparent"]), traza(&comando.propiedades["traceparent"]));

    let historia = async || prueba.servicio.get(&format!("{recurso}/historia")).await.con(200);
    let completa = |historia: &Value| {
        let eventos = historia.as_array().unwrap();
        eventos.len() == 1 && eventos[0].as_object().unwrap().values().all(|valor| !valor.is_null())
    };
    hasta("que la historia esté completa", async || completa(&historia().await)).await;
    assert_eq!(historia().await[0]["type"], "ReservaCreada");
}

#[tokio::test]
async fn lo_que_tarda_un_comando_aceptado_se_mide() {
    let prueba = Prueba::nueva().await;
    let mut eventos = Oyente::nuevo(&prueba.broker.url, "eventos-reserva").await;
    let (mut hasta_el_202, mut hasta_el_resultado, mut hasta_el_evento) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..40 {
        let inicio = Instant::now();
        let aceptado = crear(&prueba.servicio).await;
        hasta_el_202.push(inicio.elapsed());
        let ruta = format!("/comandos/{}", aceptado.id_comando);
        while prueba.servicio.get(&ruta).await.con(200)["estado"] == "pendiente" {}
        hasta_el_resultado.push(inicio.elapsed());
        assert_eq!(eventos.siguiente().await.clave, Some(aceptado.id));
        hasta_el_evento.push(inicio.elapsed());
    }
    for (que, mut medidas) in
        [("202", hasta_el_202), ("resultado", hasta_el_resultado), ("evento recibido", hasta_el_evento)]
    {
        medidas.sort_unstable();
        println!("hasta el {que}: mediana {:?}, máximo {:?}", medidas[20], medidas[39]);
    }
}

#[tokio::test]
async fn el_mismo_mensaje_dos_veces_tiene_un_solo_efecto_y_un_solo_resultado() {
    let prueba = Prueba::nueva().await;
    let url = &prueba.broker.url;
    let mut comandos = Oyente::nuevo(url, "comandos-reserva").await;
    let creada = crear(&prueba.servicio).await;
    prueba.resultado(&creada.id_comando).await;
    let pagada = crate::apoyo::Aceptado::from(sin_esperar(&prueba.servicio, &creada.id, "pagar").await.con(202));
    let resultado = prueba.resultado(&pagada.id_comando).await;
    let esquema = prueba.broker.esquema("comandos-reserva").await;
    for id in [&creada.id_comando, &pagada.id_comando] {
        let comando = comandos.esperar(id).await;
        for _ in 0..2 {
            let (esquema, propiedades) = (esquema["data"].as_str(), [("id", id.as_str()), ("type", "repetido")]);
            publicar(url, "comandos-reserva", esquema, &propiedades, &comando.datos).await;
        }
    }
    let atraso = async || prueba.broker.atraso("comandos-reserva", "aeroalpes-sub-comandos").await;
    hasta("que se confirmen las repeticiones", async || atraso().await == 0).await;
    prueba.en_calma().await;
    assert_eq!(prueba.resultado(&pagada.id_comando).await, resultado);
    assert_eq!(prueba.base.contar("SELECT count(*) FROM resultados_comando").await, 2);
    assert_eq!(prueba.base.contar("SELECT count(*) FROM reservas").await, 1);
    assert_eq!(prueba.base.contar("SELECT count(*) FROM bandeja_salida").await, 2);
}

/// El problema de una respuesta síncrona, sin lo que cambia en cada petición.
fn sin_solicitud(problema: &Value) -> Value {
    let mut problema = problema.clone();
    problema.as_object_mut().unwrap().remove("id_solicitud");
    problema
}

#[tokio::test]
async fn un_comando_rechazado_cuenta_el_mismo_problema_que_la_llamada_sincrona() {
    rechazos(&Prueba::nueva().await.servicio).await;
}

/// Lo mismo en los dos buses: el resultado cuenta el problema que habría dado la llamada síncrona.
pub async fn rechazos(servicio: &Servicio) {
    let cancelada = crear(servicio).await;
    resultado(servicio, &cancelada.id_comando).await;
    servicio.ordenar(&format!("/vuelos/reserva/{}/cancelar", cancelada.id)).await.con(200);
    for id in [cancelada.id, Uuid::now_v7().to_string()] {
        let sincrona = servicio.ordenar(&format!("/vuelos/reserva/{id}/pagar")).await;
        assert!(sincrona.estado == 409 || sincrona.estado == 404);
        let aceptado = crate::apoyo::Aceptado::from(sin_esperar(servicio, &id, "pagar").await.con(202));
        let terminado = resultado(servicio, &aceptado.id_comando).await;
        assert_eq!((&terminado["estado"], &terminado["recurso"]), (&json!("rechazado"), &Value::Null));
        assert_eq!(sin_solicitud(&terminado["problema"]), sin_solicitud(&sincrona.cuerpo));
    }
    let mut ajena = reserva();
    ajena["id_cliente"] = Uuid::now_v7().to_string().into();
    let sincrona = servicio.post("/vuelos/reserva", &ajena).await;
    let aceptado = servicio.post("/vuelos/reserva-comando", &ajena).await.con(202);
    let terminado = resultado(servicio, aceptado["id_comando"].as_str().unwrap()).await;
    assert_eq!(sin_solicitud(&terminado["problema"]), sin_solicitud(&sincrona.con(422)));
}
