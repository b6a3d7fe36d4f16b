//! Propiedades del borde: nada de lo que llega lo hace entrar en pánico, y lo que acepta va y vuelve.

use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::IntoResponse;
use proptest::collection::vec;
use proptest::prelude::*;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use time::{Date, OffsetDateTime, UtcOffset};
use uuid::Uuid;

use super::clientes_cuerpos::{CuerpoSesion, CuerpoUsuario, CuerpoValidacion};
use super::cuerpo::Cuerpo;
use super::fechas::{Dia, Fecha};
use super::paginas::PaginaPedida;
use super::problema::Problema;
use super::respuesta_asincrona::prefiere_no_esperar;
use super::vuelos_cuerpos::CuerpoReserva;
use super::{acceso, idempotencia};
use crate::seedwork::aplicacion::actor::Actor;
use crate::seedwork::aplicacion::paginas::Cursor;
use crate::seedwork::dominio::reglas::ReglaRota;

const HOY: Date = time::macros::date!(2026 - 11 - 24);

fn esperar<T>(futuro: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(futuro)
}

fn interpretar<T: DeserializeOwned>(cuerpo: impl Into<Body>) -> Result<T, Problema> {
    let solicitud = Request::post("/").header(header::CONTENT_TYPE, "application/json").body(cuerpo.into()).unwrap();
    esperar(Cuerpo::from_request(solicitud, &())).map(|Cuerpo(valor, _)| valor)
}

fn pagina(consulta: &str) -> Option<Result<PaginaPedida, Problema>> {
    let solicitud = Request::get(format!("/lista?{consulta}")).body(()).ok()?;
    Some(esperar(PaginaPedida::from_request_parts(&mut solicitud.into_parts().0, &())))
}

/// Falla si no es un 400 cuyo puntero lleva a un dato enviado, o a uno que falta dentro de uno enviado.
fn senala(problema: Problema, enviado: &Value) {
    let problema = serde_json::to_value(problema).unwrap();
    assert_eq!(problema["status"], 400, "{problema}");
    let Some(puntero) = problema["puntero"].as_str() else { return };
    let padre = puntero.rsplit_once('/').map_or("", |(padre, _)| padre);
    let hay = enviado.pointer(puntero).is_some() || enviado.pointer(padre).is_some_and(Value::is_object);
    assert!(hay, "{problema} no señala nada de {enviado}");
}

fn fecha_de_texto(texto: &str) -> Option<Fecha> {
    serde_json::from_value(texto.into()).ok()
}

/// Valores que casi son los debidos, a cualquier profundidad.
fn casi() -> impl Strategy<Value = Value> {
    let nombre = prop_oneof![
        "(id_cliente|itinerarios|odos|segmentos|legs|origen|destino|codigo|nombre|fecha_salida|fecha_llegada)",
        "(nombres|apellidos|email|password|es_empresarial|cedula|rut|fecha_nacimiento|fecha_constitucion)",
        "[a~/ñ]{0,3}",
    ];
    let suelto = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        Just(json!("2022-11-22T13:10:00Z")),
        Just(json!({"codigo": "BOG", "nombre": "\u{0}"})),
    ];
    suelto.prop_recursive(6, 40, 5, move |dentro| {
        let objeto = vec((nombre.clone(), dentro.clone()), 0..6);
        prop_oneof![
            vec(dentro, 0..4).prop_map(Value::from),
            objeto.prop_map(|miembros| Value::Object(miembros.into_iter().collect())),
        ]
    })
}

/// Una reserva buena con uno de sus datos cambiado por otro cualquiera.
fn reserva_alterada() -> impl Strategy<Value = Value> {
    let leg = "/itinerarios/0/odos/0/segmentos/0/legs/0";
    let lugares: Vec<_> =
        ["/itinerarios", "/itinerarios/0/odos", "/itinerarios/0/odos/0/segmentos/0/legs", "/id_cliente"]
            .map(str::to_owned)
            .into_iter()
            .chain(["", "/origen", "/destino/codigo", "/destino/nombre", "/fecha_salida"].map(|d| format!("{leg}{d}")))
            .collect();
    (proptest::sample::select(lugares), casi()).prop_map(|(lugar, nuevo)| {
        let aeropuerto = |codigo: &str| json!({"codigo": codigo, "nombre": ""});
        let mut reserva = json!({"id_cliente": null, "itinerarios": [{"odos": [{"segmentos": [{"legs": [{
            "fecha_salida": "2022-11-22T13:10:00Z", "fecha_llegada": "2022-11-22T15:10:00Z",
            "origen": aeropuerto("BOG"), "destino": aeropuerto("JFK")}]}]}]}]});
        *reserva.pointer_mut(&lugar).unwrap() = nuevo;
        reserva
    })
}

fn con_cabecera(nombre: &'static str, valor: &str) -> HeaderMap {
    let valor = HeaderValue::from_str(valor).unwrap();
    HeaderMap::from_iter([(header::HeaderName::from_static(nombre), valor)])
}

proptest! {
    #[test]
    fn unos_bytes_cualesquiera_no_son_un_cuerpo_o_lo_son_sin_panico(bytes in vec(any::<u8>(), 0..200)) {
        let _ = interpretar::<CuerpoReserva>(bytes.clone()).map(|cuerpo| cuerpo.comando(Actor::Abierto));
        let _ = interpretar::<CuerpoUsuario>(bytes.clone()).map(|cuerpo| cuerpo.comprobar(HOY));
        let _ = interpretar::<CuerpoSesion>(bytes.clone()).map(CuerpoSesion::credenciales);
        let _ = interpretar::<CuerpoValidacion>(bytes);
    }

    #[test]
    fn lo_que_esta_mal_en_una_reserva_se_senala(enviado in prop_oneof![casi(), reserva_alterada()]) {
        match interpretar::<CuerpoReserva>(enviado.to_string()).map(|cuerpo| cuerpo.comando(Actor::Abierto)) {
            Ok(Ok(comando)) => prop_assert!(!comando.itinerarios.lista().is_empty()),
            Ok(Err(problema)) | Err(problema) => senala(problema, &enviado),
        }
    }

    #[test]
    fn lo_que_esta_mal_en_un_usuario_se_senala(enviado in casi()) {
        match interpretar::<CuerpoUsuario>(enviado.to_string()).map(|cuerpo| cuerpo.comprobar(HOY)) {
            Ok(comprobado) => {
                let _ = comprobado.map_err(|rota: ReglaRota| senala(rota.into(), &enviado));
            }
            Err(problema) => senala(problema, &enviado),
        }
    }

    #[test]
    fn un_instante_va_y_vuelve_en_cualquier_zona(segundos in -62_135_596_800_i64..253_402_300_800, zona in -1439_i32..1440) {
        let instante = OffsetDateTime::from_unix_timestamp(segundos).unwrap();
        let zona = UtcOffset::from_whole_seconds(zona * 60).unwrap();
        let Some(local) = instante.checked_to_offset(zona).filter(|local| (0..=9999).contains(&local.year())) else {
            return Ok(());
        };
        let texto = local.format(&time::format_description::well_known::Rfc3339).unwrap();
        prop_assert_eq!(fecha_de_texto(&texto), Some(Fecha(instante)), "{}", texto);
        let sale = serde_json::to_value(Fecha(instante)).unwrap();
        prop_assert_eq!(fecha_de_texto(sale.as_str().unwrap()), Some(Fecha(instante)));
    }

    #[test]
    fn una_fecha_aceptada_sale_y_vuelve_a_entrar(texto in "[+-]?[0-9]{1,5}-[0-9]{2}-[0-9]{2}([Tt ][0-9:.]{0,18}(Z|z|[+-][0-9:]{0,5}))?") {
        if let Some(fecha) = fecha_de_texto(&texto) {
            let sale = serde_json::to_value(fecha).unwrap();
            prop_assert_eq!(fecha_de_texto(sale.as_str().unwrap()), Some(fecha), "{}", texto);
        }
        if let Ok(Dia(dia)) = serde_json::from_value(texto.clone().into()) {
            prop_assert!((1..=9999).contains(&dia.year()), "{}", texto);
        }
    }

    #[test]
    fn un_texto_cualquiera_no_es_una_fecha_o_lo_es_sin_panico(texto in ".{0,40}") {
        let _ = (fecha_de_texto(&texto), serde_json::from_value::<Dia>(texto.into()).ok());
    }

    #[test]
    fn un_cursor_va_y_vuelve_por_el_enlace(
        micros in -62_135_596_800_000_000_i128..253_402_300_800_000_000,
        id in any::<u128>(),
        limite in 1_u8..=200,
    ) {
        let fecha = OffsetDateTime::from_unix_timestamp_nanos(micros * 1_000).unwrap();
        let cursor = Cursor { fecha, id: Uuid::from_u128(id) };
        let primera = pagina(&format!("limite={limite}&estado=a%20b")).unwrap().ok().unwrap();
        let respuesta = (primera.enlace(Some(cursor)), ()).into_response();
        let enlace = respuesta.headers()[header::LINK].to_str().unwrap();
        let consulta = enlace.split(['?', '>']).nth(1).unwrap();
        let siguiente = pagina(consulta).unwrap().ok().unwrap().pedido;
        prop_assert_eq!((siguiente.desde, siguiente.limite.cantidad()), (Some(cursor), limite));
    }

    #[test]
    fn una_consulta_cualquiera_es_una_pagina_o_un_400(consulta in "(limite=|cursor=|x=)?[ -~]{0,60}(&limite=[0-9]{0,4})?") {
        match pagina(&consulta) {
            Some(Ok(pagina)) => prop_assert!((1..=200).contains(&pagina.pedido.limite.cantidad())),
            Some(Err(problema)) => prop_assert_eq!(&serde_json::to_value(problema).unwrap()["status"], 400),
            None => {}
        }
    }

    #[test]
    fn un_cursor_alterado_es_otro_o_ninguno(bytes in vec(any::<u8>(), 32)) {
        use base64::Engine;
        let texto = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(&bytes);
        if let Some(Ok(pagina)) = pagina(&format!("cursor={texto}")) {
            let desde = pagina.pedido.desde.unwrap();
            prop_assert!((1..=9999).contains(&desde.fecha.year()));
        }
    }

    #[test]
    fn la_preferencia_se_reconoce_este_donde_este(antes in "[!-~ ]{0,30}", despues in "[!-~ ]{0,30}") {
        let prefiere = |valor: &str| prefiere_no_esperar(&con_cabecera("prefer", valor));
        let todo = format!("{antes}, Respond-Async ; x=1 ,{despues}");
        prop_assert!(prefiere(&todo));
        let sin = format!("{antes},{despues}");
        prop_assert!(!prefiere(&sin) || sin.to_ascii_lowercase().contains("respond-async"));
    }

    #[test]
    fn una_clave_de_idempotencia_es_corta_y_las_comillas_no_cuentan(texto in "[ -~]{0,300}") {
        let leida = |valor: &str| idempotencia::leer(&con_cabecera(idempotencia::CABECERA, valor)).map_err(drop);
        if let Ok(Some(clave)) = leida(&texto) {
            prop_assert!((1..=idempotencia::LARGO_MAXIMO).contains(&clave.len()));
            prop_assert_eq!(leida(&format!("\"{clave}\"")), Ok(Some(clave)));
        }
    }

    #[test]
    fn la_direccion_es_la_de_la_conexion_o_una_que_se_dijo(texto in "[0-9a-f.:, x]{0,60}", intermediarios in 0_usize..4) {
        let (par, cabeceras) = ("10.0.0.1".parse().unwrap(), con_cabecera("x-forwarded-for", &texto));
        let vista = acceso::direccion(par, &cabeceras, intermediarios);
        let dichas = texto.split(',').filter_map(|parte| parte.trim().parse().ok());
        prop_assert!(vista == par || intermediarios > 0 && dichas.into_iter().any(|dicha: std::net::IpAddr| dicha == vista));
    }

    #[test]
    fn una_ficha_solo_sale_de_bearer(texto in "(Bearer|bearer|Basic|)[ -~]{0,60}") {
        if acceso::ficha(&con_cabecera("authorization", &texto)).is_some() {
            prop_assert!(texto.to_ascii_lowercase().starts_with("bearer "));
        }
    }
}
