//! El servidor que no está, el que se niega y el que no contesta.

use serde_json::Value;

use crate::apoyo::{PLAZO_CORTO, Sumidero, codigo, correos, esperar_desenlace, puerto_libre, registrar, servicio};
use crate::comun::{BaseDePrueba, hasta};

async fn intentos(base: &BaseDePrueba) -> i64 {
    base.contar("SELECT coalesce(sum(intentos), 0) FROM correos").await
}

#[tokio::test]
async fn lo_que_se_pidio_sin_servidor_llega_cuando_vuelve() {
    let (base, puerto) = (BaseDePrueba::vacia().await, puerto_libre());
    let servicio = servicio(&base, &format!("smtp://127.0.0.1:{puerto}"), &[]).await;
    registrar(&servicio, "ana@ejemplo.co").await;
    hasta("que se intente dos veces", async || intentos(&base).await >= 2).await;
    let sumidero = Sumidero::con(&["--puerto", &puerto.to_string()]).await;
    sumidero.esperar("ana@ejemplo.co", 1).await;
    esperar_desenlace(&base, "codigo", "enviado", 1).await;
}

#[tokio::test]
async fn un_no_por_ahora_se_repite_y_un_no_para_siempre_se_aparta_sin_detener_a_los_demas() {
    let (base, sumidero) = (BaseDePrueba::vacia().await, Sumidero::nuevo().await);
    let servicio = servicio(&base, &sumidero.url(), &[]).await;
    for n in 0..10 {
        registrar(&servicio, &format!("rechazado+{n}@ejemplo.co")).await;
    }
    registrar(&servicio, "aplazado+eva@ejemplo.co").await;
    // El «no» es al servicio, y no a la carta: cuando se arregle, debe salir.
    registrar(&servicio, "ajeno+luz@ejemplo.co").await;
    registrar(&servicio, "ana@ejemplo.co").await;
    sumidero.esperar("ana@ejemplo.co", 1).await;
    sumidero.esperar("aplazado+eva@ejemplo.co", 1).await;
    sumidero.esperar("ajeno+luz@ejemplo.co", 1).await;
    esperar_desenlace(&base, "codigo", "no-entregable", 10).await;
    esperar_desenlace(&base, "codigo", "enviado", 3).await;
    let con_550 = "SELECT count(*) FROM correos WHERE respuesta_smtp = 550 AND intentos = 1";
    assert_eq!(base.contar(con_550).await, 10);
    servicio.registros.esperar("correo no entregable").await;
}

#[tokio::test]
async fn lo_que_no_se_entrega_en_cuatro_dias_no_es_entregable() {
    let (base, puerto) = (BaseDePrueba::vacia().await, puerto_libre());
    let servicio = servicio(&base, &format!("smtp://127.0.0.1:{puerto}"), &[]).await;
    registrar(&servicio, "ana@ejemplo.co").await;
    hasta("que se intente", async || intentos(&base).await >= 1).await;
    base.ordenar("UPDATE correos SET anotado_en = now() - interval '95 h'").await;
    let antes = intentos(&base).await;
    hasta("que se intente otra vez", async || intentos(&base).await > antes).await;
    assert_eq!(correos(&base, "codigo", None).await, 1);
    base.ordenar("UPDATE correos SET anotado_en = now() - interval '96 h'").await;
    esperar_desenlace(&base, "codigo", "no-entregable", 1).await;
}

#[tokio::test]
async fn a_quien_se_borro_se_desactivo_o_ya_se_valido_no_se_le_escribe() {
    let (base, puerto) = (BaseDePrueba::vacia().await, puerto_libre());
    let servicio = servicio(&base, &format!("smtp://127.0.0.1:{puerto}"), &[]).await;
    let (ana, luis) = (registrar(&servicio, "ana@ejemplo.co").await, registrar(&servicio, "luis@ejemplo.co").await);
    for cliente in [&ana, &luis] {
        servicio.post("/vuelos/reserva", &crate::apoyo::reserva(Some(cliente))).await.con(200);
    }
    hasta("que se intenten", async || base.contar("SELECT count(*) FROM correos WHERE intentos > 0").await == 4).await;
    servicio.borrar(&format!("/clientes/usuario/{ana}")).await.con(204);
    servicio.ordenar(&format!("/clientes/usuario/{luis}/desactivar")).await.con(200);
    let sumidero = Sumidero::con(&["--puerto", &puerto.to_string()]).await;
    esperar_desenlace(&base, "codigo", "descartado", 2).await;
    esperar_desenlace(&base, "reserva", "descartado", 2).await;
    registrar(&servicio, "eva@ejemplo.co").await;
    sumidero.esperar("eva@ejemplo.co", 1).await;
    for borrado in ["ana@ejemplo.co", "luis@ejemplo.co"] {
        assert_eq!(sumidero.para(borrado), [Value::Null; 0]);
    }
}

#[tokio::test]
async fn lo_que_llevaba_una_instancia_muerta_llega_con_la_misma_identidad() {
    let (base, sumidero) = (BaseDePrueba::vacia().await, Sumidero::nuevo().await);
    // Con un plazo largo, sólo la muerte suelta el correo antes de que venza.
    let mut muerta = servicio(&base, &sumidero.url(), &[PLAZO_CORTO]).await;
    registrar(&muerta, "colgado+ana@ejemplo.co").await;
    let primera = sumidero.esperar("colgado+ana@ejemplo.co", 1).await.remove(0);
    muerta.matar().await;
    assert_eq!(correos(&base, "codigo", None).await, 1);
    let _viva = servicio(&base, &sumidero.url(), &[PLAZO_CORTO]).await;
    let segunda = sumidero.esperar("colgado+ana@ejemplo.co", 2).await.remove(1);
    assert_eq!(primera["cabeceras"]["message-id"], segunda["cabeceras"]["message-id"]);
    assert_eq!(codigo(&primera), codigo(&segunda));
    esperar_desenlace(&base, "codigo", "enviado", 1).await;
}
