//! Iniciar sesión: 200 con el usuario, o un 401 que no dice nada.

use serde_json::{Value, json};

use crate::apoyo::{PASSWORD, Prueba};

const RUTA: &str = "/clientes/sesion";

/// El problema sin lo único que puede cambiar de una solicitud a otra.
async fn rechazo(prueba: &Prueba, email: &str, password: &str) -> Value {
    let respuesta = prueba.servicio.post(RUTA, &json!({"email": email, "password": password})).await;
    assert_eq!(respuesta.cabecera("www-authenticate"), Some("Bearer"));
    let mut problema = respuesta.problema(401, "credenciales-incorrectas").clone();
    problema.as_object_mut().unwrap().remove("id_solicitud");
    problema
}

#[tokio::test]
async fn las_credenciales_correctas_devuelven_al_usuario() {
    let prueba = Prueba::nueva().await;
    let ana = prueba.registrar("ana@ejemplo.co").await;
    let usuario = prueba.servicio.get(&format!("/clientes/usuario/{ana}")).await.con(200);
    for email in ["ana@ejemplo.co", "ANA@ejemplo.CO"] {
        let respuesta = prueba.servicio.post(RUTA, &json!({"email": email, "password": PASSWORD})).await;
        assert_eq!(respuesta.con(200), usuario);
    }
}

#[tokio::test]
async fn el_401_es_siempre_el_mismo() {
    let prueba = Prueba::nueva().await;
    prueba.registrar("ana@ejemplo.co").await;
    let fue = prueba.registrar("luis@ejemplo.co").await;
    prueba.servicio.ordenar(&format!("/clientes/usuario/{fue}/desactivar")).await.con(200);
    let desconocido = rechazo(&prueba, "nadie@ejemplo.co", PASSWORD).await;
    assert_eq!(desconocido["detail"], "El e-mail o la contraseña no son correctos");
    for (email, password) in [
        ("ana@ejemplo.co", "otra-contraseña"),
        ("ana@ejemplo.co", &PASSWORD.to_uppercase()),
        ("ana@ejemplo.co", "corta"),
        ("luis@ejemplo.co", PASSWORD),
        ("esto no es un e-mail", PASSWORD),
        ("", ""),
    ] {
        assert_eq!(rechazo(&prueba, email, password).await, desconocido, "{email} {password}");
    }
}

#[tokio::test]
async fn unas_credenciales_sin_la_forma_debida_se_senalan() {
    let prueba = Prueba::nueva().await;
    prueba.servicio.post(RUTA, &json!({"email": "ana@ejemplo.co"})).await.dato_invalido("/password");
    prueba.servicio.post(RUTA, &json!({"password": PASSWORD})).await.dato_invalido("/email");
    prueba.servicio.post(RUTA, &json!({"email": 1, "password": PASSWORD})).await.dato_invalido("/email");
    prueba.servicio.post(RUTA, &json!({"email": "a@b.co", "password": 1})).await.dato_invalido("/password");
    prueba.servicio.post(RUTA, &json!([])).await.dato_invalido("");
}
