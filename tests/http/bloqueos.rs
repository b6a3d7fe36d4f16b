//! Una fila bloqueada: los comandos la esperan lo justo y las lecturas no la esperan.

use serde_json::json;

use crate::apoyo::{FilaBloqueada, PASSWORD, Prueba, reserva_de};

#[tokio::test]
async fn un_comando_espera_la_fila_y_luego_se_cumple() {
    let prueba = Prueba::nueva().await;
    for orden in ["pagar", "aprobar", "cancelar"] {
        let id = prueba.reserva().await;
        if orden == "aprobar" {
            prueba.a_la_reserva(&id, "pagar").await.con(200);
        }
        let bloqueo = FilaBloqueada::nueva(&prueba.base, "reservas", &id).await;
        let (respuesta, ()) = tokio::join!(prueba.a_la_reserva(&id, orden), async {
            prueba.base.esperar_bloqueadas(1).await;
            bloqueo.soltar().await;
        });
        respuesta.con(200);
    }
}

#[tokio::test]
async fn un_comando_que_espera_ve_lo_que_confirmo_quien_tenia_la_fila() {
    let prueba = Prueba::nueva().await;
    let id = prueba.reserva().await;
    let mut bloqueo = FilaBloqueada::nueva(&prueba.base, "reservas", &id).await;
    bloqueo.ordenar(format!("UPDATE reservas SET estado = 'cancelada', version = version + 1 WHERE id = '{id}'")).await;
    let (respuesta, ()) = tokio::join!(prueba.a_la_reserva(&id, "pagar"), async {
        prueba.base.esperar_bloqueadas(1).await;
        bloqueo.soltar().await;
    });
    let problema = respuesta.problema(409, "transicion-no-permitida");
    assert_eq!(problema["detail"], "Una reserva cancelada no puede pasar a pagada");
    assert_eq!(prueba.eventos("ReservaPagada", &id).await, 0);
}

#[tokio::test]
async fn la_espera_tiene_un_plazo_y_despues_se_dice_cuando_repetir() {
    let prueba = Prueba::con(&[("AEROALPES_LOCK_TIMEOUT_MS", "300")]).await;
    let (id, ana) = (prueba.reserva().await, prueba.sembrar_usuario().await);
    let reserva = FilaBloqueada::nueva(&prueba.base, "reservas", &id).await;
    let usuario = FilaBloqueada::nueva(&prueba.base, "usuarios", &ana).await;
    let antes = prueba.filas_de_reservas().await;
    let (desactivar, de_ana) = (format!("/clientes/usuario/{ana}/desactivar"), reserva_de(&ana));
    let (pagada, desactivado, creada, ()) = tokio::join!(
        prueba.a_la_reserva(&id, "pagar"),
        prueba.servicio.ordenar(&desactivar),
        prueba.servicio.post("/vuelos/reserva", &de_ana),
        prueba.base.esperar_bloqueadas(3),
    );
    for respuesta in [pagada, desactivado, creada] {
        respuesta.problema(409, "datos-bloqueados");
        assert_eq!(respuesta.cabecera("retry-after"), Some("1"));
    }
    assert_eq!(prueba.filas_de_reservas().await, antes);
    reserva.soltar().await;
    usuario.soltar().await;
    prueba.a_la_reserva(&id, "pagar").await.con(200);
}

#[tokio::test]
async fn las_lecturas_no_esperan() {
    let prueba = Prueba::nueva().await;
    let (id, ana) = (prueba.reserva().await, prueba.registrar("ana@ejemplo.co").await);
    let mut reserva = FilaBloqueada::nueva(&prueba.base, "reservas", &id).await;
    let mut usuario = FilaBloqueada::nueva(&prueba.base, "usuarios", &ana).await;
    reserva.ordenar(format!("UPDATE reservas SET estado = 'pagada' WHERE id = '{id}'")).await;
    usuario.ordenar(format!("UPDATE usuarios SET estado = 'desactivado' WHERE id = '{ana}'")).await;
    // Ni esperan ni ven lo que no se ha confirmado.
    assert_eq!(prueba.servicio.get(&format!("/vuelos/reserva/{id}")).await.con(200)["estado"], "pendiente");
    assert_eq!(prueba.servicio.get("/vuelos/reserva").await.con(200)[0]["estado"], "pendiente");
    assert_eq!(prueba.servicio.get(&format!("/clientes/usuario/{ana}")).await.con(200)["estado"], "registrado");
    assert_eq!(prueba.servicio.get("/clientes/usuario").await.con(200)[0]["estado"], "registrado");
    prueba.servicio.get(&format!("/clientes/usuario/{ana}/reservas")).await.con(200);
    let credenciales = json!({"email": "ana@ejemplo.co", "password": PASSWORD});
    prueba.servicio.post("/clientes/sesion", &credenciales).await.con(200);
    prueba.servicio.get("/health/ready").await.con(200);
    assert_eq!(
        prueba
            .base
            .contar(
                "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
            )
            .await,
        0
    );
}
