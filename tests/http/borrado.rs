//! Borrar a un usuario: no queda nada de la persona, y ninguna reserva se anota a nombre de quien se está borrando.

use reqwest::Method;
use serde_json::{Value, json};

use crate::apoyo::{FilaBloqueada, PASSWORD, Prueba, id, reserva_de};
use crate::comun::hasta;
use crate::comun::servicio::Respuesta;

async fn borrar(prueba: &Prueba, usuario: &str) -> Respuesta {
    prueba.servicio.borrar(&format!("/clientes/usuario/{usuario}")).await
}

async fn reservar(prueba: &Prueba, usuario: &str) -> Respuesta {
    prueba.servicio.post("/vuelos/reserva", &reserva_de(usuario)).await
}

/// Encarga una reserva y espera a que termine.
async fn encargar(prueba: &Prueba, usuario: &str) -> Value {
    let aceptada = prueba.servicio.post("/vuelos/reserva-comando", &reserva_de(usuario)).await.con(202);
    let ruta = format!("/comandos/{}", aceptada["id_comando"].as_str().unwrap());
    let preguntar = async || prueba.servicio.get(&ruta).await.con(200);
    hasta("que el comando termine", async || preguntar().await["estado"] != "pendiente").await;
    preguntar().await
}

/// Cuántas reservas hay a su nombre, contando también las de las listas, que nunca deben quedar.
async fn reservas(prueba: &Prueba, usuario: &str) -> i64 {
    let sql = format!(
        "SELECT (SELECT count(*) FROM reservas WHERE id_cliente = '{usuario}') \
         + 100 * (SELECT count(*) FROM usuarios_reservas) + 100 * (SELECT count(*) FROM usuarios)"
    );
    prueba.base.contar(&sql).await
}

#[tokio::test]
async fn quien_se_borra_deja_de_existir_y_sus_reservas_quedan() {
    let prueba = Prueba::nueva().await;
    let ana = prueba.registrar("ana@ejemplo.co").await;
    let creada = reservar(&prueba, &ana).await.con(200);
    let respuesta = borrar(&prueba, &ana).await;
    assert_eq!((respuesta.estado, &*respuesta.texto), (204, ""));
    assert_eq!(prueba.eventos("UsuarioBorrado", &ana).await, 1);
    assert_eq!(reservas(&prueba, &ana).await, 1);
    assert_eq!(prueba.servicio.get(&format!("/vuelos/reserva/{}", id(&creada))).await.con(200), creada);

    let ruta = format!("/clientes/usuario/{ana}");
    for resto in ["", "/reservas"] {
        prueba.servicio.get(&format!("{ruta}{resto}")).await.problema(404, "usuario-no-existe");
    }
    for resto in ["/desactivar", "/codigo"] {
        prueba.servicio.ordenar(&format!("{ruta}{resto}")).await.problema(404, "usuario-no-existe");
    }
    borrar(&prueba, &ana).await.problema(404, "usuario-no-existe");
    assert_eq!(prueba.eventos("UsuarioBorrado", &ana).await, 1);
    reservar(&prueba, &ana).await.problema(422, "cliente-no-existe");
    let credenciales = json!({"email": "ana@ejemplo.co", "password": PASSWORD});
    prueba.servicio.post("/clientes/sesion", &credenciales).await.problema(401, "credenciales-incorrectas");
    // El e-mail queda libre, y quien vuelve es otro usuario.
    assert_ne!(prueba.registrar("ana@ejemplo.co").await, ana);
}

#[tokio::test]
async fn se_borra_este_como_este() {
    let prueba = Prueba::nueva().await;
    let (registrado, desactivado) = (prueba.sembrar_usuario().await, prueba.sembrar_usuario().await);
    prueba.servicio.ordenar(&format!("/clientes/usuario/{desactivado}/desactivar")).await.con(200);
    let validado = prueba.registrar("ana@ejemplo.co").await;
    let codigo = json!({"codigo": prueba.servicio.codigo_de(&validado).await});
    prueba.servicio.post(&format!("/clientes/usuario/{validado}/validar"), &codigo).await.con(200);
    for usuario in [&registrado, &desactivado, &validado] {
        borrar(&prueba, usuario).await.con(204);
    }
    assert_eq!(prueba.servicio.get("/clientes/usuario").await.con(200), json!([]));
}

#[tokio::test]
async fn una_orden_pendiente_sobre_quien_se_borro_acaba_rechazada() {
    let prueba = Prueba::nueva().await;
    let ana = prueba.sembrar_usuario().await;
    let bloqueo = FilaBloqueada::nueva(&prueba.base, "usuarios", &ana).await;
    let borrado = async {
        let respuesta = borrar(&prueba, &ana).await;
        respuesta.con(204)
    };
    let desactivado = async {
        prueba.base.esperar_bloqueadas(1).await;
        let ruta = format!("/clientes/usuario/{ana}/desactivar");
        let sin_esperar = prueba.servicio.pedir(Method::POST, &ruta, |s| s.header("prefer", "respond-async")).await;
        prueba.base.esperar_bloqueadas(2).await;
        bloqueo.soltar().await;
        sin_esperar.con(202)["id_comando"].as_str().unwrap().to_owned()
    };
    let (_, id_comando) = tokio::join!(borrado, desactivado);
    let ruta = format!("/comandos/{id_comando}");
    let preguntar = async || prueba.servicio.get(&ruta).await.con(200);
    hasta("que el comando termine", async || preguntar().await["estado"] == "rechazado").await;
    assert_eq!(preguntar().await["problema"]["type"], "urn:aeroalpes:problema:usuario-no-existe");
}

/// Reserva y borra a la vez: los dos esperan la misma fila, en ese orden, y cuando están en la cola se suelta.
async fn mientras_se_borra<R>(
    prueba: &Prueba,
    usuario: &str,
    reserva_primero: bool,
    reservar: impl Future<Output = R>,
) -> R {
    let bloqueo = FilaBloqueada::nueva(&prueba.base, "usuarios", usuario).await;
    let en_la_cola = async |cuantos: i64| prueba.base.esperar_bloqueadas(cuantos).await;
    let (reservado, borrado, ()) = tokio::join!(
        async {
            en_la_cola(i64::from(!reserva_primero)).await;
            reservar.await
        },
        async {
            en_la_cola(i64::from(reserva_primero)).await;
            borrar(prueba, usuario).await
        },
        async {
            en_la_cola(2).await;
            bloqueo.soltar().await;
        }
    );
    borrado.con(204);
    reservado
}

#[tokio::test]
async fn quien_reserva_y_quien_borra_se_esperan_y_no_queda_nada_huerfano() {
    let prueba = Prueba::nueva().await;
    for reserva_primero in [true, false] {
        let ana = prueba.sembrar_usuario().await;
        let creada = mientras_se_borra(&prueba, &ana, reserva_primero, reservar(&prueba, &ana)).await;
        if reserva_primero {
            creada.con(200);
        } else {
            creada.problema(422, "cliente-no-existe");
        }
        assert_eq!(reservas(&prueba, &ana).await, i64::from(reserva_primero));
    }
}

#[tokio::test]
async fn una_reserva_encargada_a_nombre_de_quien_se_borra_va_antes_o_se_rechaza() {
    let prueba = Prueba::nueva().await;
    for reserva_primero in [true, false] {
        let ana = prueba.sembrar_usuario().await;
        let resultado = mientras_se_borra(&prueba, &ana, reserva_primero, encargar(&prueba, &ana)).await;
        if reserva_primero {
            assert_eq!(resultado["estado"], "ejecutado", "{resultado}");
        } else {
            assert_eq!(resultado["estado"], "rechazado", "{resultado}");
            assert_eq!(resultado["problema"]["type"], "urn:aeroalpes:problema:cliente-no-existe");
        }
        assert_eq!(reservas(&prueba, &ana).await, i64::from(reserva_primero));
    }
}

#[tokio::test]
async fn reservar_y_borrar_a_la_vez_acaba_siempre_en_un_orden_legal() {
    let prueba = Prueba::nueva().await;
    for vuelta in 0..60 {
        let ana = prueba.sembrar_usuario().await;
        let (creada, borrado) = if vuelta % 2 == 0 {
            tokio::join!(reservar(&prueba, &ana), borrar(&prueba, &ana))
        } else {
            let (borrado, creada) = tokio::join!(borrar(&prueba, &ana), reservar(&prueba, &ana));
            (creada, borrado)
        };
        borrado.con(204);
        if creada.estado != 200 {
            creada.problema(422, "cliente-no-existe");
        }
        assert_eq!(reservas(&prueba, &ana).await, i64::from(creada.estado == 200));
    }
}

#[tokio::test]
async fn de_dos_que_borran_a_la_vez_solo_uno_lo_hace() {
    let prueba = Prueba::nueva().await;
    let ana = prueba.sembrar_usuario().await;
    let bloqueo = FilaBloqueada::nueva(&prueba.base, "usuarios", &ana).await;
    let (uno, otro, ()) = tokio::join!(borrar(&prueba, &ana), borrar(&prueba, &ana), async {
        prueba.base.esperar_bloqueadas(2).await;
        bloqueo.soltar().await;
    });
    let mut estados = [uno.estado, otro.estado];
    estados.sort_unstable();
    assert_eq!(estados, [204, 404]);
    assert_eq!(prueba.eventos("UsuarioBorrado", &ana).await, 1);
}
