//! Reservas con cliente: sólo de quien existe y está activo, también cuando se desactiva al mismo tiempo.

use serde_json::Value;

use crate::apoyo::{FilaBloqueada, Prueba, id, reserva_de};
use crate::comun::servicio::Respuesta;
use crate::vuelos_listas::recorrer;

const DESCONOCIDO: &str = "00000000-0000-4000-8000-000000000000";

async fn reservar(prueba: &Prueba, cliente: &str) -> Respuesta {
    prueba.servicio.post("/vuelos/reserva", &reserva_de(cliente)).await
}

async fn desactivar(prueba: &Prueba, cliente: &str) -> Respuesta {
    prueba.servicio.ordenar(&format!("/clientes/usuario/{cliente}/desactivar")).await
}

/// Comprueba que las dos respuestas y lo guardado cuentan lo mismo: la reserva va del todo antes, o no va.
async fn comprobar_orden_legal(prueba: &Prueba, cliente: &str, creada: &Respuesta, desactivado: &Respuesta) {
    assert_eq!(desactivado.estado, 200, "{}", desactivado.texto);
    let cuantas = i64::from(creada.estado == 200);
    if cuantas == 0 {
        creada.problema(409, "cliente-desactivado");
    }
    // La fila del usuario los puso en orden: el evento de la reserva, si lo hay, es anterior.
    let sql = format!(
        "SELECT (SELECT count(*) FROM reservas WHERE id_cliente = '{cliente}') * 100 \
         + (SELECT count(*) FROM usuarios_reservas WHERE id_usuario = '{cliente}') * 10 \
         + (SELECT count(*) FROM bandeja_salida JOIN reservas ON clave = reservas.id \
            WHERE id_cliente = '{cliente}' AND tipo = 'ReservaCreada' AND posicion < \
            (SELECT posicion FROM bandeja_salida WHERE clave = '{cliente}' AND tipo = 'UsuarioDesactivado'))"
    );
    assert_eq!(prueba.base.contar(&sql).await, cuantas * 111);
}

#[tokio::test]
async fn la_reserva_de_un_cliente_queda_en_su_lista() {
    let prueba = Prueba::nueva().await;
    let (ana, luis) = (prueba.sembrar_usuario().await, prueba.sembrar_usuario().await);
    let ruta = format!("/clientes/usuario/{ana}/reservas");
    assert_eq!(prueba.servicio.get(&ruta).await.con(200), Value::Array(vec![]));
    reservar(&prueba, &luis).await.con(200);
    let creada = reservar(&prueba, &ana).await.con(200);
    assert_eq!((&creada["id_cliente"], &creada["id_usuario"]), (&ana.clone().into(), &ana.clone().into()));
    let lista = prueba.servicio.get(&ruta).await.con(200);
    assert_eq!(lista, prueba.servicio.get(&format!("/vuelos/reserva?id_cliente={ana}")).await.con(200));
    assert_eq!(lista.as_array().unwrap().iter().map(id).collect::<Vec<_>>(), [id(&creada)]);
}

#[tokio::test]
async fn las_reservas_de_un_cliente_se_recorren_por_paginas() {
    let prueba = Prueba::nueva().await;
    let ana = prueba.sembrar_usuario().await;
    let mut creadas = Vec::new();
    for _ in 0..5 {
        creadas.push(id(&reservar(&prueba, &ana).await.con(200)));
    }
    prueba.servicio.ordenar(&format!("/vuelos/reserva/{}/pagar", creadas[0])).await.con(200);
    creadas.reverse();
    let ruta = format!("/clientes/usuario/{ana}/reservas");
    let paginas = recorrer(&prueba.servicio, &format!("{ruta}?limite=2")).await;
    assert_eq!(paginas.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2, 1]);
    assert_eq!(paginas.iter().flatten().map(id).collect::<Vec<_>>(), creadas);
    assert_eq!(paginas[2][0]["estado"], "pagada");
    for (consulta, parametro) in [("limite=0", "limite"), ("limite=201", "limite"), ("cursor=x", "cursor")] {
        prueba.servicio.get(&format!("{ruta}?{consulta}")).await.parametro_invalido(parametro);
    }
}

#[tokio::test]
async fn un_cliente_desconocido_da_422_y_no_guarda_nada() {
    let prueba = Prueba::nueva().await;
    let respuesta = reservar(&prueba, DESCONOCIDO).await;
    let problema = respuesta.problema(422, "cliente-no-existe");
    assert_eq!(problema["puntero"], "/id_cliente");
    assert_eq!(problema["error"], format!("ClienteExiste - No existe el cliente {DESCONOCIDO}"));
    assert_eq!(prueba.filas_de_reservas().await, 0);
}

#[tokio::test]
async fn un_cliente_desactivado_da_409_y_no_guarda_nada() {
    let prueba = Prueba::nueva().await;
    let ana = prueba.sembrar_usuario().await;
    desactivar(&prueba, &ana).await.con(200);
    let respuesta = reservar(&prueba, &ana).await;
    let problema = respuesta.problema(409, "cliente-desactivado");
    assert_eq!(problema["puntero"], "/id_cliente");
    assert_eq!(problema["error"], format!("ClienteActivo - El cliente {ana} está desactivado"));
    assert_eq!(prueba.filas_de_reservas().await, 0);
}

#[tokio::test]
async fn quien_reserva_espera_a_quien_desactiva_y_quien_desactiva_a_quien_reserva() {
    let prueba = Prueba::nueva().await;
    for reserva_primero in [true, false] {
        let ana = prueba.sembrar_usuario().await;
        let bloqueo = FilaBloqueada::nueva(&prueba.base, "usuarios", &ana).await;
        // El que llega segundo, cuando el primero ya está en la cola.
        let despues = async |turno: i64| prueba.base.esperar_bloqueadas(turno).await;
        let (creada, desactivado, ()) = tokio::join!(
            async {
                despues(i64::from(!reserva_primero)).await;
                reservar(&prueba, &ana).await
            },
            async {
                despues(i64::from(reserva_primero)).await;
                desactivar(&prueba, &ana).await
            },
            async {
                despues(2).await;
                bloqueo.soltar().await;
            }
        );
        assert_eq!(creada.estado, if reserva_primero { 200 } else { 409 }, "{}", creada.texto);
        comprobar_orden_legal(&prueba, &ana, &creada, &desactivado).await;
    }
}

#[tokio::test]
async fn reservar_y_desactivar_a_la_vez_acaba_siempre_en_un_orden_legal() {
    let prueba = Prueba::nueva().await;
    for vuelta in 0..60 {
        let ana = prueba.sembrar_usuario().await;
        let (creada, desactivado) = if vuelta % 2 == 0 {
            tokio::join!(reservar(&prueba, &ana), desactivar(&prueba, &ana))
        } else {
            let (desactivado, creada) = tokio::join!(desactivar(&prueba, &ana), reservar(&prueba, &ana));
            (creada, desactivado)
        };
        comprobar_orden_legal(&prueba, &ana, &creada, &desactivado).await;
    }
}
