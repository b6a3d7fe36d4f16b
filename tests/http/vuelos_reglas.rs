//! Las reglas de las reservas vistas desde HTTP: 400 con `Regla - mensaje`, el puntero del dato y nada guardado.

use serde_json::{Value, json};

use crate::apoyo::{Prueba, ida, leg, reserva, reserva_con_legs};

const ITINERARIO: &str = "MinimoUnItinerario - La lista de itinerarios debe tener al menos un itinerario";
const ODO: &str = "MinimoUnOdo - La lista de odos debe tener al menos un odo";
const SEGMENTO: &str = "MinimoUnSegmento - La lista de segmentos debe tener al menos un segmento";
const LEG: &str = "MinimoUnLeg - La lista de legs debe tener al menos un leg";
const RUTA: &str = "RutaValida - La ruta propuesta es incorrecta";
const CONECTADOS: &str = "LegsConectados - Cada leg de un segmento debe salir del aeropuerto al que llegó el anterior";
const SUCESIVOS: &str = "LegsSucesivos - Cada leg de un segmento debe salir después de que llegue el anterior";
const CODIGO: &str = "CodigoAeropuertoValido - El código de aeropuerto debe ser IATA (3 letras) u OACI (4 letras)";
const FECHA: &str = "FechaRepresentable - La fecha, en UTC, debe estar entre los años 1 y 9999";
const LEGS: &str = "/itinerarios/0/odos/0/segmentos/0/legs";

/// Comprueba cada cuerpo con la regla que rompe y el puntero, y que no quedó nada guardado.
async fn comprobar(casos: Vec<(Value, &str, &str)>) {
    let prueba = Prueba::nueva().await;
    for (cuerpo, error, puntero) in casos {
        prueba.servicio.post("/vuelos/reserva", &cuerpo).await.regla_rota(error, puntero);
    }
    assert_eq!(prueba.filas_de_reservas().await, 0);
}

#[tokio::test]
async fn ninguna_lista_puede_estar_vacia() {
    let mut segundo = reserva();
    segundo["itinerarios"].as_array_mut().unwrap().push(json!({"odos": []}));
    comprobar(vec![
        (json!({}), ITINERARIO, "/itinerarios"),
        (json!({"itinerarios": []}), ITINERARIO, "/itinerarios"),
        (json!({"itinerarios": [{"odos": []}]}), ODO, "/itinerarios/0/odos"),
        (segundo, ODO, "/itinerarios/1/odos"),
        (json!({"itinerarios": [{"odos": [{"segmentos": []}]}]}), SEGMENTO, "/itinerarios/0/odos/0/segmentos"),
        (reserva_con_legs(&json!([])), LEG, LEGS),
    ])
    .await;
}

#[tokio::test]
async fn un_vuelo_va_a_otro_aeropuerto_y_llega_despues_de_salir() {
    let vuelo = |salida, llegada, origen, destino| reserva_con_legs(&json!([leg(salida, llegada, origen, destino)]));
    let (uno, dos) = ("2022-11-22T13:10:00Z", "2022-11-22T15:10:00Z");
    let primero = format!("{LEGS}/0");
    comprobar(vec![
        (vuelo(uno, dos, "BOG", "BOG"), RUTA, &primero),
        (vuelo(uno, dos, "BOG", "bog"), RUTA, &primero),
        (vuelo(dos, uno, "BOG", "JFK"), RUTA, &primero),
        (vuelo(uno, uno, "BOG", "JFK"), RUTA, &primero),
        // Con zona horaria: las dos son el mismo instante.
        (vuelo("2022-11-22T08:10:00-05:00", uno, "BOG", "JFK"), RUTA, &primero),
        (reserva_con_legs(&json!([ida(), leg(dos, uno, "JFK", "BOG")])), RUTA, &format!("{LEGS}/1")),
    ])
    .await;
}

#[tokio::test]
async fn los_vuelos_de_un_segmento_se_conectan_y_se_suceden() {
    comprobar(vec![
        (
            reserva_con_legs(&json!([ida(), leg("2022-11-22T16:00:00Z", "2022-11-22T18:00:00Z", "MIA", "BOG")])),
            CONECTADOS,
            LEGS,
        ),
        (
            reserva_con_legs(&json!([ida(), leg("2022-11-22T15:09:59Z", "2022-11-22T18:00:00Z", "JFK", "BOG")])),
            SUCESIVOS,
            LEGS,
        ),
    ])
    .await;
}

#[tokio::test]
async fn un_codigo_de_aeropuerto_tiene_tres_o_cuatro_letras() {
    let con = |lado: &str, codigo: &str| {
        let mut vuelo = ida();
        vuelo[lado]["codigo"] = codigo.into();
        reserva_con_legs(&json!([vuelo]))
    };
    let malos = ["", "BO", "BOGOT", "B0G", "BÓG", "B G", " BOG", "BOG\n", "\u{0}\u{0}\u{0}"];
    let puntero = |lado| format!("{LEGS}/0/{lado}/codigo");
    let (origen, destino) = (puntero("origen"), puntero("destino"));
    let mut casos: Vec<_> = malos.iter().map(|codigo| (con("origen", codigo), CODIGO, origen.as_str())).collect();
    casos.push((con("destino", "JFK1"), CODIGO, &destino));
    comprobar(casos).await;
}

#[tokio::test]
async fn un_anio_que_en_utc_no_tiene_cuatro_cifras_se_rechaza() {
    let vuelo = |salida, llegada| reserva_con_legs(&json!([leg(salida, llegada, "BOG", "JFK")]));
    let prueba = Prueba::nueva().await;
    for (cuerpo, miembro) in [
        (vuelo("0000-12-31T23:59:59Z", "2022-11-22T15:10:00Z"), "fecha_salida"),
        (vuelo("0001-01-01T00:00:00+01:00", "2022-11-22T15:10:00Z"), "fecha_salida"),
    ] {
        let respuesta = prueba.servicio.post("/vuelos/reserva", &cuerpo).await;
        respuesta.regla_rota(FECHA, &format!("{LEGS}/0/{miembro}"));
    }
    let pasada = vuelo("2022-11-22T13:10:00Z", "9999-12-31T23:59:59-05:00");
    prueba.servicio.post("/vuelos/reserva", &pasada).await.dato_invalido(&format!("{LEGS}/0/fecha_llegada"));
    assert_eq!(prueba.filas_de_reservas().await, 0);
}
