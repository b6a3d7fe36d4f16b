//! Las rutas enteras, sin base de datos, con solicitudes cualesquiera.

use proptest::collection::vec;
use proptest::prelude::*;

use crate::sin_base::SinBase;
use crate::solicitudes::{FORMAS, comprobar, solicitud};

thread_local! {
    static RUTAS: SinBase = SinBase::nueva();
}

fn pedir(forma: u8, bytes: &[u8]) -> Option<u16> {
    let respuesta = RUTAS.with(|rutas| solicitud(forma, bytes).map(|solicitud| rutas.pedir(solicitud)))?;
    comprobar(&respuesta);
    Some(respuesta.status().as_u16())
}

#[test]
fn lo_bueno_llega_hasta_la_base_que_falta_y_lo_demas_no() {
    let leg = r#"{"fecha_salida":"2022-11-22T13:10:00Z","fecha_llegada":"2022-11-22T15:10:00Z",
        "origen":{"codigo":"BOG"},"destino":{"codigo":"JFK"}}"#;
    let buena = format!(r#"{{"itinerarios":[{{"odos":[{{"segmentos":[{{"legs":[{leg}]}}]}}]}}]}}"#);
    assert_eq!((pedir(0, buena.as_bytes()), pedir(1, buena.as_bytes())), (Some(503), Some(503)));
    assert_eq!((pedir(0, b"{}"), pedir(5, b"limite=0"), pedir(5, b"limite=1")), (Some(400), Some(400), Some(503)));
    assert_eq!(
        (pedir(9, b"nada"), pedir(10, b"text/plain"), pedir(11, b"respond-async")),
        (Some(404), Some(415), Some(503))
    );
}

proptest! {
    #[test]
    fn ninguna_solicitud_hace_fallar_al_servicio(forma in 0..FORMAS, bytes in prop_oneof![
        vec(any::<u8>(), 0..200),
        "[\\[\\]{}\",:a-z0-9.e+\\\\-]{0,120}".prop_map(String::into_bytes),
        "(estado|limite|cursor|email|pagada|id_cliente|%[0-9A-F]{2}|[&=;+ ])[!-~]{0,60}".prop_map(String::into_bytes),
    ]) {
        pedir(forma, &bytes);
    }
}
