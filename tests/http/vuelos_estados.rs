//! La máquina de estados de una reserva, por HTTP.

use crate::apoyo::Prueba;

/// Cada estado con las órdenes que llevan a él.
const CAMINOS: [(&str, &[&str]); 4] =
    [("pendiente", &[]), ("pagada", &["pagar"]), ("aprobada", &["pagar", "aprobar"]), ("cancelada", &["cancelar"])];
/// Cada orden con el estado en que deja la reserva y el evento que anota.
const ORDENES: [(&str, &str, &str); 3] = [
    ("pagar", "pagada", "ReservaPagada"),
    ("aprobar", "aprobada", "ReservaAprobada"),
    ("cancelar", "cancelada", "ReservaCancelada"),
];
const PERMITIDAS: [(&str, &str); 5] = [
    ("pendiente", "pagar"),
    ("pagada", "aprobar"),
    ("pendiente", "cancelar"),
    ("pagada", "cancelar"),
    ("aprobada", "cancelar"),
];

/// Una reserva nueva, llevada a ese estado; da su ruta y su identidad.
async fn reserva_en(prueba: &Prueba, camino: &[&str]) -> (String, String) {
    let id = prueba.reserva().await;
    let ruta = format!("/vuelos/reserva/{id}");
    for orden in camino {
        prueba.servicio.ordenar(&format!("{ruta}/{orden}")).await.con(200);
    }
    (ruta, id)
}

#[tokio::test]
async fn una_transicion_permitida_devuelve_la_reserva_cambiada_y_anota_su_evento() {
    let prueba = Prueba::nueva().await;
    for (estado, orden) in PERMITIDAS {
        let camino = CAMINOS.iter().find(|(nombre, _)| *nombre == estado).unwrap().1;
        let (_, nuevo, evento) = ORDENES.iter().find(|(nombre, ..)| *nombre == orden).unwrap();
        let (ruta, id) = reserva_en(&prueba, camino).await;
        let antes = prueba.servicio.get(&ruta).await.con(200);
        assert_eq!(antes["estado"], estado);

        let cambiada = prueba.servicio.ordenar(&format!("{ruta}/{orden}")).await.con(200);
        assert_eq!(cambiada["estado"], *nuevo, "{estado} → {orden}");
        assert_eq!(cambiada, prueba.servicio.get(&ruta).await.con(200));
        for miembro in ["id", "itinerarios", "fecha_creacion", "id_cliente"] {
            assert_eq!(cambiada[miembro], antes[miembro]);
        }
        assert_eq!(prueba.eventos(evento, &id).await, 1);
        let guardada =
            format!("SELECT count(*) FROM reservas WHERE id = '{id}' AND fecha_actualizacion > fecha_creacion");
        assert_eq!(prueba.base.contar(&guardada).await, 1);
    }
}

#[tokio::test]
async fn una_transicion_no_permitida_se_explica_y_no_cambia_nada() {
    let prueba = Prueba::nueva().await;
    let todas = CAMINOS.iter().flat_map(|camino| ORDENES.iter().map(move |orden| (camino, orden)));
    let mut probadas = 0;
    for ((estado, camino), (orden, pedido, _)) in todas.filter(|((e, _), (o, ..))| !PERMITIDAS.contains(&(*e, *o))) {
        let (ruta, _) = reserva_en(&prueba, camino).await;
        let (antes, filas) = (prueba.servicio.get(&ruta).await.con(200), prueba.filas_de_reservas().await);
        let respuesta = prueba.servicio.ordenar(&format!("{ruta}/{orden}")).await;
        let problema = respuesta.problema(409, "transicion-no-permitida");
        let mensaje = format!("Una reserva {estado} no puede pasar a {pedido}");
        assert_eq!(problema["detail"], mensaje);
        assert_eq!(problema["error"], format!("TransicionPermitida - {mensaje}"));
        assert_eq!(respuesta.cabecera("retry-after"), None, "repetir no serviría de nada");
        assert_eq!(prueba.servicio.get(&ruta).await.con(200), antes);
        assert_eq!(prueba.filas_de_reservas().await, filas);
        probadas += 1;
    }
    assert_eq!(probadas, 7);
}

#[tokio::test]
async fn una_orden_sobre_lo_que_no_existe_da_404() {
    let prueba = Prueba::nueva().await;
    for (orden, ..) in ORDENES {
        let ruta = format!("/vuelos/reserva/00000000-0000-4000-8000-000000000000/{orden}");
        prueba.servicio.ordenar(&ruta).await.problema(404, "reserva-no-existe");
        prueba.servicio.ordenar(&format!("/vuelos/reserva/x/{orden}")).await.problema(404, "no-existe");
    }
    assert_eq!(prueba.filas_de_reservas().await, 0);
}

#[tokio::test]
async fn de_dos_pagos_a_la_vez_solo_uno_paga() {
    let prueba = Prueba::nueva().await;
    for _ in 0..10 {
        let (ruta, id) = reserva_en(&prueba, &[]).await;
        let pagar = format!("{ruta}/pagar");
        let (uno, otro) = tokio::join!(prueba.servicio.ordenar(&pagar), prueba.servicio.ordenar(&pagar));
        let mut estados = [uno.estado, otro.estado];
        estados.sort_unstable();
        assert_eq!(estados, [200, 409]);
        assert_eq!(prueba.eventos("ReservaPagada", &id).await, 1);
    }
}
