//! Modo cerrado: las fichas de sesión caducan, se revocan y sobreviven al cambio de clave.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::Method;
use serde_json::Value;

use crate::apoyo::{PASSWORD, Prueba, miembros};
use crate::cerrado::{CLAVE, Cerrada, con_ficha, iniciar_sesion};
use crate::comun::especificacion::es_fecha;
use crate::comun::hasta;

/// La clave con que una ficha dice estar cifrada.
fn kid(ficha: &str) -> String {
    let pie = URL_SAFE_NO_PAD.decode(ficha.rsplit_once('.').unwrap().1).unwrap();
    serde_json::from_slice::<Value>(&pie).unwrap()["kid"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn la_sesion_da_al_usuario_y_su_ficha() {
    let cerrada = Cerrada::nueva().await;
    let ana = cerrada.sesion("ana@ejemplo.co").await;
    let mut iniciada = iniciar_sesion(&cerrada.0.servicio, "ana@ejemplo.co", PASSWORD).await.con(200);
    let usuario = cerrada.get(&format!("/clientes/usuario/{}", ana.id), &ana.ficha).await.con(200);
    let ficha = iniciada.as_object_mut().unwrap().remove("ficha").unwrap();
    assert!(ficha.as_str().unwrap().starts_with("v4.local."), "{ficha}");
    assert!(es_fecha(iniciada.as_object_mut().unwrap().remove("caduca_en").unwrap().as_str().unwrap()));
    assert_eq!(iniciada, usuario);
}

#[tokio::test]
async fn en_modo_abierto_la_sesion_solo_da_al_usuario() {
    let prueba = Prueba::nueva().await;
    prueba.registrar("ana@ejemplo.co").await;
    let iniciada = iniciar_sesion(&prueba.servicio, "ana@ejemplo.co", PASSWORD).await.con(200);
    assert!(!miembros(&iniciada).contains(&"ficha") && !miembros(&iniciada).contains(&"caduca_en"), "{iniciada}");
    assert_eq!(prueba.base.contar("SELECT count(*) FROM claves_fichas").await, 0);
}

#[tokio::test]
async fn una_ficha_caduca() {
    let cerrada = Cerrada::con(&[("AEROALPES_FICHA_S", "2")]).await;
    let ana = cerrada.sesion("ana@ejemplo.co").await;
    let ruta = format!("/clientes/usuario/{}", ana.id);
    cerrada.get(&ruta, &ana.ficha).await.con(200);
    hasta("que la ficha caduque", async || cerrada.get(&ruta, &ana.ficha).await.estado == 401).await;
    cerrada.get(&ruta, &ana.ficha).await.problema(401, "ficha-invalida");
    let nueva = cerrada.ficha("ana@ejemplo.co").await;
    cerrada.get(&ruta, &nueva).await.con(200);
}

#[tokio::test]
async fn las_claves_cambian_solas_y_las_viejas_sirven_hasta_que_caduca_lo_que_cifraron() {
    let cerrada = Cerrada::con(&[("AEROALPES_ROTACION_S", "1"), ("AEROALPES_INTENTOS_CUENTA", "100000")]).await;
    let ana = cerrada.sesion("ana@ejemplo.co").await;
    let (ruta, primera) = (format!("/clientes/usuario/{}", ana.id), kid(&ana.ficha));
    hasta("otra clave", async || kid(&cerrada.ficha("ana@ejemplo.co").await) != primera).await;
    cerrada.get(&ruta, &ana.ficha).await.con(200);
    // Como si hiciera mucho que se creó: la siguiente rotación se la lleva.
    cerrada.0.base.ordenar("UPDATE claves_fichas SET creada_en = creada_en - interval '1 day'").await;
    cerrada.ficha("ana@ejemplo.co").await;
    let quedan = format!("SELECT count(*) FROM claves_fichas WHERE kid = '{primera}'");
    hasta("que se borre la primera", async || {
        cerrada.ficha("ana@ejemplo.co").await;
        cerrada.0.base.contar(&quedan).await == 0
    })
    .await;
    hasta("que no la conozca nadie", async || cerrada.get(&ruta, &ana.ficha).await.estado == 401).await;
}

#[tokio::test]
async fn varias_instancias_comparten_las_claves() {
    let cerrada = Cerrada::nueva().await;
    let otra = cerrada.otra_instancia().await;
    let ana = cerrada.sesion("ana@ejemplo.co").await;
    let ruta = format!("/clientes/usuario/{}", ana.id);
    // La otra ya leyó las claves cuando la primera crea una nueva.
    con_ficha(&otra, Method::GET, &ruta, &ana.ficha, None).await.con(200);
    cerrada.0.base.ordenar("UPDATE claves_fichas SET creada_en = creada_en - interval '1 day'").await;
    let tercera = cerrada.otra_instancia().await;
    let iniciada = iniciar_sesion(&tercera, "ana@ejemplo.co", PASSWORD).await.con(200);
    let nueva = iniciada["ficha"].as_str().unwrap();
    assert_ne!(kid(nueva), kid(&ana.ficha));
    con_ficha(&otra, Method::GET, &ruta, nueva, None).await.con(200);
    con_ficha(&tercera, Method::GET, &ruta, &ana.ficha, None).await.con(200);
}

#[tokio::test]
async fn desactivar_o_borrar_a_un_usuario_revoca_sus_fichas_en_el_acto() {
    let cerrada = Cerrada::nueva().await;
    let (ana, luis) = (cerrada.sesion("ana@ejemplo.co").await, cerrada.sesion("luis@ejemplo.co").await);
    cerrada.ordenar(&format!("/clientes/usuario/{}/desactivar", ana.id), CLAVE).await.con(200);
    cerrada.0.base.ordenar(&format!("DELETE FROM usuarios WHERE id = '{}'", luis.id)).await;
    for sesion in [ana, luis] {
        let ruta = format!("/clientes/usuario/{}", sesion.id);
        cerrada.get(&ruta, &sesion.ficha).await.problema(401, "ficha-invalida");
        let creada = cerrada.post("/vuelos/reserva", &sesion.ficha, &crate::apoyo::reserva()).await;
        creada.problema(401, "ficha-invalida");
    }
    iniciar_sesion(&cerrada.0.servicio, "ana@ejemplo.co", PASSWORD).await.problema(401, "credenciales-incorrectas");
}

#[tokio::test]
async fn sin_base_de_datos_no_se_sabe_quien_llama() {
    let cerrada = Cerrada::nueva().await;
    let ana = cerrada.sesion("ana@ejemplo.co").await;
    cerrada.0.base.cerrar().await;
    let respuesta = cerrada.get(&format!("/clientes/usuario/{}", ana.id), &ana.ficha).await;
    respuesta.problema(503, "sin-base-de-datos");
    assert!(respuesta.cabecera("retry-after").is_some());
    cerrada.0.base.abrir().await;
}
