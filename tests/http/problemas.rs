//! Los problemas de HTTP: cada error es `application/problem+json` en español y dice a qué solicitud responde.

use reqwest::Method;

use crate::apoyo::{Prueba, reserva};
use crate::comun::crudo::Crudo;

/// Las rutas que esperan un cuerpo.
pub const CON_CUERPO: [&str; 4] = [
    "/vuelos/reserva",
    "/clientes/usuario",
    "/clientes/sesion",
    "/clientes/usuario/00000000-0000-4000-8000-000000000000/validar",
];
const JSON: Option<&str> = Some("application/json");

#[tokio::test]
async fn un_json_mal_formado_da_400() {
    let prueba = Prueba::nueva().await;
    let entero = reserva().to_string();
    let malos: [&[u8]; 6] =
        [b"", b" ", b"{", b"{'itinerarios': []}", b"{\"itinerarios\": NaN}", entero.as_bytes().split_last().unwrap().1];
    for ruta in CON_CUERPO {
        for malo in malos {
            let respuesta = prueba.servicio.post_texto(ruta, JSON, malo).await;
            let problema = respuesta.problema(400, "json-mal-formado");
            assert!(problema["detail"].as_str().unwrap().contains("línea 1"), "{problema}");
        }
    }
    for malo in ["{} y algo más", "{},", r#"{"x": [],}"#, r#"{"id_cliente": "\ud800"}"#, "{\"x\": \"\u{7}\"}"] {
        prueba.servicio.post_texto(CON_CUERPO[0], JSON, malo).await.problema(400, "json-mal-formado");
    }
    for malo in [&b"\xff\xfe{}"[..], b"{\"x\": \"\xc3\x28\"}"] {
        let respuesta = prueba.servicio.post_texto(CON_CUERPO[0], JSON, malo).await;
        assert_eq!(respuesta.problema(400, "json-mal-formado")["detail"], "El cuerpo no está en UTF-8");
    }
}

#[tokio::test]
async fn un_tipo_de_contenido_que_falta_o_es_otro_da_415() {
    let prueba = Prueba::nueva().await;
    for ruta in CON_CUERPO {
        for tipo in [None, Some("text/plain"), Some("application/x-www-form-urlencoded"), Some("json"), Some("")] {
            let respuesta = prueba.servicio.post_texto(ruta, tipo, reserva().to_string()).await;
            respuesta.problema(415, "tipo-no-admitido");
        }
    }
    let latin1 = Some("application/json; charset=iso-8859-1");
    prueba.servicio.post_texto(CON_CUERPO[0], latin1, "{}").await.problema(415, "tipo-no-admitido");
    assert_eq!(prueba.filas_de_reservas().await, 0);
}

#[tokio::test]
async fn una_ruta_que_no_existe_da_404() {
    let prueba = Prueba::nueva().await;
    for ruta in [
        "/x",
        "/pagina/x",
        "/vuelos",
        "/vuelos/reserva/",
        "/Health",
        "/vuelos/reserva/x/y",
        "/vuelos%2Freserva",
        "/docs/x",
    ] {
        prueba.servicio.get(ruta).await.problema(404, "ruta-no-existe");
    }
    let enviada = prueba.servicio.post("/nada", &reserva()).await;
    enviada.problema(404, "ruta-no-existe");
}

#[tokio::test]
async fn un_metodo_que_no_se_admite_da_405_y_dice_cuales_si() {
    let prueba = Prueba::nueva().await;
    let rutas = prueba.servicio.especificacion()["paths"].as_object().unwrap();
    let mut probadas = 0;
    for (plantilla, operaciones) in rutas {
        let ruta = plantilla.replace("{id}", "00000000-0000-4000-8000-000000000000");
        let mut admitidos: Vec<_> = operaciones.as_object().unwrap().keys().map(|m| m.to_uppercase()).collect();
        if admitidos.iter().any(|metodo| metodo == "GET") {
            admitidos.push("HEAD".into());
        }
        admitidos.sort_unstable();
        for metodo in [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
            if admitidos.iter().any(|admitido| admitido == metodo.as_str()) {
                continue;
            }
            let respuesta = prueba.servicio.pedir(metodo, &ruta, |solicitud| solicitud).await;
            respuesta.problema(405, "metodo-no-admitido");
            let mut dichos: Vec<_> = respuesta.cabecera("allow").unwrap().split(',').map(str::trim).collect();
            dichos.sort_unstable();
            assert_eq!(dichos, admitidos, "{ruta}");
            probadas += 1;
        }
    }
    assert!(probadas > 3 * rutas.len(), "{probadas}");
}

#[tokio::test]
async fn lo_que_no_es_http_se_rechaza_y_el_servicio_sigue() {
    let prueba = Prueba::nueva().await;
    for basura in [
        "esto no es HTTP\r\n\r\n".to_owned(),
        "GET / HTTP/9.9\r\n\r\n".to_owned(),
        "GET /health HTTP/1.1\r\nHost: x\r\nContent-Length: abc\r\n\r\n".to_owned(),
        "\u{16}\u{3}\u{1}\r\n\r\n".to_owned(),
    ] {
        let mut conexion = Crudo::conectar(&prueba.servicio).await;
        conexion.enviar(&basura).await;
        let respuesta = conexion.leer_hasta_el_cierre().await;
        assert!(respuesta.starts_with("HTTP/1.1 400 "), "{basura:?}: {respuesta:?}");
    }
    prueba.servicio.get("/health").await.con(200);
}
