//! Las cabeceras de seguridad, y ninguna que abra el servicio a páginas de otro origen.

use reqwest::Method;
use serde_json::json;

use crate::apoyo::Prueba;
use crate::comun::servicio::Respuesta;

#[track_caller]
fn protegida(respuesta: &Respuesta) {
    for (nombre, valor) in
        [("x-content-type-options", "nosniff"), ("referrer-policy", "no-referrer"), ("x-frame-options", "DENY")]
    {
        assert_eq!(respuesta.cabecera(nombre), Some(valor), "{nombre}");
    }
    assert!(!respuesta.cabeceras.keys().any(|nombre| nombre.as_str().starts_with("access-control-")));
}

#[tokio::test]
async fn toda_respuesta_lleva_las_cabeceras_de_seguridad() {
    let prueba = Prueba::nueva().await;
    let servicio = &prueba.servicio;
    let reserva = prueba.reserva().await;
    for respuesta in [
        servicio.get(&format!("/vuelos/reserva/{reserva}")).await,
        servicio.get("/vuelos/reserva").await,
        servicio.get("/health/live").await,
        servicio.get("/spec").await,
        servicio.get("/no/existe").await,
        servicio.ordenar("/health").await,
        servicio.post("/clientes/sesion", &json!([])).await,
        servicio.post("/clientes/sesion", &json!({"email": "a@b.co", "password": "otra-contraseña"})).await,
    ] {
        protegida(&respuesta);
        assert_eq!(respuesta.cabecera("cache-control"), Some("no-store"));
        let politica = respuesta.cabecera("content-security-policy");
        assert_eq!(politica, Some("default-src 'none'; frame-ancestors 'none'"));
    }
}

#[tokio::test]
async fn la_pagina_de_prueba_solo_carga_lo_suyo() {
    let prueba = Prueba::nueva().await;
    for ruta in ["/docs", "/docs/", "/docs/swagger-ui-bundle.js", "/docs/index.css"] {
        let respuesta = prueba.servicio.get(ruta).await;
        assert_eq!(respuesta.estado, 200, "{ruta}");
        protegida(&respuesta);
        let politica = respuesta.cabecera("content-security-policy").unwrap();
        for directiva in ["default-src 'none'", "script-src 'self';", "connect-src 'self'", "frame-ancestors 'none'"] {
            assert!(politica.contains(directiva), "{politica}");
        }
    }
    // Sin guiones en línea: la política no los dejaría correr.
    let pagina = prueba.servicio.get("/docs/").await.texto;
    assert!(pagina.split("<script").skip(1).all(|guion| guion.trim_start().starts_with("src=")), "{pagina}");
    assert!(!pagina.contains("<style") && !pagina.contains("onload="), "{pagina}");
}

#[tokio::test]
async fn la_pagina_no_admite_nada_en_linea_y_se_pregunta_cada_vez_si_cambio() {
    let prueba = Prueba::nueva().await;
    for (ruta, tipo) in [
        ("/", "text/html; charset=utf-8"),
        ("/pagina/inicio.js", "text/javascript; charset=utf-8"),
        ("/pagina/estilo.css", "text/css; charset=utf-8"),
        ("/pagina/icono.svg", "image/svg+xml"),
    ] {
        let respuesta = prueba.servicio.get(ruta).await;
        assert_eq!((respuesta.estado, respuesta.cabecera("content-type")), (200, Some(tipo)), "{ruta}");
        protegida(&respuesta);
        let politica = respuesta.cabecera("content-security-policy").unwrap();
        assert!(politica.contains("default-src 'none'; script-src 'self'; style-src 'self';"), "{politica}");
        assert!(!politica.contains("unsafe"), "{politica}");
        assert_eq!(respuesta.cabecera("cache-control"), Some("no-cache"));
        let etiqueta = respuesta.cabecera("etag").unwrap();
        for (suya, estado) in
            [(etiqueta, 304), (&*format!("\"otra\", W/{etiqueta}"), 304), ("*", 304), ("\"otra\"", 200)]
        {
            let con = |solicitud: reqwest::RequestBuilder| solicitud.header("if-none-match", suya);
            let segunda = prueba.servicio.pedir(Method::GET, ruta, con).await;
            assert_eq!((segunda.estado, segunda.cabecera("etag")), (estado, Some(etiqueta)), "{ruta} {suya}");
            assert_eq!(segunda.texto.is_empty(), estado == 304, "{ruta} {suya}");
        }
    }
    prueba.servicio.get("/pagina/no-existe.js").await.problema(404, "ruta-no-existe");
    prueba.servicio.ordenar("/").await.problema(405, "metodo-no-admitido");
}

#[tokio::test]
async fn un_preflight_no_abre_nada() {
    let prueba = Prueba::nueva().await;
    for ruta in ["/vuelos/reserva", "/clientes/sesion", "/spec"] {
        let preguntar = |solicitud: reqwest::RequestBuilder| {
            let solicitud =
                solicitud.header("origin", "https://otra.ejemplo").header("access-control-request-method", "POST");
            solicitud.header("access-control-request-headers", "authorization, content-type")
        };
        let respuesta = prueba.servicio.pedir(Method::OPTIONS, ruta, preguntar).await;
        respuesta.problema(405, "metodo-no-admitido");
        protegida(&respuesta);
        let pedir = |solicitud: reqwest::RequestBuilder| solicitud.header("origin", "https://otra.ejemplo");
        protegida(&prueba.servicio.pedir(Method::GET, "/vuelos/reserva", pedir).await);
    }
}
