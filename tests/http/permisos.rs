//! Modo cerrado: cada uno ve y cambia sólo lo suyo.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::apoyo::{Prueba, id, reserva, reserva_de};
use crate::cerrado::{CLAVE, Cerrada, Sesion, administrador, con_ficha};
use crate::comun::servicio::{Respuesta, ejecutar};

/// Lo único que no pide ficha.
const PUBLICAS: [&str; 7] = [
    "get /health",
    "get /health/live",
    "get /health/ready",
    "get /spec",
    "post /clientes/sesion",
    "post /clientes/usuario",
    "post /clientes/usuario/{id}/validar",
];

fn operaciones(documento: &Value) -> impl Iterator<Item = (&str, &str, &Value)> {
    let rutas = documento["paths"].as_object().unwrap().iter();
    rutas.flat_map(|(ruta, metodos)| {
        metodos.as_object().unwrap().iter().map(move |(metodo, operacion)| (metodo.as_str(), ruta.as_str(), operacion))
    })
}

#[tokio::test]
async fn toda_ruta_pide_ficha_salvo_las_publicas() {
    let cerrada = Cerrada::nueva().await;
    let servicio = &cerrada.0.servicio;
    let documento = servicio.get("/spec").await.con(200);
    let mut sin_ficha = BTreeSet::new();
    let mut con_alguna = 0;
    for (metodo, ruta, operacion) in operaciones(&documento) {
        let nombre = format!("{metodo} {ruta}");
        let concreta = ruta.replace("{id}", &Uuid::new_v4().to_string());
        let verbo: Method = metodo.to_uppercase().parse().unwrap();
        let respuesta = servicio.pedir(verbo, &concreta, |solicitud| solicitud).await;
        if respuesta.estado == 401 {
            respuesta.problema(401, "falta-ficha");
            assert_eq!(respuesta.cabecera("www-authenticate"), Some("Bearer"));
            assert_eq!(operacion["security"], json!([{"ficha": []}]), "{nombre}");
            con_alguna += 1;
        } else {
            assert_eq!(operacion.get("security"), None, "{nombre}");
            sin_ficha.insert(nombre);
        }
    }
    assert_eq!(sin_ficha, PUBLICAS.map(str::to_owned).into());
    assert!(con_alguna > 10, "{con_alguna}");
    assert_eq!(documento["components"]["securitySchemes"]["ficha"]["scheme"], "bearer");
    servicio.get("/docs/").await.con(200);
    let pagina = servicio.get("/").await;
    assert!(pagina.estado == 200 && pagina.texto.contains("data-modo=\"cerrado\""), "{}", pagina.texto);
    assert_eq!(servicio.get("/pagina/inicio.js").await.estado, 200);
}

#[tokio::test]
async fn en_modo_abierto_la_especificacion_no_pide_ficha_y_nadie_la_mira() {
    let prueba = Prueba::nueva().await;
    let documento = prueba.servicio.get("/spec").await.con(200);
    for (metodo, ruta, operacion) in operaciones(&documento) {
        assert_eq!(operacion.get("security"), None, "{metodo} {ruta}");
    }
    con_ficha(&prueba.servicio, Method::GET, "/vuelos/reserva", "lo que sea", None).await.con(200);
}

#[tokio::test]
async fn una_ficha_que_no_sirve_es_un_401() {
    let cerrada = Cerrada::nueva().await;
    let ana = cerrada.sesion("ana@ejemplo.co").await;
    let ruta = format!("/clientes/usuario/{}", ana.id);
    cerrada.get(&ruta, &ana.ficha).await.con(200);
    let (clave, sin_pie) = (format!("{CLAVE}x"), ana.ficha.rsplit_once('.').unwrap().0);
    for mala in ["basura", "", &clave, &CLAVE[1..], sin_pie, &ana.ficha[1..], &format!("{}x", ana.ficha)] {
        let respuesta = cerrada.get(&ruta, mala).await;
        assert_eq!(respuesta.estado, 401, "{mala}: {}", respuesta.texto);
        assert_eq!(respuesta.cabecera("www-authenticate"), Some("Bearer"));
    }
    for otra_forma in [format!("Basic {}", ana.ficha), ana.ficha.clone(), format!("Bearer{}", ana.ficha)] {
        let con = |solicitud: reqwest::RequestBuilder| solicitud.header("authorization", &otra_forma);
        cerrada.0.servicio.pedir(Method::GET, &ruta, con).await.problema(401, "falta-ficha");
    }
    cerrada.0.servicio.get(&format!("{ruta}?access_token={}", ana.ficha)).await.problema(401, "falta-ficha");
}

/// Cada recurso de un usuario, con la solicitud que lo usa y lo que recibe quien puede.
async fn lo_de(cerrada: &Cerrada, dueno: &Sesion) -> Vec<(Method, String, u16)> {
    let reserva = cerrada.reserva(&dueno.ficha).await;
    let otra = cerrada.reserva(&dueno.ficha).await;
    let comando = cerrada.post("/vuelos/reserva-comando", &dueno.ficha, &crate::apoyo::reserva()).await.con(202);
    let comando = comando["id_comando"].as_str().unwrap();
    vec![
        (Method::GET, format!("/vuelos/reserva/{reserva}"), 200),
        (Method::GET, format!("/vuelos/reserva-query/{reserva}"), 200),
        (Method::GET, format!("/vuelos/reserva/{reserva}/historia"), 200),
        (Method::GET, format!("/comandos/{comando}"), 200),
        (Method::GET, format!("/clientes/usuario/{}", dueno.id), 200),
        (Method::GET, format!("/clientes/usuario/{}/reservas", dueno.id), 200),
        (Method::POST, format!("/vuelos/reserva/{reserva}/pagar"), 200),
        (Method::POST, format!("/vuelos/reserva/{otra}/cancelar"), 200),
        (Method::POST, format!("/clientes/usuario/{}/desactivar", dueno.id), 200),
    ]
}

/// El problema sin lo que cambia de una solicitud a otra: qué se pidió y con qué identidad.
fn sin_identidad(respuesta: &Respuesta, ruta: &str) -> Value {
    let texto = ruta.split('/').fold(respuesta.texto.clone(), |texto, tramo| match Uuid::parse_str(tramo) {
        Ok(_) => texto.replace(tramo, "ID"),
        Err(_) => texto,
    });
    let mut problema: Value = serde_json::from_str(&texto).unwrap();
    problema.as_object_mut().unwrap().remove("id_solicitud");
    problema
}

#[tokio::test]
async fn lo_ajeno_es_como_lo_que_no_existe_y_lo_propio_se_puede_usar() {
    let cerrada = Cerrada::nueva().await;
    let (ana, luis) = (cerrada.sesion("ana@ejemplo.co").await, cerrada.sesion("luis@ejemplo.co").await);
    for (metodo, ruta, estado) in lo_de(&cerrada, &ana).await {
        let servicio = &cerrada.0.servicio;
        let ajena = con_ficha(servicio, metodo.clone(), &ruta, &luis.ficha, None).await;
        assert_eq!(ajena.estado, 404, "{metodo} {ruta}: {}", ajena.texto);
        let tramos = ruta.split('/').map(|tramo| match Uuid::parse_str(tramo) {
            Ok(_) => Uuid::new_v4().to_string(),
            Err(_) => tramo.to_owned(),
        });
        let inexistente = tramos.collect::<Vec<_>>().join("/");
        let ninguna = con_ficha(servicio, metodo.clone(), &inexistente, &luis.ficha, None).await;
        assert_eq!(sin_identidad(&ajena, &ruta), sin_identidad(&ninguna, &inexistente), "{metodo} {ruta}");
        con_ficha(servicio, metodo, &ruta, &ana.ficha, None).await.con(estado);
    }
}

#[tokio::test]
async fn quien_administra_y_la_clave_de_servicio_pueden_con_lo_de_todos() {
    let cerrada = Cerrada::nueva().await;
    let jefa = cerrada.administrador("jefa@ejemplo.co").await;
    for (email, ficha) in [("ana@ejemplo.co", jefa.ficha.as_str()), ("luis@ejemplo.co", CLAVE)] {
        let dueno = cerrada.sesion(email).await;
        for (metodo, ruta, estado) in lo_de(&cerrada, &dueno).await {
            con_ficha(&cerrada.0.servicio, metodo, &ruta, ficha, None).await.con(estado);
        }
    }
}

#[tokio::test]
async fn las_listas_y_aprobar_son_de_quien_administra() {
    let cerrada = Cerrada::nueva().await;
    let (ana, jefa) = (cerrada.sesion("ana@ejemplo.co").await, cerrada.administrador("jefa@ejemplo.co").await);
    let reserva = cerrada.reserva(&ana.ficha).await;
    cerrada.ordenar(&format!("/vuelos/reserva/{reserva}/pagar"), &ana.ficha).await.con(200);
    let aprobar = format!("/vuelos/reserva/{reserva}/aprobar");
    let listas =
        ["/vuelos/reserva", "/clientes/usuario", "/clientes/usuario?email=ana@ejemplo.co", "/vuelos/reserva?estado=x"];
    for lista in listas {
        cerrada.get(lista, &ana.ficha).await.problema(403, "sin-permiso");
    }
    cerrada.ordenar(&aprobar, &ana.ficha).await.problema(403, "sin-permiso");
    for lista in &listas[..3] {
        cerrada.get(lista, &jefa.ficha).await.con(200);
        cerrada.get(lista, CLAVE).await.con(200);
    }
    cerrada.ordenar(&aprobar, &jefa.ficha).await.con(200);
}

#[tokio::test]
async fn una_reserva_queda_a_nombre_de_quien_la_crea() {
    let cerrada = Cerrada::nueva().await;
    let (ana, luis) = (cerrada.sesion("ana@ejemplo.co").await, cerrada.sesion("luis@ejemplo.co").await);
    for cuerpo in [reserva(), reserva_de(&ana.id)] {
        let creada = cerrada.post("/vuelos/reserva", &ana.ficha, &cuerpo).await.con(200);
        assert_eq!(creada["id_cliente"], ana.id);
    }
    for ruta in ["/vuelos/reserva", "/vuelos/reserva-comando"] {
        let respuesta = cerrada.post(ruta, &ana.ficha, &reserva_de(&luis.id)).await;
        assert_eq!(respuesta.problema(403, "a-nombre-de-otro")["puntero"], "/id_cliente");
    }
    assert_eq!(cerrada.post("/vuelos/reserva", CLAVE, &reserva_de(&luis.id)).await.con(200)["id_cliente"], luis.id);
    let de_nadie = cerrada.post("/vuelos/reserva", CLAVE, &reserva()).await.con(200);
    assert_eq!(de_nadie["id_cliente"], Value::Null);
    cerrada.get(&format!("/vuelos/reserva/{}", id(&de_nadie)), &ana.ficha).await.problema(404, "reserva-no-existe");
    let suyas = cerrada.get(&format!("/clientes/usuario/{}/reservas", ana.id), &ana.ficha).await.con(200);
    assert_eq!(suyas.as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn un_comando_aceptado_es_de_quien_lo_pidio() {
    let cerrada = Cerrada::nueva().await;
    let (ana, luis) = (cerrada.sesion("ana@ejemplo.co").await, cerrada.sesion("luis@ejemplo.co").await);
    let aceptado = cerrada.post("/vuelos/reserva-comando", &ana.ficha, &reserva()).await.con(202);
    let ruta = format!("/comandos/{}", aceptado["id_comando"].as_str().unwrap());
    cerrada.get(&ruta, &luis.ficha).await.problema(404, "comando-no-existe");
    crate::comun::hasta("que se cumpla", async || {
        cerrada.get(&ruta, &ana.ficha).await.con(200)["estado"] == "ejecutado"
    })
    .await;
    cerrada.get(&ruta, &luis.ficha).await.problema(404, "comando-no-existe");
    cerrada.get(&ruta, CLAVE).await.con(200);
    let reserva = cerrada.get(&format!("/vuelos/reserva/{}", id(&aceptado)), &ana.ficha).await.con(200);
    assert_eq!(reserva["id_cliente"], ana.id);
    assert_eq!(cerrada.0.base.contar("SELECT count(*) FROM comandos_de_usuarios").await, 1);
}

#[tokio::test]
async fn conceder_y_retirar_la_administracion_se_puede_repetir_y_vale_en_el_acto() {
    let cerrada = Cerrada::nueva().await;
    let ana = cerrada.sesion("ana@ejemplo.co").await;
    for _ in 0..2 {
        administrador(&cerrada.0.base, "conceder", &ana.id).await;
        cerrada.get("/clientes/usuario", &ana.ficha).await.con(200);
    }
    for _ in 0..2 {
        administrador(&cerrada.0.base, "retirar", &ana.id).await;
        cerrada.get("/clientes/usuario", &ana.ficha).await.problema(403, "sin-permiso");
    }
    cerrada.ordenar(&format!("/clientes/usuario/{}/desactivar", ana.id), &ana.ficha).await.con(200);
    let url = cerrada.0.base.url();
    for nadie in [ana.id, Uuid::new_v4().to_string()] {
        let fin = ejecutar(&["administrador", "conceder", &nadie], &[("DATABASE_URL", &url)]).await;
        let error = String::from_utf8(fin.stderr).unwrap();
        assert_eq!(error, format!("aeroalpes: no hay un usuario activo con la identidad {nadie}\n"));
        assert_eq!(fin.status.code(), Some(1));
    }
}

#[tokio::test]
async fn las_claves_de_idempotencia_son_de_quien_las_usa() {
    let cerrada = Cerrada::nueva().await;
    let (ana, luis) = (cerrada.sesion("ana@ejemplo.co").await, cerrada.sesion("luis@ejemplo.co").await);
    let reservar = async |ficha: &str| {
        let completar = |solicitud: reqwest::RequestBuilder| {
            solicitud.bearer_auth(ficha).header("idempotency-key", "la-misma").json(&reserva())
        };
        cerrada.0.servicio.pedir(Method::POST, "/vuelos/reserva", completar).await.con(200)
    };
    let (de_ana, de_luis, de_nadie) = (reservar(&ana.ficha).await, reservar(&luis.ficha).await, reservar(CLAVE).await);
    assert_eq!((&de_ana["id_cliente"], &de_luis["id_cliente"]), (&ana.id.into(), &luis.id.into()));
    assert_eq!(de_nadie["id_cliente"], Value::Null);
    assert_eq!(reservar(&ana.ficha).await, de_ana);
}

#[tokio::test]
async fn repetir_con_clave_un_comando_que_no_salio_lo_saca_aunque_ya_conste_de_quien_es() {
    let cerrada = Cerrada::nueva().await;
    let ana = cerrada.sesion("ana@ejemplo.co").await;
    let aceptar = async || {
        let completar = |solicitud: reqwest::RequestBuilder| {
            solicitud.bearer_auth(&ana.ficha).header("idempotency-key", "k").json(&reserva())
        };
        cerrada.0.servicio.pedir(Method::POST, "/vuelos/reserva-comando", completar).await.con(202)
    };
    let aceptado = aceptar().await;
    let ruta = format!("/comandos/{}", aceptado["id_comando"].as_str().unwrap());
    let cumplido = async || cerrada.get(&ruta, &ana.ficha).await.con(200)["estado"] == "ejecutado";
    crate::comun::hasta("que se cumpla", cumplido).await;
    // Como si el servicio hubiera muerto después de anotar de quién es y antes de sacarlo.
    let olvidar = "DELETE FROM bandeja_salida; DELETE FROM resultados_comando; DELETE FROM bandeja_entrada; \
                   DELETE FROM usuarios_reservas; DELETE FROM reservas";
    cerrada.0.base.ordenar(olvidar).await;
    assert_eq!(aceptar().await, aceptado);
    crate::comun::hasta("que se cumpla", cumplido).await;
}
