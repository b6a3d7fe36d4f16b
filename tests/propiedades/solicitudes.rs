//! Solicitudes hechas de bytes cualesquiera, y lo que toda respuesta tiene que cumplir.

use axum::body::Body;
use axum::http::{Request, Response};

const ID: &str = "0199d0a4-5f0e-7c52-9d4e-0f4a5f3c2b1a";
const JSON: &str = "application/json";

/// Las formas que puede tomar una solicitud: los bytes van en el cuerpo, en la consulta, en la ruta o en una cabecera.
pub const FORMAS: u8 = 17;

/// Una solicitud con esos bytes, si caben donde van: un URI o una cabecera no admiten cualquiera.
pub fn solicitud(forma: u8, bytes: &[u8]) -> Option<Request<Body>> {
    let con_cuerpo = |ruta: &str| Request::post(ruta).header("content-type", JSON).body(Body::from(bytes.to_vec()));
    let texto = || String::from_utf8_lossy(bytes).into_owned();
    let consulta = |ruta: &str| Request::get(format!("{ruta}?{}", texto())).body(Body::empty());
    let cabecera = |nombre: &str| {
        let pagar = Request::post(format!("/vuelos/reserva/{ID}/pagar"));
        pagar.header("prefer", "respond-async").header(nombre, bytes).body(Body::empty())
    };
    let armada = match forma % FORMAS {
        0 => con_cuerpo("/vuelos/reserva"),
        1 => con_cuerpo("/vuelos/reserva-comando"),
        2 => con_cuerpo("/clientes/usuario"),
        3 => con_cuerpo("/clientes/sesion"),
        4 => con_cuerpo(&format!("/clientes/usuario/{ID}/validar")),
        5 => consulta("/vuelos/reserva"),
        6 => consulta("/clientes/usuario"),
        7 => consulta(&format!("/clientes/usuario/{ID}/reservas")),
        8 => Request::get(format!("/comandos/{}", texto())).body(Body::empty()),
        9 => Request::get(format!("/{}", texto())).body(Body::empty()),
        10 => Request::post("/vuelos/reserva").header("content-type", bytes).body(Body::from("{}")),
        11 => cabecera("prefer"),
        12 => cabecera("traceparent"),
        13 => cabecera("idempotency-key"),
        14 => cabecera("authorization"),
        15 => cabecera("x-forwarded-for"),
        _ => cabecera("x-request-id"),
    };
    armada.ok()
}

/// Falla si la respuesta no es una que se pueda dar: ningún 5xx, salvo que falte la base; y todo error, un problema.
pub fn comprobar(respuesta: &Response<Vec<u8>>) {
    let estado = respuesta.status().as_u16();
    let cuerpo = String::from_utf8_lossy(respuesta.body());
    assert!(estado < 500 || estado == 503, "{estado}: {cuerpo}");
    assert!(respuesta.headers().contains_key("x-request-id"), "{estado}: {cuerpo}");
    if estado >= 400 {
        assert_eq!(respuesta.headers()["content-type"], "application/problem+json", "{cuerpo}");
        let problema: serde_json::Value = serde_json::from_slice(respuesta.body()).expect(&cuerpo);
        assert_eq!(problema["status"], estado, "{cuerpo}");
    }
}
