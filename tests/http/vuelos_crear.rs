//! Crear una reserva y leerla: lo que se responde es lo que quedó guardado.

use reqwest::Method;
use serde_json::{Value, json};

use crate::apoyo::{Prueba, como_vuelven, id, ida, leg, miembros, reserva, reserva_con_legs};
use crate::comun::especificacion::es_fecha;

/// Las dos rutas por las que se lee una reserva.
const RUTAS: [&str; 2] = ["/vuelos/reserva", "/vuelos/reserva-query"];

/// Crea la reserva y comprueba que leerla, por las dos rutas, da lo mismo que crearla.
async fn crear(prueba: &Prueba, cuerpo: &Value) -> Value {
    let creada = prueba.servicio.post("/vuelos/reserva", cuerpo).await.con(200);
    for ruta in RUTAS {
        let leida = prueba.servicio.get(&format!("{ruta}/{}", id(&creada))).await.con(200);
        assert_eq!(leida, creada);
    }
    creada
}

#[tokio::test]
async fn la_reserva_creada_vuelve_tal_como_quedo_guardada() {
    let prueba = Prueba::nueva().await;
    let creada = crear(&prueba, &reserva()).await;
    let esperados =
        ["estado", "fecha_actualizacion", "fecha_creacion", "id", "id_cliente", "id_usuario", "itinerarios"];
    assert_eq!(miembros(&creada), esperados);
    assert_eq!(creada["estado"], "pendiente");
    assert_eq!((&creada["id_cliente"], &creada["id_usuario"]), (&Value::Null, &Value::Null));
    assert!(es_fecha(creada["fecha_creacion"].as_str().unwrap()));
    assert_eq!(creada["fecha_actualizacion"], creada["fecha_creacion"]);
    assert_eq!(creada["itinerarios"], como_vuelven(&reserva()));
    let recientes = "SELECT count(*) FROM reservas WHERE fecha_creacion BETWEEN now() - interval '1 minute' AND now()";
    assert_eq!(prueba.base.contar(recientes).await, 1);
    assert_eq!(prueba.eventos("ReservaCreada", &id(&creada)).await, 1);
}

#[tokio::test]
async fn las_fechas_salen_en_utc_y_sin_fraccion() {
    let prueba = Prueba::nueva().await;
    let enviada = reserva_con_legs(&json!([
        leg("2022-11-22T08:10:00-05:00", "2022-11-22T10:10:00.999999-05:00", "BOG", "MIA"),
        leg("2022-11-23T01:00:00.5+09:30", "2022-11-22T15:30:01.25Z", "MIA", "JFK"),
    ]));
    let creada = crear(&prueba, &enviada).await;
    let legs = &creada["itinerarios"][0]["odos"][0]["segmentos"][0]["legs"];
    let fechas = |leg: &Value| [leg["fecha_salida"].clone(), leg["fecha_llegada"].clone()];
    assert_eq!(fechas(&legs[0]), ["2022-11-22T13:10:00Z", "2022-11-22T15:10:00Z"]);
    assert_eq!(fechas(&legs[1]), ["2022-11-22T15:30:00Z", "2022-11-22T15:30:01Z"]);
}

#[tokio::test]
async fn los_extremos_del_calendario_se_guardan_y_vuelven_iguales() {
    let prueba = Prueba::nueva().await;
    let enviada = reserva_con_legs(&json!([leg("0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "BOG", "JFK")]));
    assert_eq!(crear(&prueba, &enviada).await["itinerarios"], como_vuelven(&enviada));
}

#[tokio::test]
async fn varios_itinerarios_se_guardan_exactos_en_orden_y_con_nombres() {
    let prueba = Prueba::nueva().await;
    let dia = |dia: u8, origen: &str, destino: &str| {
        leg(&format!("2023-01-{dia:02}T10:00:00Z"), &format!("2023-01-{dia:02}T12:00:00Z"), origen, destino)
    };
    let enviada = json!({"itinerarios": [
        {"odos": [
            {"segmentos": [{"legs": [dia(20, "SKBO", "MIA"), dia(21, "MIA", "JFK")]}, {"legs": [dia(5, "CLO", "BOG")]}]},
            {"segmentos": [{"legs": [dia(1, "JFK", "BOG")]}]},
        ]},
        {"odos": [{"segmentos": [{"legs": [dia(9, "MDE", "CTG")]}, {"legs": [dia(2, "CTG", "MDE")]}]}]},
        {"odos": [{"segmentos": [{"legs": [ida()]}]}]},
    ]});
    assert_eq!(crear(&prueba, &enviada).await["itinerarios"], como_vuelven(&enviada));
}

#[tokio::test]
async fn el_nombre_de_un_aeropuerto_puede_faltar_y_su_codigo_sale_en_mayusculas() {
    let prueba = Prueba::nueva().await;
    let mut vuelo = ida();
    vuelo["origen"] = json!({"codigo": "skBo", "fecha_creacion": null, "fecha_actualizacion": null});
    vuelo["destino"] = json!({"codigo": "jfk", "nombre": ""});
    let creada = crear(&prueba, &reserva_con_legs(&json!([vuelo]))).await;
    vuelo["origen"] = json!({"codigo": "SKBO", "nombre": ""});
    vuelo["destino"] = json!({"codigo": "JFK", "nombre": ""});
    assert_eq!(creada["itinerarios"], como_vuelven(&reserva_con_legs(&json!([vuelo]))));

    vuelo["origen"]["nombre"] = Value::Null;
    let creada = crear(&prueba, &reserva_con_legs(&json!([vuelo]))).await;
    assert_eq!(creada["itinerarios"][0]["odos"][0]["segmentos"][0]["legs"][0]["origen"]["nombre"], "");
}

#[tokio::test]
async fn el_mismo_cuerpo_dos_veces_son_dos_reservas() {
    let prueba = Prueba::nueva().await;
    assert_ne!(prueba.reserva().await, prueba.reserva().await);
    assert_eq!(prueba.base.contar("SELECT count(*) FROM reservas").await, 2);
}

#[tokio::test]
async fn la_identidad_las_fechas_y_lo_desconocido_que_envia_el_cliente_se_ignoran() {
    let prueba = Prueba::nueva().await;
    let ajena = prueba.reserva().await;
    let mut enviada = reserva();
    enviada["estado"] = "aprobada".into();
    enviada["itinerarios"][0]["odos"][0]["segmentos"][0]["legs"][0]["origen"]["fecha_creacion"] = "ayer".into();
    for camino in ["", "/itinerarios/0", "/itinerarios/0/odos/0", "/itinerarios/0/odos/0/segmentos/0"] {
        let objeto = enviada.pointer_mut(camino).unwrap();
        objeto["id"] = ajena.clone().into();
        objeto["fecha_creacion"] = "1990-01-01T00:00:00Z".into();
        objeto["fecha_actualizacion"] = json!({"no es": "una fecha"});
        objeto["desconocido"] = json!([[{"x": null}]]);
    }
    let creada = crear(&prueba, &enviada).await;
    assert_ne!(creada["id"], ajena);
    assert_eq!(creada["estado"], "pendiente");
    assert!(creada["fecha_creacion"].as_str().unwrap() > "2020", "{creada}");
    assert_eq!(creada["itinerarios"], como_vuelven(&reserva()));
}

#[tokio::test]
async fn se_acepta_json_con_su_juego_de_caracteres_y_sus_variantes() {
    let prueba = Prueba::nueva().await;
    for tipo in ["application/json; charset=utf-8", "application/JSON;charset=\"UTF-8\"", "application/vnd.x+json"] {
        let respuesta = prueba.servicio.post_texto("/vuelos/reserva", Some(tipo), reserva().to_string()).await;
        assert_eq!(respuesta.con(200)["itinerarios"], como_vuelven(&reserva()), "{tipo}");
    }
}

#[tokio::test]
async fn una_reserva_desconocida_o_mal_nombrada_no_existe() {
    let prueba = Prueba::nueva().await;
    for ruta in RUTAS {
        let respuesta = prueba.servicio.get(&format!("{ruta}/00000000-0000-4000-8000-000000000000")).await;
        respuesta.problema(404, "reserva-no-existe");
        for mala in ["x", "123", "%00", "%ff", "00000000-0000-4000-8000-00000000000g"] {
            prueba.servicio.get(&format!("{ruta}/{mala}")).await.problema(404, "no-existe");
        }
    }
}

#[tokio::test]
async fn head_responde_como_get_pero_sin_cuerpo() {
    let prueba = Prueba::nueva().await;
    let ruta = format!("/vuelos/reserva/{}", prueba.reserva().await);
    let url = format!("http://{}{ruta}", prueba.servicio.direccion());
    let cliente = reqwest::Client::builder().no_proxy().build().unwrap();
    let respuesta = cliente.request(Method::HEAD, url).send().await.unwrap();
    assert_eq!(respuesta.status(), 200);
    let largo = prueba.servicio.get(&ruta).await.texto.len();
    assert_eq!(respuesta.headers()["content-length"], largo.to_string());
    assert_eq!(respuesta.text().await.unwrap(), "");
}
