//! Ni varias instancias ni un evento repetido mandan dos veces el mismo correo.

use crate::apoyo::{Sumidero, correos, esperar_desenlace, registrar, reserva, servicio};
use crate::comun::{BaseDePrueba, hasta};

#[tokio::test]
async fn dos_instancias_se_reparten_los_correos() {
    let (base, sumidero) = (BaseDePrueba::vacia().await, Sumidero::nuevo().await);
    let una = servicio(&base, &sumidero.url(), &[]).await;
    let otra = servicio(&base, &sumidero.url(), &[]).await;
    let ana = registrar(&una, "ana@ejemplo.co").await;
    for n in 0..40 {
        let quien = if n % 2 == 0 { &una } else { &otra };
        quien.post("/vuelos/reserva", &reserva(Some(&ana))).await.con(200);
    }
    esperar_desenlace(&base, "reserva", "enviado", 40).await;
    sumidero.esperar("ana@ejemplo.co", 41).await;
    assert_eq!(base.contar("SELECT max(intentos)::bigint FROM correos").await, 1);
}

#[tokio::test]
async fn un_evento_que_vuelve_a_llegar_no_causa_otro_correo() {
    let (base, sumidero) = (BaseDePrueba::vacia().await, Sumidero::nuevo().await);
    let servicio = servicio(&base, &sumidero.url(), &[]).await;
    registrar(&servicio, "ana@ejemplo.co").await;
    esperar_desenlace(&base, "codigo", "enviado", 1).await;
    let otra_vez = "INSERT INTO entregas (suscripcion, id_mensaje, topico, clave, tipo, datos, correlacion, \
                    traceparent, publicado_en) SELECT 'aeroalpes-sub-eventos', id::text, topico, clave, tipo, datos, \
                    correlacion, traceparent, ocurrido_en FROM bandeja_salida";
    // Con y sin la constancia de que ya había llegado.
    for olvidar in ["SELECT 1", "DELETE FROM bandeja_entrada"] {
        base.ordenar(olvidar).await;
        base.ordenar(otra_vez).await;
        hasta("que se atienda", async || base.contar("SELECT count(*) FROM entregas").await == 0).await;
    }
    assert_eq!(base.contar("SELECT count(*) FROM bandeja_entrada").await, 1);
    assert_eq!(base.contar("SELECT count(*) FROM letras_muertas").await, 0);
    assert_eq!((correos(&base, "codigo", Some("enviado")).await, sumidero.para("ana@ejemplo.co").len()), (1, 1));
}
