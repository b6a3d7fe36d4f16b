//! Tópicos particionados que crea el servicio, con cada parte en su instancia.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::join3;
use uuid::Uuid;

use crate::apoyo::{
    Aceptado, cambiar, comprobar_cumplidos, crear, crear_y_pagar, en_calma, resultado, resultado_cuando_exista,
    servicio,
};
use crate::broker::Broker;
use crate::comun::servicio::{Servicio, ejecutar};
use crate::comun::{BaseDePrueba, hasta};
use crate::oyente::{Oyente, publicar_en};

const COMANDOS: &str = "comandos-reserva";
const EVENTOS: &str = "eventos-reserva";
/// Cuántas reservas se encargan; cada una, con su pago detrás.
const RESERVAS: usize = 125;

/// Lo que hay que decirle a un servicio para que use ese espacio con cuatro particiones.
fn con_cuatro<'a>(broker: &'a Broker, mas: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let comunes = [
        ("AEROALPES_PULSAR_ESPACIO", broker.espacio.as_str()),
        ("AEROALPES_PARTICIONES", "4"),
        ("PULSAR_ADMIN_URL", broker.admin.as_str()),
    ];
    comunes.into_iter().chain(mas.iter().copied()).collect()
}

async fn instancia(base: &BaseDePrueba, broker: &Broker, mas: &[(&str, &str)]) -> Servicio {
    servicio(base, &broker.url, &con_cuatro(broker, mas)).await
}

/// La partición que eligen para una clave los clientes oficiales de Java y de Go.
fn particion(clave: &str) -> usize {
    let resumen = clave.bytes().fold(0_u32, |h, byte| h.wrapping_mul(31).wrapping_add(byte.into()));
    (resumen & 0x7fff_ffff) as usize % 4
}

#[tokio::test]
async fn tres_instancias_con_roles_cumplen_una_vez_y_en_orden_por_cuatro_particiones_aunque_una_muera() {
    let (broker, base) = (Broker::en_espacio_propio().await, BaseDePrueba::vacia().await);
    let api = instancia(&base, &broker, &[("AEROALPES_ROLES", "api")]).await;
    let mut eventos = Oyente::en(&broker.url, &broker.espacio, EVENTOS).await;
    let roles = [("AEROALPES_ROLES", "consumidor,relevo")];
    let queda = instancia(&base, &broker, &roles).await;
    let mut muere = instancia(&base, &broker, &roles).await;
    for carriles in ["carriles", "carriles_relevo"] {
        let mitades = format!(
            "SELECT count(*) FROM (SELECT dueno FROM {carriles} WHERE dueno IS NOT NULL GROUP BY dueno HAVING count(*) = 8) x"
        );
        hasta("que cada una tenga la mitad", async || base.contar(&mitades).await == 2).await;
    }

    let respuestas = AtomicUsize::new(0);
    let contar = || _ = respuestas.fetch_add(1, Ordering::Relaxed);
    let matar = async {
        hasta("que lleve una parte", async || respuestas.load(Ordering::Relaxed) >= RESERVAS).await;
        muere.matar().await;
    };
    let (aceptados, ()) = tokio::join!(crear_y_pagar(api.direccion(), RESERVAS, contar), matar);
    assert_eq!(aceptados.len(), 2 * RESERVAS);
    comprobar_cumplidos(&base, &aceptados, 0).await;
    for Aceptado { id_comando, .. } in &aceptados[..5] {
        assert_eq!(resultado(&api, id_comando).await["estado"], "ejecutado");
    }

    // De cada clave, todo por la partición que le toca, y en orden.
    for (clave, origen) in eventos.eventos_en_orden(&base).await {
        assert!(origen.ends_with(&format!("{EVENTOS}-partition-{}", particion(&clave))), "{clave} llegó de {origen}");
    }
    for topico in [COMANDOS, EVENTOS] {
        let mensajes = broker.por_particion(topico).await;
        assert!(mensajes.len() == 4 && mensajes.iter().all(|cuantos| *cuantos > 0), "{topico}: {mensajes:?}");
    }
    drop(queda);
}

#[tokio::test]
async fn tres_instancias_que_arrancan_a_la_vez_crean_los_topicos_y_las_suscripciones_una_sola_vez() {
    let broker = Broker::en_espacio_propio().await;
    let bases = [BaseDePrueba::vacia().await, BaseDePrueba::vacia().await, BaseDePrueba::vacia().await];
    let [una, otra, tercera] = bases.each_ref().map(|base| instancia(base, &broker, &[]));
    let instancias = join3(una, otra, tercera).await;
    for topico in ["comandos-reserva", "comandos-usuario", "eventos-reserva", "eventos-usuario"] {
        assert_eq!(broker.por_particion(topico).await.len(), 4, "{topico}");
        let letras = format!("{topico}-aeroalpes-dlq");
        assert_eq!(broker.suscripciones(&letras).await, ["aeroalpes-sub-letras-muertas"]);
        for numero in 0..4 {
            assert_eq!(broker.suscripciones(&format!("{topico}-partition-{numero}")).await.len(), 1, "{topico}");
        }
    }
    drop(instancias);
}

#[tokio::test]
async fn cada_particion_se_recibe_por_una_conexion_suya() {
    let (broker, base) = (Broker::en_espacio_propio().await, BaseDePrueba::vacia().await);
    let _servicio = instancia(&base, &broker, &[]).await;
    hasta("que se reciban las cuatro", async || {
        let conexiones = broker.conexiones(COMANDOS, "aeroalpes-sub-comandos").await;
        assert_eq!(BTreeSet::from_iter(&conexiones).len(), conexiones.len(), "{conexiones:?}");
        conexiones.len() == 4
    })
    .await;
}

#[tokio::test]
async fn un_topico_que_no_tiene_las_particiones_pedidas_impide_arrancar_y_no_se_cambia() {
    let base = BaseDePrueba::vacia().await;
    for (hay, motivo) in [(None, "ya existe sin particiones"), (Some(2), "tiene 2 particiones y se piden 4")] {
        let broker = Broker::en_espacio_propio().await;
        broker.crear(EVENTOS, hay).await;
        let (url, escucha) = (base.url(), ("AEROALPES_ESCUCHA", "127.0.0.1:0"));
        let entorno = con_cuatro(&broker, &[escucha, ("DATABASE_URL", &url), ("PULSAR_URL", &broker.url)]);
        let fin = ejecutar(&["servir"], &entorno).await;
        let dicho = String::from_utf8_lossy(&fin.stderr);
        assert_eq!(fin.status.code(), Some(1), "{dicho}");
        assert!(
            dicho.contains(EVENTOS) && dicho.contains(motivo) && dicho.contains("AEROALPES_PARTICIONES"),
            "{dicho}"
        );
        match hay {
            Some(cuantas) => assert_eq!(broker.por_particion(EVENTOS).await.len(), cuantas as usize),
            None => assert!(broker.topicos().await.iter().any(|topico| topico.ends_with(EVENTOS))),
        }
        // Sin pedirlas, se usa lo que hay.
        let servicio = servicio(&base, &broker.url, &[("AEROALPES_PULSAR_ESPACIO", &broker.espacio)]).await;
        let aceptado = crear(&servicio).await;
        assert_eq!(resultado(&servicio, &aceptado.id_comando).await["estado"], "ejecutado");
        en_calma(&base).await;
        drop(servicio);
    }
}

#[tokio::test]
async fn con_mas_particiones_de_las_pedidas_se_usan_todas_y_se_avisa() {
    let (broker, base) = (Broker::en_espacio_propio().await, BaseDePrueba::vacia().await);
    broker.crear(COMANDOS, Some(7)).await;
    let servicio = instancia(&base, &broker, &[]).await;
    servicio.registros.esperar("el tópico tiene más particiones").await;
    let aceptados = crear_y_pagar(servicio.direccion(), 20, || ()).await;
    comprobar_cumplidos(&base, &aceptados, 0).await;
    let mensajes = broker.por_particion(COMANDOS).await;
    assert!(mensajes.len() == 7 && mensajes[4..].iter().any(|cuantos| *cuantos > 0), "{mensajes:?}");
}

#[tokio::test]
async fn lo_ajeno_sin_identidad_se_distingue_por_su_particion() {
    let (broker, base) = (Broker::en_espacio_propio().await, BaseDePrueba::vacia().await);
    let servicio = instancia(&base, &broker, &[]).await;
    let mut esperadas = BTreeSet::new();
    for numero in 0..4 {
        let completo = format!("persistent://{}/{COMANDOS}-partition-{numero}", broker.espacio);
        Box::pin(publicar_en(&broker.url, completo, None, &[], b"basura")).await;
        esperadas.insert(numero.to_string());
    }
    hasta("que se aparten", async || base.contar("SELECT count(*) FROM letras_muertas").await == 4).await;
    let ids: Vec<String> = sqlx::query_scalar("SELECT id_mensaje FROM letras_muertas")
        .fetch_all(&mut base.conectar().await)
        .await
        .unwrap();
    let particiones: BTreeSet<_> = ids.iter().map(|id| id.split(':').nth(2).unwrap().to_owned()).collect();
    assert_eq!(particiones, esperadas, "{ids:?}");
    drop(servicio);
}

#[tokio::test]
async fn al_volver_al_bus_local_se_recibe_lo_que_quedaba_en_todas_las_particiones() {
    let (broker, base) = (Broker::en_espacio_propio().await, BaseDePrueba::vacia().await);
    let servicio = instancia(&base, &broker, &[]).await;
    let mut comandos = Oyente::en(&broker.url, &broker.espacio, COMANDOS).await;
    let primero = crear(&servicio).await;
    let datos = comandos.esperar(&primero.id_comando).await.datos;
    assert_eq!(resultado(&servicio, &primero.id_comando).await["estado"], "ejecutado");
    let esquema = broker.esquema(COMANDOS).await;
    en_calma(&base).await;
    drop(servicio);

    // Quedan en Pulsar mientras nadie recibe: uno por partición, cada uno para otra reserva.
    let mut quedan = BTreeMap::new();
    for numero in 0..4 {
        let (comando, reserva) = (Uuid::now_v7().to_string(), Uuid::now_v7().to_string());
        let datos = cambiar(&cambiar(&datos, &primero.id_comando, &comando), &primero.id, &reserva);
        let completo = format!("persistent://{}/{COMANDOS}-partition-{numero}", broker.espacio);
        Box::pin(publicar_en(&broker.url, completo, esquema["data"].as_str(), &[], &datos)).await;
        quedan.insert(comando, reserva);
    }
    let local = con_cuatro(&broker, &[("PULSAR_URL", &broker.url), ("AEROALPES_BUS", "local")]);
    let vaciando = Servicio::arrancar(&base, &local).await;
    for comando in quedan.keys() {
        assert_eq!(resultado_cuando_exista(&vaciando, comando).await, "ejecutado");
    }
    vaciando.registros.esperar("Pulsar ya no tiene nada por recibir").await;
    drop(vaciando);
    let sin_pulsar = Servicio::arrancar(&base, &[]).await;
    sin_pulsar.get("/health/ready").await.con(200);
    assert_eq!(base.contar("SELECT count(*) FROM reservas").await, 5);
}
