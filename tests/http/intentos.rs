//! Modo cerrado: límites de intentos, y nada que diga quién está registrado salvo el 409 del registro.

use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::apoyo::{PASSWORD, Prueba, usuario};
use crate::cerrado::{Cerrada, iniciar_sesion};
use crate::comun::servicio::Respuesta;

/// Comprueba que se pidió esperar, y cuánto.
#[track_caller]
fn demasiados(respuesta: &Respuesta) {
    respuesta.problema(429, "demasiados-intentos");
    let espera: u64 = respuesta.cabecera("retry-after").expect("falta Retry-After").parse().unwrap();
    assert!((1..=61).contains(&espera), "{espera}");
}

#[tokio::test]
async fn una_cuenta_exista_o_no_admite_unos_intentos_por_minuto() {
    let cerrada = Cerrada::con(&[("AEROALPES_INTENTOS_CUENTA", "3")]).await;
    cerrada.0.registrar("ana@ejemplo.co").await;
    for email in ["ana@ejemplo.co", "nadie@ejemplo.co"] {
        for _ in 0..3 {
            let fallido = iniciar_sesion(&cerrada.0.servicio, email, "otra-contraseña").await;
            fallido.problema(401, "credenciales-incorrectas");
        }
        demasiados(&iniciar_sesion(&cerrada.0.servicio, email, PASSWORD).await);
        demasiados(&iniciar_sesion(&cerrada.0.servicio, &email.to_uppercase(), PASSWORD).await);
    }
    cerrada.0.registrar("luis@ejemplo.co").await;
    iniciar_sesion(&cerrada.0.servicio, "luis@ejemplo.co", PASSWORD).await.con(200);
}

#[tokio::test]
async fn registrar_y_validar_tambien_se_cuentan_por_cuenta() {
    let cerrada = Cerrada::con(&[("AEROALPES_INTENTOS_CUENTA", "2")]).await;
    let servicio = &cerrada.0.servicio;
    let ana = cerrada.0.registrar("ana@ejemplo.co").await;
    let repetido = usuario("ana@ejemplo.co");
    servicio.post("/clientes/usuario", &repetido).await.problema(409, "email-en-uso");
    demasiados(&servicio.post("/clientes/usuario", &repetido).await);
    let (ruta, codigo) = (format!("/clientes/usuario/{ana}/validar"), servicio.codigo_de(&ana).await);
    for _ in 0..2 {
        let fallido = servicio.post(&ruta, &json!({"codigo": "AAAAAAAAAA"})).await;
        fallido.problema(400, "codigo-incorrecto");
    }
    demasiados(&servicio.post(&ruta, &json!({"codigo": codigo})).await);
}

#[tokio::test]
async fn una_direccion_admite_unos_intentos_por_minuto_en_cada_ruta() {
    let cerrada = Cerrada::con(&[("AEROALPES_INTENTOS_DIRECCION", "2")]).await;
    let servicio = &cerrada.0.servicio;
    let validar = format!("/clientes/usuario/{}/validar", Uuid::new_v4());
    for ruta in ["/clientes/usuario", "/clientes/sesion", &validar] {
        for _ in 0..2 {
            servicio.post(ruta, &json!({})).await.con(400);
        }
        demasiados(&servicio.post(ruta, &json!({})).await);
    }
    servicio.get("/health").await.con(200);
    servicio.get("/vuelos/reserva").await.problema(401, "falta-ficha");
}

/// El estado de intentar una sesión desde donde dicen esas cabeceras.
async fn desde(cerrada: &Cerrada, direcciones: &str) -> u16 {
    let con = |solicitud: reqwest::RequestBuilder| solicitud.header("x-forwarded-for", direcciones).json(&json!({}));
    cerrada.0.servicio.pedir(Method::POST, "/clientes/sesion", con).await.estado
}

#[tokio::test]
async fn sin_intermediarios_de_confianza_nadie_elige_su_direccion() {
    let cerrada = Cerrada::con(&[("AEROALPES_INTENTOS_DIRECCION", "1")]).await;
    assert_eq!((desde(&cerrada, "1.1.1.1").await, desde(&cerrada, "2.2.2.2").await), (400, 429));
}

#[tokio::test]
async fn con_un_intermediario_cuenta_la_direccion_que_el_dice() {
    let limite = ("AEROALPES_INTENTOS_DIRECCION", "1");
    let cerrada = Cerrada::con(&[limite, ("AEROALPES_INTERMEDIARIOS", "1")]).await;
    assert_eq!((desde(&cerrada, "1.1.1.1").await, desde(&cerrada, "2.2.2.2").await), (400, 400));
    assert_eq!(desde(&cerrada, "9.9.9.9, 1.1.1.1").await, 429);
}

#[tokio::test]
async fn en_modo_abierto_no_se_cuenta_nada() {
    let prueba = Prueba::con(&[("AEROALPES_INTENTOS_DIRECCION", "1"), ("AEROALPES_INTENTOS_CUENTA", "1")]).await;
    for _ in 0..5 {
        let fallido = iniciar_sesion(&prueba.servicio, "nadie@ejemplo.co", PASSWORD).await;
        fallido.problema(401, "credenciales-incorrectas");
    }
}

/// El problema sin lo único que puede cambiar de una solicitud a otra.
fn problema(respuesta: &Respuesta) -> Value {
    let mut problema = respuesta.cuerpo.clone();
    problema.as_object_mut().unwrap().remove("id_solicitud");
    problema
}

#[tokio::test]
async fn validar_no_dice_si_el_usuario_existe() {
    let cerrada = Cerrada::nueva().await;
    let ana = cerrada.0.registrar("ana@ejemplo.co").await;
    let codigo = json!({"codigo": "AAAAAAAAAA"});
    let validar = async |id: &str| cerrada.0.servicio.post(&format!("/clientes/usuario/{id}/validar"), &codigo).await;
    // También cuando el código ya se agotó, y cuando el usuario ya no está por validar.
    for intento in 0..8 {
        if intento == 7 {
            cerrada.0.base.ordenar("UPDATE usuarios SET estado = 'validado'").await;
        }
        let (de_ana, de_nadie) = (validar(&ana).await, validar(&Uuid::new_v4().to_string()).await);
        de_ana.problema(400, "codigo-incorrecto");
        assert_eq!(problema(&de_ana), problema(&de_nadie), "{intento}");
    }
}
