//! `/spec` y las rutas se corresponden en los dos sentidos, y `/docs` funciona sin salir a Internet.

use std::collections::BTreeSet;
use std::path::Path;

use reqwest::Method;
use serde_json::{Map, Value, json};

use crate::apoyo::Prueba;
use crate::comun::especificacion::Esquemas;

/// Los métodos y rutas que documenta la especificación.
fn documentadas(documento: &Value) -> BTreeSet<(String, String)> {
    let operaciones = |(ruta, metodos): (&String, &Value)| {
        metodos.as_object().unwrap().keys().map(|metodo| (metodo.clone(), ruta.clone())).collect::<Vec<_>>()
    };
    documento["paths"].as_object().unwrap().iter().flat_map(operaciones).collect()
}

/// Cada operación, con su método y su ruta.
fn operaciones(documento: &Value) -> impl Iterator<Item = (String, &Value)> {
    let rutas = documento["paths"].as_object().unwrap().iter();
    rutas.flat_map(|(ruta, metodos)| {
        metodos.as_object().unwrap().iter().map(move |(metodo, operacion)| (format!("{metodo} {ruta}"), operacion))
    })
}

/// Los métodos y rutas que el código anota con `#[utoipa::path(…)]`.
fn anotadas_en_el_codigo() -> BTreeSet<(String, String)> {
    let carpeta = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/api");
    let mut anotadas = BTreeSet::new();
    let archivos = std::fs::read_dir(carpeta).unwrap().map(|archivo| archivo.unwrap().path());
    for archivo in archivos.filter(|archivo| archivo.is_file()) {
        let texto = std::fs::read_to_string(archivo).unwrap();
        for anotacion in texto.split("#[utoipa::path(").skip(1) {
            let metodo = anotacion.split(',').next().unwrap().trim().to_owned();
            let ruta = anotacion.split("path = \"").nth(1).unwrap().split('"').next().unwrap().to_owned();
            assert!(anotadas.insert((metodo, ruta.clone())), "{ruta} está anotada dos veces");
        }
    }
    anotadas
}

/// Todos los textos que hay bajo ese nombre, a cualquier profundidad.
fn bajo<'a>(valor: &'a Value, nombre: &str, encontrados: &mut Vec<&'a Value>) {
    match valor {
        Value::Array(lista) => lista.iter().for_each(|dentro| bajo(dentro, nombre, encontrados)),
        Value::Object(objeto) => {
            encontrados.extend(objeto.get(nombre));
            objeto.values().for_each(|dentro| bajo(dentro, nombre, encontrados));
        }
        _ => {}
    }
}

#[tokio::test]
async fn el_documento_es_openapi_3_1_y_esta_entero() {
    let prueba = Prueba::nueva().await;
    let documento = prueba.servicio.get("/spec").await.con(200);
    assert_eq!(documento["openapi"], "3.1.0");
    assert_eq!(documento["info"]["title"], "AeroAlpes");
    assert_eq!(documento["info"]["version"], env!("CARGO_PKG_VERSION"));
    let mut referencias = Vec::new();
    bajo(&documento, "$ref", &mut referencias);
    assert!(referencias.len() > 50, "{}", referencias.len());
    for referencia in referencias {
        let puntero = referencia.as_str().unwrap().strip_prefix('#').unwrap();
        assert!(documento.pointer(puntero).is_some(), "{referencia} no lleva a nada");
    }
    let etiquetas: Vec<_> = documento["tags"].as_array().unwrap().iter().map(|etiqueta| &etiqueta["name"]).collect();
    let mut identificadores = BTreeSet::new();
    for (que, operacion) in operaciones(&documento) {
        assert!(operacion["summary"].as_str().is_some_and(|resumen| !resumen.is_empty()), "{que} no tiene resumen");
        assert!(etiquetas.contains(&&operacion["tags"][0]), "{que} no tiene una etiqueta declarada");
        assert!(identificadores.insert(operacion["operationId"].to_string()), "{que} repite operationId");
        for (estado, respuesta) in operacion["responses"].as_object().unwrap() {
            assert!(!respuesta["description"].as_str().unwrap().is_empty(), "{que} {estado}");
            if estado.as_str() >= "400" && que != "get /health/ready" {
                let esquema = &respuesta["content"]["application/problem+json"]["schema"]["$ref"];
                assert_eq!(esquema, "#/components/schemas/Problema", "{que} {estado}");
            }
        }
    }
}

#[tokio::test]
async fn el_codigo_y_la_especificacion_tienen_las_mismas_rutas() {
    let prueba = Prueba::nueva().await;
    assert_eq!(anotadas_en_el_codigo(), documentadas(prueba.servicio.especificacion()));
}

#[tokio::test]
async fn cada_operacion_documentada_existe() {
    let prueba = Prueba::nueva().await;
    for (metodo, plantilla) in documentadas(prueba.servicio.especificacion()) {
        let metodo: Method = metodo.to_uppercase().parse().unwrap();
        let ruta = plantilla.replace("{id}", "00000000-0000-4000-8000-000000000000");
        // Un flujo sin fin: con una ficha que no sirve, también responde y termina.
        let ruta = if ruta == "/vuelos/reserva/eventos" { format!("{ruta}?desde=x") } else { ruta };
        let respuesta = prueba.servicio.pedir(metodo.clone(), &ruta, |solicitud| solicitud).await;
        assert_ne!(respuesta.estado, 405, "{metodo} {ruta}");
        assert_ne!(respuesta.cuerpo["type"], "urn:aeroalpes:problema:ruta-no-existe", "{metodo} {ruta}");
    }
}

#[tokio::test]
async fn las_rutas_del_contrato_estan_todas() {
    let prueba = Prueba::nueva().await;
    let documentadas = documentadas(prueba.servicio.especificacion());
    for (metodo, ruta) in [
        ("post", "/vuelos/reserva"),
        ("get", "/vuelos/reserva"),
        ("get", "/vuelos/reserva/{id}"),
        ("get", "/vuelos/reserva-query/{id}"),
        ("get", "/vuelos/reserva/eventos"),
        ("get", "/comandos/{id}/eventos"),
        ("post", "/vuelos/reserva/{id}/pagar"),
        ("post", "/vuelos/reserva/{id}/aprobar"),
        ("post", "/vuelos/reserva/{id}/cancelar"),
        ("post", "/clientes/usuario"),
        ("get", "/clientes/usuario"),
        ("get", "/clientes/usuario/{id}"),
        ("post", "/clientes/usuario/{id}/validar"),
        ("post", "/clientes/usuario/{id}/desactivar"),
        ("get", "/clientes/usuario/{id}/reservas"),
        ("post", "/clientes/sesion"),
        ("get", "/health"),
        ("get", "/health/live"),
        ("get", "/health/ready"),
        ("get", "/spec"),
    ] {
        assert!(documentadas.contains(&(metodo.into(), ruta.into())), "falta {metodo} {ruta}");
    }
}

/// Un valor hecho con los ejemplos de un esquema, como los compone la página `/docs`.
fn ejemplo(documento: &Value, esquema: &Value) -> Value {
    let esquema = match esquema["$ref"].as_str() {
        Some(referencia) => documento.pointer(&referencia[1..]).unwrap(),
        None => esquema,
    };
    if let Some(dado) = esquema.get("example") {
        return dado.clone();
    }
    match esquema["type"].as_str() {
        Some("object") => {
            let miembros = esquema["properties"].as_object().unwrap().iter();
            miembros.map(|(nombre, dentro)| (nombre.clone(), ejemplo(documento, dentro))).collect::<Map<_, _>>().into()
        }
        Some("array") => json!([ejemplo(documento, &esquema["items"])]),
        Some("boolean") => json!(false),
        otro => panic!("un dato de tipo {otro:?} no tiene ejemplo: {esquema}"),
    }
}

#[tokio::test]
async fn el_ejemplo_de_cada_cuerpo_sirve_tal_cual() {
    let prueba = Prueba::nueva().await;
    let documento = prueba.servicio.especificacion();
    let esquemas = Esquemas { documento };
    for (ruta, estado) in [("/vuelos/reserva", 200), ("/clientes/usuario", 201), ("/clientes/sesion", 200)] {
        let esquema = &documento["paths"][ruta]["post"]["requestBody"]["content"]["application/json"]["schema"];
        let cuerpo = ejemplo(documento, esquema);
        assert_eq!(esquemas.falla(esquema, &cuerpo, ""), None, "{cuerpo}");
        prueba.servicio.post(ruta, &cuerpo).await.con(estado);
    }
}

#[tokio::test]
async fn la_pagina_de_prueba_no_pide_nada_a_nadie_mas() {
    let prueba = Prueba::nueva().await;
    let redirigida = prueba.servicio.get("/docs").await;
    assert_eq!(redirigida.estado, 200, "el cliente siguió la redirección a /docs/");
    let pagina = prueba.servicio.get("/docs/").await;
    assert_eq!((pagina.estado, &pagina.texto), (200, &redirigida.texto));
    assert!(pagina.cabecera("content-type").unwrap().starts_with("text/html"));
    let mut archivos = Vec::new();
    for atributo in ["src=\"", "href=\""] {
        archivos.extend(pagina.texto.split(atributo).skip(1).map(|resto| resto.split('"').next().unwrap()));
    }
    assert!(archivos.len() >= 4, "{archivos:?}");
    for archivo in archivos {
        assert!(!archivo.contains("//") && !archivo.starts_with("data:"), "{archivo} sale del servicio");
        let servido = prueba.servicio.get(&format!("/docs/{}", archivo.trim_start_matches("./"))).await;
        assert_eq!(servido.estado, 200, "{archivo}");
    }
    let inicio = prueba.servicio.get("/docs/swagger-initializer.js").await.texto;
    assert!(inicio.contains("\"url\": \"/spec\"") && inicio.contains("\"validatorUrl\": \"none\""), "{inicio}");
    assert!(!inicio.contains("http"), "{inicio}");
}

#[tokio::test]
async fn la_pagina_de_prueba_llega_comprimida_solo_a_quien_lo_admite() {
    let prueba = Prueba::nueva().await;
    let pedir = async |ruta: &str, admite: &'static str| {
        prueba.servicio.pedir(Method::GET, ruta, |solicitud| solicitud.header("accept-encoding", admite)).await
    };
    for ruta in ["/docs/", "/docs/swagger-ui.css", "/docs/swagger-ui-bundle.js"] {
        let (comprimida, llana) = (pedir(ruta, "gzip, br").await, pedir(ruta, "gzip;q=0").await);
        assert_eq!((comprimida.estado, comprimida.cabecera("content-encoding")), (200, Some("gzip")), "{ruta}");
        assert_eq!((llana.estado, llana.cabecera("content-encoding")), (200, None), "{ruta}");
        let largo: usize = comprimida.cabecera("content-length").unwrap().parse().unwrap();
        assert!(largo * 3 < llana.texto.len() * 2, "{ruta}: {largo} de {}", llana.texto.len());
        for respuesta in [&comprimida, &llana, &prueba.servicio.get(ruta).await] {
            assert_eq!(respuesta.cabecera("vary"), Some("accept-encoding"), "{ruta}");
        }
        assert_eq!(prueba.servicio.get(ruta).await.texto, llana.texto, "{ruta}: sin decir nada, llana");
    }
}
