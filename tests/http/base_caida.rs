//! La base de datos deja de responder y vuelve: el servicio lo dice y se recupera solo.

use serde_json::json;

use crate::apoyo::{Prueba, reserva};
use crate::comun::hasta;
use crate::comun::servicio::ejecutar;

#[tokio::test]
async fn con_la_base_en_pie_el_servicio_esta_listo() {
    let prueba = Prueba::nueva().await;
    for ruta in ["/health", "/health/live"] {
        assert_eq!(prueba.servicio.get(ruta).await.con(200), json!({"status": "up"}));
    }
    assert_eq!(prueba.servicio.get("/health/ready").await.con(200), json!({"estado": "listo", "faltan": []}));
}

#[tokio::test]
async fn sin_la_base_se_dice_que_falta_y_al_volver_todo_sigue() {
    let prueba = Prueba::nueva().await;
    let id = prueba.reserva().await;
    let (ruta, pagar) = (format!("/vuelos/reserva/{id}"), format!("/vuelos/reserva/{id}/pagar"));
    prueba.base.cerrar().await;
    let no_listo = json!({"estado": "no_disponible", "faltan": ["postgresql"]});
    for _ in 0..2 {
        assert_eq!(prueba.servicio.get("/health/ready").await.con(503), no_listo);
        assert_eq!(prueba.servicio.get("/health/live").await.con(200), json!({"status": "up"}));
        assert_eq!(prueba.servicio.get("/health").await.con(200), json!({"status": "up"}));
        for respuesta in [
            prueba.servicio.post("/vuelos/reserva", &reserva()).await,
            prueba.servicio.ordenar(&pagar).await,
            prueba.servicio.get(&ruta).await,
            prueba.servicio.get("/vuelos/reserva").await,
            prueba.servicio.get("/clientes/usuario").await,
        ] {
            respuesta.problema(503, "sin-base-de-datos");
            assert!(respuesta.cabecera("retry-after").is_some());
        }
    }
    prueba.base.abrir().await;
    let listo = async || prueba.servicio.get("/health/ready").await.estado == 200;
    hasta("que el servicio vuelva a estar listo", listo).await;
    assert_eq!(prueba.servicio.ordenar(&pagar).await.con(200)["estado"], "pagada");
    prueba.servicio.post("/vuelos/reserva", &reserva()).await.con(200);
    assert_eq!(prueba.base.contar("SELECT count(*) FROM reservas").await, 2);
}

#[tokio::test]
async fn una_orden_a_la_que_se_le_corta_la_sesion_no_deja_nada_a_medias() {
    let prueba = Prueba::nueva().await;
    let id = prueba.reserva().await;
    let bloqueo = crate::apoyo::FilaBloqueada::nueva(&prueba.base, "reservas", &id).await;
    let pagar = format!("/vuelos/reserva/{id}/pagar");
    let (respuesta, ()) = tokio::join!(prueba.servicio.ordenar(&pagar), async {
        prueba.base.esperar_bloqueadas(1).await;
        prueba.base.cerrar().await;
    });
    drop(bloqueo);
    respuesta.problema(503, "sin-base-de-datos");
    prueba.base.abrir().await;
    let leida = async || prueba.servicio.get(&format!("/vuelos/reserva/{id}")).await;
    hasta("que se pueda leer", async || leida().await.estado == 200).await;
    assert_eq!(leida().await.con(200)["estado"], "pendiente");
    assert_eq!(prueba.eventos("ReservaPagada", &id).await, 0);
}

#[tokio::test]
async fn la_prueba_final_y_la_orden_salud_dicen_la_verdad() {
    let prueba = Prueba::nueva().await;
    let url = format!("http://{}", prueba.servicio.direccion());
    let direccion = [("AEROALPES_ESCUCHA", prueba.servicio.direccion())];
    let salud = async || {
        let fin = ejecutar(&["salud"], &direccion).await;
        (fin.status.code(), String::from_utf8(fin.stdout).unwrap())
    };
    let prueba_final = async || {
        let fin = ejecutar(&["prueba-final", &url], &[]).await;
        let texto = String::from_utf8(fin.stdout).unwrap();
        (fin.status.code(), texto.lines().last().unwrap_or_default().to_owned())
    };
    assert_eq!(salud().await, (Some(0), "listo\n".into()));
    assert_eq!(prueba_final().await, (Some(0), "prueba final: 9 pasos, 0 fallas".into()));
    prueba.base.cerrar().await;
    assert_eq!(salud().await, (Some(1), "no disponible\n".into()));
    let (codigo, resumen) = prueba_final().await;
    assert_eq!(codigo, Some(1));
    assert!(resumen.starts_with("prueba final: 9 pasos, ") && !resumen.ends_with(" 0 fallas"), "{resumen}");
    prueba.base.abrir().await;
}
