//! Solicitudes hechas para hacer daño: bombas de cabeceras y de JSON, tamaños mentirosos, rutas que no son texto.

use std::fmt::Write;

use crate::apoyo::{Prueba, reserva};
use crate::comun::crudo::Crudo;

const MEBI: usize = 1024 * 1024;
const JSON: Option<&str> = Some("application/json");

/// Todo lo que responde el servicio a esos bytes, hasta que cierra o no le llega nada más.
async fn responde(prueba: &Prueba, bytes: impl AsRef<[u8]>) -> String {
    let mut conexion = Crudo::conectar(&prueba.servicio).await;
    let entero = conexion.intentar(bytes.as_ref()).await.is_ok();
    if entero {
        conexion.dejar_de_enviar().await;
    }
    // Si cortó sin leerlo todo, la respuesta puede perderse: no es más que un cierre.
    conexion.leer_lo_que_llegue().await
}

/// Lo que responde a una solicitud entera. No cierra la ida hasta que empieza la respuesta: a quien la cierra se lo da por
/// ido, y puede que su solicitud ya no se atienda.
async fn pide(prueba: &Prueba, bytes: impl AsRef<[u8]>) -> String {
    let mut conexion = Crudo::conectar(&prueba.servicio).await;
    if conexion.intentar(bytes.as_ref()).await.is_ok() {
        conexion.esperar_respuesta().await;
        conexion.dejar_de_enviar().await;
    }
    conexion.leer_lo_que_llegue().await
}

/// Los códigos de estado de las respuestas que hay en un texto.
fn estados(texto: &str) -> Vec<&str> {
    texto.split("HTTP/1.1 ").skip(1).filter_map(|resto| resto.get(..3)).collect()
}

#[tokio::test]
async fn demasiadas_cabeceras_o_demasiado_grandes_se_rechazan() {
    let prueba = Prueba::nueva().await;
    let muchas = (0..10_000).fold(String::new(), |mut texto, n| {
        let _ = write!(texto, "x-{n}: 1\r\n");
        texto
    });
    for cabeceras in [muchas, format!("x-grande: {}\r\n", "a".repeat(8 * MEBI)), format!("{}: 1\r\n", "a".repeat(MEBI))]
    {
        let respuesta = pide(&prueba, format!("GET /health HTTP/1.1\r\nHost: x\r\n{cabeceras}\r\n")).await;
        assert!(respuesta.is_empty() || respuesta.starts_with("HTTP/1.1 431 "), "{respuesta}");
    }
    // Las que no dejan de llegar no se guardan: se corta antes de que pasen de unos cientos de KiB.
    let mut conexion = Crudo::conectar(&prueba.servicio).await;
    conexion.enviar("GET /health HTTP/1.1\r\nHost: x\r\n").await;
    let (trozo, mut enviados) = (format!("x: {}\r\n", "a".repeat(64 * 1024)), 0);
    while enviados < 1_000 && conexion.intentar(trozo.as_bytes()).await.is_ok() {
        enviados += 1;
    }
    assert!(enviados < 200, "el servicio aceptó {enviados} cabeceras de 64 KiB");
    prueba.servicio.get("/health").await.con(200);
}

#[tokio::test]
async fn una_ruta_o_una_consulta_enorme_se_rechaza() {
    let prueba = Prueba::nueva().await;
    for ruta in [format!("/{}", "a".repeat(100_000)), format!("/vuelos/reserva?estado={}", "a".repeat(100_000))] {
        let respuesta = pide(&prueba, format!("GET {ruta} HTTP/1.1\r\nHost: x\r\n\r\n")).await;
        assert!(["414", "431"].contains(&estados(&respuesta)[0]), "{respuesta}");
    }
    let larga = format!("/vuelos/reserva?cursor={}", "a".repeat(30_000));
    prueba.servicio.get(&larga).await.parametro_invalido("cursor");
    let muchos = format!("/vuelos/reserva?{}", "limite=1&".repeat(1_000));
    prueba.servicio.get(&muchos).await.problema(400, "consulta-invalida");
}

#[tokio::test]
async fn lo_que_no_es_utf8_en_la_ruta_o_en_la_consulta_se_rechaza() {
    let prueba = Prueba::nueva().await;
    for (ruta, estado) in [
        (&b"/vuelos/reserva/\xff\xfe"[..], &["400", "404"][..]),
        (b"/comandos/%ff%fe", &["404"]),
        (b"/comandos/%zz", &["404"]),
        (b"/%00", &["404"]),
        (b"/clientes/usuario?email=\xff", &["400", "404"]),
        (b"/vuelos/reserva?estado=%ff", &["400"]),
        (b"/vuelos/reserva?id_cliente=%00", &["400"]),
        (b"/vuelos/reserva?%ff=%ff&limite=%E2%82", &["400"]),
        (b"/clientes/usuario?email=a%00@x.co", &["400"]),
        (b"//vuelos/reserva", &["404"]),
        (b"/vuelos/../health", &["404"]),
        (b"*", &["400", "404"]),
        (b"http://otro/health", &["200", "400"]),
    ] {
        let solicitud = [b"GET ", ruta, b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"].concat();
        let respuesta = pide(&prueba, solicitud).await;
        assert!(estado.contains(&estados(&respuesta)[0]), "{}: {respuesta}", String::from_utf8_lossy(ruta));
    }
}

#[tokio::test]
async fn un_tamano_mentiroso_o_ambiguo_no_cuela_otra_solicitud() {
    let prueba = Prueba::nueva().await;
    let cuerpo = reserva().to_string();
    let oculta = "POST /vuelos/reserva HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n";
    let (largo, trozo) = (cuerpo.len(), format!("{:x}\r\n{cuerpo}\r\n0\r\n\r\n", cuerpo.len()));
    for (cabeceras, datos) in [
        // Dos tamaños, o uno que no es un número.
        (format!("Content-Length: {largo}\r\nContent-Length: {}", largo + oculta.len()), format!("{cuerpo}{oculta}")),
        (format!("Content-Length: {largo}, {largo}"), cuerpo.clone()),
        (format!("Content-Length: +{largo}"), cuerpo.clone()),
        (format!("Content-Length: -{largo}"), cuerpo.clone()),
        ("Content-Length: 99999999999999999999999".into(), cuerpo.clone()),
        // Una codificación que no acaba en chunked, o que no se conoce.
        ("Transfer-Encoding: chunked, identity".into(), trozo.clone()),
        ("Transfer-Encoding: xchunked".into(), trozo.clone()),
        ("Transfer-Encoding: gzip".into(), trozo.clone()),
        ("Transfer-Encoding : chunked".into(), trozo.clone()),
        // Trozos mal medidos.
        ("Transfer-Encoding: chunked".into(), format!("-1\r\n{cuerpo}\r\n0\r\n\r\n")),
        ("Transfer-Encoding: chunked".into(), format!("ffffffffffffffffff\r\n{cuerpo}\r\n0\r\n\r\n")),
        ("Transfer-Encoding: chunked".into(), format!("1\r\n{cuerpo}\r\n0\r\n\r\n")),
    ] {
        let inicio = "POST /vuelos/reserva HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n";
        let respuesta = responde(&prueba, format!("{inicio}{cabeceras}\r\n\r\n{datos}")).await;
        let vistos = estados(&respuesta);
        assert!(vistos.len() <= 1, "{cabeceras}: {respuesta}");
        assert!(vistos.iter().all(|estado| estado.starts_with('4')), "{cabeceras}: {respuesta}");
    }
    assert_eq!(prueba.filas_de_reservas().await, 0);
}

#[tokio::test]
async fn con_tamano_y_trozos_a_la_vez_mandan_los_trozos_y_se_cierra() {
    let prueba = Prueba::nueva().await;
    let cuerpo = reserva().to_string();
    let oculta = "GET /health HTTP/1.1\r\nHost: x\r\n\r\n";
    let inicio = "POST /vuelos/reserva HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n";
    let datos = format!("{:x}\r\n{cuerpo}\r\n0\r\n\r\n{oculta}", cuerpo.len());
    // RFC 9112, sección 6.3: quien mire el tamaño vería una sola solicitud; no se puede responder a dos.
    let ambas = format!("{inicio}Content-Length: {}\r\nTransfer-Encoding: chunked\r\n\r\n{datos}", datos.len());
    let respuesta = responde(&prueba, ambas).await;
    assert_eq!(estados(&respuesta).len(), 1, "{respuesta}");
}

#[tokio::test]
async fn los_numeros_las_claves_y_los_textos_desmedidos_son_un_400_o_se_ignoran() {
    let prueba = Prueba::nueva().await;
    let con_extra = |extra: &str| reserva().to_string().replacen('{', &format!("{{{extra}, "), 1);
    let repetidas = vec!["\"x\": 1"; 50_000].join(", ");
    for (extra, estado) in [
        (format!("\"x\": {}", "9".repeat(500_000)), 200),
        (format!("\"x\": 1e{}", "9".repeat(1_000)), 200),
        (format!("\"x\": -0.{}1e-5", "0".repeat(100_000)), 200),
        (repetidas, 200),
        (format!("\"x\": \"{}\"", "\\u0000".repeat(100_000)), 200),
        (format!("\"x\": \"{}\"", "\u{202e}\u{feff}".repeat(50_000)), 200),
        ("\"x\": \"\\ud800\\ud800\"".into(), 200),
        ("\"itinerarios\": []".into(), 400),
        ("\"id_cliente\": null, \"id_cliente\": null".into(), 400),
        (format!("\"{}\": 1", "k".repeat(900_000)), 200),
    ] {
        let respuesta = prueba.servicio.post_texto("/vuelos/reserva", JSON, con_extra(&extra)).await;
        let inicio: String = extra.chars().take(40).collect();
        assert_eq!(respuesta.estado, estado, "{inicio}: {}", respuesta.texto);
    }
    for numero in ["1e400", "-1e400", "123456789012345678901234567890", "1.5", "true", "[]"] {
        let texto = format!("{{\"itinerarios\": {numero}}}");
        let respuesta = prueba.servicio.post_texto("/vuelos/reserva", JSON, texto).await;
        assert_eq!(respuesta.estado, 400, "{numero}");
    }
}
