//! Cuerpos de reserva que no tienen la forma debida: 400 que señala el dato, y nada guardado.

use serde_json::{Value, json};

use crate::apoyo::{Prueba, reserva};

const LEG: &str = "/itinerarios/0/odos/0/segmentos/0/legs/0";

/// La reserva del contrato con otra cosa en ese lugar.
fn con(puntero: &str, valor: Value) -> Value {
    let mut cuerpo = reserva();
    *cuerpo.pointer_mut(puntero).unwrap() = valor;
    cuerpo
}

/// La reserva del contrato sin ese miembro.
fn sin(objeto: &str, miembro: &str) -> Value {
    let mut cuerpo = reserva();
    cuerpo.pointer_mut(objeto).unwrap().as_object_mut().unwrap().remove(miembro).unwrap();
    cuerpo
}

/// Comprueba que cada cuerpo se rechace señalando ese dato, y que no quede nada guardado.
async fn comprobar(casos: Vec<(Value, String)>) {
    let prueba = Prueba::nueva().await;
    for (cuerpo, puntero) in casos {
        prueba.servicio.post("/vuelos/reserva", &cuerpo).await.dato_invalido(&puntero);
    }
    assert_eq!(prueba.filas_de_reservas().await, 0);
}

#[tokio::test]
async fn un_cuerpo_que_no_es_un_objeto_se_rechaza() {
    let cuerpos = [json!(null), json!([]), json!("x"), json!(7), json!(true), json!([null, []])];
    comprobar(cuerpos.into_iter().map(|cuerpo| (cuerpo, String::new())).collect()).await;
}

#[tokio::test]
async fn un_dato_que_falta_se_nombra() {
    let mut casos = vec![
        (sin("/itinerarios/0", "odos"), "/itinerarios/0/odos".to_owned()),
        (sin("/itinerarios/0/odos/0", "segmentos"), "/itinerarios/0/odos/0/segmentos".to_owned()),
        (sin("/itinerarios/0/odos/0/segmentos/0", "legs"), "/itinerarios/0/odos/0/segmentos/0/legs".to_owned()),
    ];
    for miembro in ["fecha_salida", "fecha_llegada", "origen", "destino"] {
        casos.push((sin(LEG, miembro), format!("{LEG}/{miembro}")));
    }
    for lado in ["origen", "destino"] {
        casos.push((sin(&format!("{LEG}/{lado}"), "codigo"), format!("{LEG}/{lado}/codigo")));
    }
    comprobar(casos).await;
}

#[tokio::test]
async fn un_dato_de_otro_tipo_se_nombra() {
    let lugares = [
        "/itinerarios",
        "/itinerarios/0",
        "/itinerarios/0/odos",
        "/itinerarios/0/odos/0",
        "/itinerarios/0/odos/0/segmentos",
        "/itinerarios/0/odos/0/segmentos/0",
        "/itinerarios/0/odos/0/segmentos/0/legs",
        LEG,
        "/itinerarios/0/odos/0/segmentos/0/legs/0/fecha_salida",
        "/itinerarios/0/odos/0/segmentos/0/legs/0/fecha_llegada",
        "/itinerarios/0/odos/0/segmentos/0/legs/0/origen",
        "/itinerarios/0/odos/0/segmentos/0/legs/0/destino",
        "/itinerarios/0/odos/0/segmentos/0/legs/0/origen/codigo",
        "/itinerarios/0/odos/0/segmentos/0/legs/0/destino/codigo",
    ];
    let malos = [json!(null), json!(7), json!(true)];
    let en = |lugar: &str| malos.clone().map(|malo| (con(lugar, malo), lugar.to_owned()));
    let mut casos: Vec<_> = lugares.into_iter().flat_map(en).collect();
    let nombre = format!("{LEG}/origen/nombre");
    // Una lista con los miembros por posición no es un objeto.
    for objeto in ["/itinerarios/0", LEG, &format!("{LEG}/origen")] {
        casos.push((con(objeto, json!(["BOG", "El Dorado"])), objeto.to_owned()));
    }
    casos.push((con(&nombre, json!(7)), nombre.clone()));
    casos.push((con(&nombre, json!({"es": "El Dorado"})), nombre));
    comprobar(casos).await;
}

#[tokio::test]
async fn una_fecha_que_no_lo_es_se_nombra() {
    let malas = [
        "",
        "ayer",
        "2022-11-22",
        "2022-11-22T13:10:00",
        "2022-11-22 13:10:00",
        "2022-02-30T00:00:00Z",
        "2022-11-22T24:00:00Z",
        "2022-11-22T13:10:00+25:00",
        "10000-01-01T00:00:00Z",
        "+12022-11-22T13:10:00Z",
        "-0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59-00:01",
    ];
    let lugar = format!("{LEG}/fecha_llegada");
    comprobar(malas.into_iter().map(|mala| (con(&lugar, mala.into()), lugar.clone())).collect()).await;
}

#[tokio::test]
async fn un_cliente_que_no_es_un_uuid_se_nombra() {
    let casos = [json!("x"), json!(""), json!(7), json!([])].map(|malo| {
        let mut cuerpo = reserva();
        cuerpo["id_cliente"] = malo;
        (cuerpo, "/id_cliente".to_owned())
    });
    comprobar(casos.into()).await;
}

#[tokio::test]
async fn un_dato_repetido_se_nombra() {
    let prueba = Prueba::nueva().await;
    let texto = r#"{"itinerarios": [], "itinerarios": []}"#;
    let respuesta = prueba.servicio.post_texto("/vuelos/reserva", Some("application/json"), texto).await;
    respuesta.dato_invalido("/itinerarios");
}
