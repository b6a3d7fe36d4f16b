//! Volver de Pulsar al bus local: primero se recibe lo que le quede.

use uuid::Uuid;

use crate::apoyo::{Aceptado, Prueba, cambiar, crear, en_calma, resultado, resultado_cuando_exista, sin_esperar};
use crate::broker::Broker;
use crate::comun::BaseDePrueba;
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

#[tokio::test]
async fn al_pasar_a_pulsar_lo_que_esperaba_sale_antes_que_lo_nuevo() {
    let (broker, base) = (Broker::limpio().await, BaseDePrueba::vacia().await);
    let local = Servicio::arrancar(&base, &[]).await;
    // Los carriles son de nadie que conteste: nada se reparte.
    base.ordenar("UPDATE carriles_relevo SET dueno = gen_random_uuid(), latido = now() + interval '1 hour'").await;
    let creada = crear(&local).await;
    drop(local);
    assert_eq!(base.contar("SELECT count(*) FROM bandeja_salida WHERE publicada_en IS NULL").await, 1);

    let por_pulsar = Servicio::arrancar(&base, &[("PULSAR_URL", &broker.url)]).await;
    por_pulsar.registros.esperar("Pulsar está preparado").await;
    // El pago va detrás de la creación, que sigue sin salir.
    let pago = Aceptado::from(sin_esperar(&por_pulsar, &creada.id, "pagar").await.con(202));
    base.ordenar("UPDATE carriles_relevo SET dueno = NULL").await;
    for comando in [&creada, &pago] {
        assert_eq!(resultado(&por_pulsar, &comando.id_comando).await["estado"], "ejecutado");
    }
    en_calma(&base).await;
}
