//! Volver de Pulsar al bus local: primero se recibe lo que le quede.

use uuid::Uuid;

use crate::apoyo::{Prueba, cambiar, crear, resultado};
use crate::comun::servicio::Servicio;
use crate::oyente::{Oyente, publicar};

const TOPICO: &str = "comandos-reserva";

#[tokio::test]
async fn al_volver_al_bus_local_se_recibe_lo_que_quedaba_en_pulsar() {
    let prueba = Prueba::nueva().await;
    let mut comandos = Oyente::nuevo(&prueba.broker.url, TOPICO).await;
    let primero = crear(&prueba.servicio).await;
    let datos = comandos.esperar(&primero.id_comando).await.datos;
    assert_eq!(prueba.resultado(&primero.id_comando).await["estado"], "ejecutado");
    let esquema = prueba.broker.esquema(TOPICO).await;
    let Prueba { servicio, base, broker } = prueba;
    drop(servicio);

    // Queda en Pulsar mientras nadie recibe: otro comando, para otra reserva.
    let (comando, reserva) = (Uuid::now_v7().to_string(), Uuid::now_v7().to_string());
    let datos = cambiar(&cambiar(&datos, &primero.id_comando, &comando), &primero.id, &reserva);
    Box::pin(publicar(&broker.url, TOPICO, esquema["data"].as_str(), &[], &datos)).await;

    let local = [("PULSAR_URL", broker.url.as_str()), ("AEROALPES_BUS", "local")];
    let vaciando = Servicio::arrancar(&base, &local).await;
    assert_eq!(resultado_cuando_exista(&vaciando, &comando).await, "ejecutado");
    vaciando.registros.esperar("Pulsar ya no tiene nada por recibir").await;
    drop(vaciando);

    let sin_pulsar = Servicio::arrancar(&base, &[]).await;
    let nuevo = crear(&sin_pulsar).await;
    assert_eq!(resultado(&sin_pulsar, &nuevo.id_comando).await["estado"], "ejecutado");
    assert_eq!(base.contar("SELECT count(*) FROM reservas").await, 3);
}

/// De una identidad ajena no se sabe nada hasta que su resultado está.
async fn resultado_cuando_exista(servicio: &Servicio, id: &str) -> String {
    let ruta = format!("/comandos/{id}");
    crate::comun::hasta("que exista el resultado", async || servicio.get(&ruta).await.estado == 200).await;
    servicio.get(&ruta).await.con(200)["estado"].as_str().unwrap().to_owned()
}
