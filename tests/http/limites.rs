//! Los límites: tamaño y profundidad de los cuerpos, largo y caracteres de los textos.

use serde_json::{Value, json};

use crate::apoyo::{Prueba, ida, reserva, reserva_con_legs, usuario};
use crate::comun::crudo::Crudo;
use crate::problemas::CON_CUERPO;

const MEBI: usize = 1024 * 1024;
const JSON: Option<&str> = Some("application/json");
const TEXTO: &str = "TextoValido - El texto admite hasta 255 caracteres y ninguno de control";

/// La reserva del contrato, con espacios hasta ese tamaño.
fn reserva_de_bytes(bytes: usize) -> String {
    let cuerpo = reserva().to_string();
    format!("{cuerpo}{}", " ".repeat(bytes - cuerpo.len()))
}

/// La reserva del contrato, con listas desconocidas hasta esa profundidad.
fn reserva_de_niveles(niveles: usize) -> String {
    let listas = format!("{}{}", "[".repeat(niveles - 1), "]".repeat(niveles - 1));
    reserva().to_string().replacen('{', &format!("{{\"extra\": {listas}, "), 1)
}

fn cabecera(ruta: &str, resto: &str) -> String {
    format!("POST {ruta} HTTP/1.1\r\nHost: prueba\r\nContent-Type: application/json\r\n{resto}\r\n\r\n")
}

#[tokio::test]
async fn un_cuerpo_admite_un_mebibyte_justo() {
    let prueba = Prueba::nueva().await;
    prueba.servicio.post_texto("/vuelos/reserva", JSON, reserva_de_bytes(MEBI)).await.con(200);
    for ruta in CON_CUERPO {
        let respuesta = prueba.servicio.post_texto(ruta, JSON, reserva_de_bytes(MEBI + 1)).await;
        let problema = respuesta.problema(413, "cuerpo-demasiado-grande");
        assert_eq!(problema["detail"], "El cuerpo admite hasta 1048576 bytes");
    }
}

#[tokio::test]
async fn el_413_se_puede_leer_despues_de_enviarlo_todo() {
    let prueba = Prueba::nueva().await;
    for ruta in CON_CUERPO {
        let mut conexion = Crudo::conectar(&prueba.servicio).await;
        conexion.enviar(cabecera(ruta, &format!("Content-Length: {}", 5 * MEBI))).await;
        for _ in 0..5 {
            conexion.enviar(vec![b' '; MEBI]).await;
        }
        conexion.leer_respuesta().await.problema(413, "cuerpo-demasiado-grande");
    }
}

#[tokio::test]
async fn el_413_se_puede_leer_aunque_el_cuerpo_llegue_a_trozos_sin_decir_su_tamano() {
    let prueba = Prueba::nueva().await;
    for ruta in CON_CUERPO {
        let mut conexion = Crudo::conectar(&prueba.servicio).await;
        conexion.enviar(cabecera(ruta, "Transfer-Encoding: chunked")).await;
        for _ in 0..5 {
            conexion.enviar(format!("{MEBI:x}\r\n{}\r\n", " ".repeat(MEBI))).await;
        }
        conexion.enviar("0\r\n\r\n").await;
        conexion.leer_respuesta().await.problema(413, "cuerpo-demasiado-grande");
    }
}

#[tokio::test]
async fn quien_pide_permiso_para_enviar_demasiado_recibe_el_413_sin_enviar_nada() {
    let prueba = Prueba::nueva().await;
    for ruta in CON_CUERPO {
        let mut conexion = Crudo::conectar(&prueba.servicio).await;
        let permiso = format!("Content-Length: {}\r\nExpect: 100-continue", 5 * MEBI);
        conexion.enviar(cabecera(ruta, &permiso)).await;
        conexion.leer_respuesta().await.problema(413, "cuerpo-demasiado-grande");
    }
}

#[tokio::test]
async fn quien_pide_permiso_para_enviar_lo_debido_lo_recibe() {
    let prueba = Prueba::nueva().await;
    let cuerpo = reserva().to_string();
    let mut conexion = Crudo::conectar(&prueba.servicio).await;
    let permiso = format!("Content-Length: {}\r\nExpect: 100-continue", cuerpo.len());
    conexion.enviar(cabecera("/vuelos/reserva", &permiso)).await;
    assert_eq!(conexion.leer_respuesta().await.estado, 100);
    conexion.enviar(&cuerpo).await;
    assert_eq!(conexion.leer_respuesta().await.con(200)["estado"], "pendiente");
}

#[tokio::test]
async fn a_quien_no_deja_de_enviar_se_le_corta() {
    let prueba = Prueba::nueva().await;
    let mut conexion = Crudo::conectar(&prueba.servicio).await;
    conexion.enviar(cabecera("/vuelos/reserva", "Transfer-Encoding: chunked")).await;
    let trozo = format!("{MEBI:x}\r\n{}\r\n", " ".repeat(MEBI));
    let mut enviados = 0;
    while enviados < 200 && conexion.intentar(trozo.as_bytes()).await.is_ok() {
        enviados += 1;
    }
    assert!((32..100).contains(&enviados), "el servicio leyó {enviados} MiB");
}

#[tokio::test]
async fn un_cuerpo_admite_32_niveles() {
    let prueba = Prueba::nueva().await;
    prueba.servicio.post_texto("/vuelos/reserva", JSON, reserva_de_niveles(32)).await.con(200);
    for niveles in [33, 1000, 100_000] {
        let respuesta = prueba.servicio.post_texto("/vuelos/reserva", JSON, reserva_de_niveles(niveles)).await;
        let problema = respuesta.problema(400, "cuerpo-demasiado-profundo");
        assert_eq!(problema["detail"], "El cuerpo admite hasta 32 niveles de listas y objetos");
    }
    let texto = format!("{{\"extra\": \"{}\", \"itinerarios\": []}}", "[".repeat(100));
    let respuesta = prueba.servicio.post_texto("/vuelos/reserva", JSON, texto).await;
    respuesta.problema(400, "regla-de-negocio");
}

#[tokio::test]
async fn un_texto_admite_255_caracteres_y_ninguno_de_control() {
    let prueba = Prueba::nueva().await;
    let con_nombre = |nombre: &str| {
        let mut vuelo = ida();
        vuelo["destino"]["nombre"] = nombre.into();
        reserva_con_legs(&json!([vuelo]))
    };
    let justo = "ñ".repeat(255);
    let creada = prueba.servicio.post("/vuelos/reserva", &con_nombre(&justo)).await.con(200);
    assert_eq!(creada["itinerarios"][0]["odos"][0]["segmentos"][0]["legs"][0]["destino"]["nombre"], justo);
    for malo in ["ñ".repeat(256), "\u{0}".into(), "a\nb".into(), "\u{7f}".into(), "\u{85}".into()] {
        let respuesta = prueba.servicio.post("/vuelos/reserva", &con_nombre(&malo)).await;
        respuesta.regla_rota(TEXTO, "/itinerarios/0/odos/0/segmentos/0/legs/0/destino/nombre");
    }
    assert_eq!(prueba.base.contar("SELECT count(*) FROM reservas").await, 1);
}

#[tokio::test]
async fn los_textos_de_un_usuario_tienen_el_mismo_limite() {
    let prueba = Prueba::nueva().await;
    let con = |miembro: &str, texto: String| {
        let mut cuerpo = usuario("ana@ejemplo.co");
        cuerpo["es_empresarial"] = Value::Bool(miembro == "rut");
        cuerpo[miembro] = texto.into();
        cuerpo
    };
    for miembro in ["nombres", "apellidos", "cedula", "rut", "email"] {
        for malo in ["a".repeat(256), "a\u{0}b".into(), "a\r\nb".into()] {
            let respuesta = prueba.servicio.post("/clientes/usuario", &con(miembro, malo)).await;
            respuesta.regla_rota(TEXTO, &format!("/{miembro}"));
        }
    }
    assert_eq!(prueba.base.contar("SELECT count(*) FROM usuarios").await, 0);
    let mut justo = con("nombres", "ñ".repeat(255));
    justo["apellidos"] = "ñ".repeat(255).into();
    assert_eq!(prueba.servicio.post("/clientes/usuario", &justo).await.con(201)["nombres"], "ñ".repeat(255));
}
