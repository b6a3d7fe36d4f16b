//! `Idempotency-Key`: repetir una solicitud repite la respuesta y no el efecto.

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::apoyo::{FilaBloqueada, PASSWORD, Prueba, id, leg, reserva, reserva_con_legs, usuario};
use crate::comun::hasta;
use crate::comun::servicio::Respuesta;

impl Prueba {
    async fn con_clave(&self, ruta: &str, clave: &str, cuerpo: &Value) -> Respuesta {
        let completar = |solicitud: reqwest::RequestBuilder| solicitud.header("idempotency-key", clave).json(cuerpo);
        self.servicio.pedir(Method::POST, ruta, completar).await
    }

    async fn ordenar_con_clave(&self, ruta: &str, clave: &str) -> Respuesta {
        self.servicio.pedir(Method::POST, ruta, |solicitud| solicitud.header("idempotency-key", clave)).await
    }
}

fn otra_reserva() -> Value {
    reserva_con_legs(&json!([leg("2023-01-01T00:00:00Z", "2023-01-01T02:00:00Z", "BOG", "MIA")]))
}

#[tokio::test]
async fn repetir_una_reserva_la_devuelve_y_no_crea_otra() {
    let prueba = Prueba::nueva().await;
    let creada = prueba.con_clave("/vuelos/reserva", "una", &reserva()).await.con(200);
    prueba.a_la_reserva(&id(&creada), "pagar").await.con(200);
    for clave in ["una", "\"una\""] {
        assert_eq!(prueba.con_clave("/vuelos/reserva", clave, &reserva()).await.con(200), creada);
    }
    assert_eq!(prueba.base.contar("SELECT count(*) FROM reservas").await, 1);
    assert_eq!(prueba.eventos("ReservaCreada", &id(&creada)).await, 1);
    let otra = prueba.con_clave("/vuelos/reserva", "otra", &reserva()).await.con(200);
    assert_ne!(id(&otra), id(&creada));
}

#[tokio::test]
async fn la_misma_clave_con_otra_solicitud_se_rechaza() {
    let prueba = Prueba::nueva().await;
    let creada = id(&prueba.con_clave("/vuelos/reserva", "k", &reserva()).await.con(200));
    prueba.con_clave("/vuelos/reserva", "k", &otra_reserva()).await.problema(422, "clave-de-otra-solicitud");
    prueba.con_clave("/vuelos/reserva-comando", "k", &reserva()).await.problema(422, "clave-de-otra-solicitud");
    let pagar = format!("/vuelos/reserva/{creada}/pagar");
    prueba.ordenar_con_clave(&pagar, "k").await.problema(422, "clave-de-otra-solicitud");
    prueba.ordenar_con_clave(&pagar, "p").await.con(200);
    let respuesta = prueba.servicio.pedir(Method::POST, &pagar, |solicitud| {
        solicitud.header("idempotency-key", "p").header("prefer", "respond-async")
    });
    respuesta.await.problema(422, "clave-de-otra-solicitud");
    assert_eq!(prueba.base.contar("SELECT count(*) FROM reservas").await, 1);
}

#[tokio::test]
async fn una_solicitud_en_curso_se_dice_sin_esperarla() {
    let prueba = Prueba::nueva().await;
    let reserva = prueba.reserva().await;
    let pagar = format!("/vuelos/reserva/{reserva}/pagar");
    let bloqueo = FilaBloqueada::nueva(&prueba.base, "reservas", &reserva).await;
    let (pagada, ()) = tokio::join!(prueba.ordenar_con_clave(&pagar, "k"), async {
        prueba.base.esperar_bloqueadas(1).await;
        let repetida = prueba.ordenar_con_clave(&pagar, "k").await;
        repetida.problema(409, "solicitud-en-curso");
        assert_eq!(repetida.cabecera("retry-after"), Some("1"));
        bloqueo.soltar().await;
    });
    let pagada = pagada.con(200);
    assert_eq!(prueba.ordenar_con_clave(&pagar, "k").await.con(200), pagada);
    assert_eq!(prueba.eventos("ReservaPagada", &reserva).await, 1);
}

#[tokio::test]
async fn de_muchas_a_la_vez_solo_una_tiene_efecto() {
    let prueba = Prueba::nueva().await;
    let repetir = || async {
        let cuerpo = reserva();
        let creada = std::cell::RefCell::new(Value::Null);
        hasta("que la solicitud termine", async || {
            let respuesta = prueba.con_clave("/vuelos/reserva", "k", &cuerpo).await;
            if respuesta.estado == 409 {
                respuesta.problema(409, "solicitud-en-curso");
                return false;
            }
            *creada.borrow_mut() = respuesta.con(200);
            true
        })
        .await;
        creada.into_inner()
    };
    let creadas = join_all((0..16).map(|_| repetir())).await;
    assert!(creadas.iter().all(|creada| *creada == creadas[0]), "{creadas:?}");
    assert_eq!(prueba.base.contar("SELECT count(*) FROM reservas").await, 1);
}

#[tokio::test]
async fn lo_que_no_se_cumplio_se_puede_volver_a_pedir_con_la_misma_clave() {
    let prueba = Prueba::nueva().await;
    let reserva = prueba.reserva().await;
    let aprobar = format!("/vuelos/reserva/{reserva}/aprobar");
    prueba.ordenar_con_clave(&aprobar, "k").await.problema(409, "transicion-no-permitida");
    prueba.a_la_reserva(&reserva, "pagar").await.con(200);
    prueba.ordenar_con_clave(&aprobar, "k").await.con(200);
}

#[tokio::test]
async fn de_un_usuario_solo_se_recuerda_quien_es() {
    let prueba = Prueba::nueva().await;
    let ana = usuario("ana@ejemplo.co");
    let primera = prueba.con_clave("/clientes/usuario", "ana", &ana).await;
    let direccion = primera.cabecera("location").unwrap().to_owned();
    let registrada = primera.con(201);
    let repetida = prueba.con_clave("/clientes/usuario", "ana", &ana).await;
    assert_eq!(repetida.cabecera("location"), Some(direccion.as_str()));
    assert_eq!(repetida.con(201), registrada);
    for dato in ["ana@", PASSWORD, registrada["nombres"].as_str().unwrap()] {
        let sql =
            format!("SELECT count(*) FROM idempotencia WHERE position(convert_to('{dato}', 'UTF8') IN recuerdo) > 0");
        assert_eq!(prueba.base.contar(&sql).await, 0, "{dato}");
    }
    prueba.base.ordenar("DELETE FROM usuarios").await;
    prueba.con_clave("/clientes/usuario", "ana", &ana).await.problema(410, "usuario-borrado");
}

#[tokio::test]
async fn repetir_un_comando_aceptado_reenvia_el_mismo() {
    let prueba = Prueba::nueva().await;
    let aceptar = async || prueba.con_clave("/vuelos/reserva-comando", "k", &reserva()).await;
    let primera = aceptar().await;
    let direccion = primera.cabecera("location").unwrap().to_owned();
    let aceptado = primera.con(202);
    let repetidas = join_all((0..4).map(|_| aceptar())).await;
    assert!(repetidas.into_iter().all(|repetida| repetida.con(202) == aceptado));
    let terminado = async || prueba.servicio.get(&direccion).await.con(200)["estado"] != "pendiente";
    hasta("que el comando termine", terminado).await;
    assert_eq!(aceptar().await.con(202), aceptado);
    assert_eq!(prueba.servicio.get(&direccion).await.con(200)["estado"], "ejecutado");
    let en_calma =
        "SELECT (SELECT count(*) FROM entregas) + (SELECT count(*) FROM bandeja_salida WHERE publicada_en IS NULL)";
    hasta("que no quede nada por mover", async || prueba.base.contar(en_calma).await == 0).await;
    assert_eq!(prueba.base.contar("SELECT count(*) FROM reservas").await, 1);
    assert_eq!(prueba.eventos("ReservaCreada", aceptado["id"].as_str().unwrap()).await, 1);
    let otra = prueba.con_clave("/vuelos/reserva-comando", "k", &otra_reserva()).await;
    otra.problema(422, "clave-de-otra-solicitud");
}

#[tokio::test]
async fn un_comando_reservado_que_no_salio_sale_al_repetirlo() {
    let prueba = Prueba::nueva().await;
    let aceptado = prueba.con_clave("/vuelos/reserva-comando", "k", &reserva()).await.con(202);
    let terminado = "SELECT count(*) FROM resultados_comando";
    hasta("que el comando termine", async || prueba.base.contar(terminado).await == 1).await;
    // Como si el servicio hubiera muerto después de reservar las identidades y antes de sacar el comando.
    prueba
        .base
        .ordenar(
            "DELETE FROM bandeja_salida; DELETE FROM resultados_comando; DELETE FROM bandeja_entrada; DELETE FROM reservas",
        )
        .await;
    assert_eq!(prueba.con_clave("/vuelos/reserva-comando", "k", &reserva()).await.con(202), aceptado);
    hasta("que el comando termine", async || prueba.base.contar(terminado).await == 1).await;
    prueba.servicio.get(&format!("/vuelos/reserva/{}", aceptado["id"].as_str().unwrap())).await.con(200);
}

#[tokio::test]
async fn todo_post_comprueba_la_clave() {
    let prueba = Prueba::nueva().await;
    let rutas = prueba.servicio.especificacion()["paths"].as_object().unwrap();
    let posts: Vec<_> = rutas.iter().filter(|(_, operaciones)| operaciones.get("post").is_some()).collect();
    assert!(posts.len() >= 9, "{posts:?}");
    for (ruta, _) in posts {
        let ruta = ruta.replace("{id}", &Uuid::new_v4().to_string());
        for mala in ["", "\"\"", &"x".repeat(256)] {
            let respuesta = prueba.con_clave(&ruta, mala, &json!({})).await;
            respuesta.problema(400, "clave-idempotencia-invalida");
        }
    }
}
