//! Reintentos de las entregas: qué cuenta como defecto, a qué ritmo vuelven y a quién no le quitan el lugar.

mod comun;

use std::time::Duration;

use aeroalpes::seedwork::infraestructura::mensajeria::enrutador::Provocadores;
use aeroalpes::seedwork::infraestructura::mensajeria::entregas::{Entrega, Entregas, Pedido};
use comun::BaseDePrueba;
use futures_util::future::join_all;
use uuid::Uuid;

const TODAS: Pedido = Pedido { cuantas: 500, repetidas: 500 };

/// Una base con todos los carriles de una instancia.
async fn base() -> (BaseDePrueba, Uuid) {
    let (base, dueno) = (BaseDePrueba::nueva().await, Uuid::now_v7());
    base.ordenar(&format!("UPDATE carriles SET dueno = '{dueno}', latido = now() + interval '1 hour'")).await;
    (base, dueno)
}

fn entregas(base: &BaseDePrueba) -> Entregas {
    Entregas::nuevas(base.conexiones(8), false, Provocadores::default())
}

/// Pone tantas entregas, cada una con la clave que diga esa expresión de SQL.
async fn sembrar(base: &BaseDePrueba, cuantas: u32, clave: &str, esperas: u32) {
    let sql = format!(
        "INSERT INTO entregas (suscripcion, id_mensaje, topico, clave, tipo, datos, correlacion, traceparent, publicado_en, \
         esperas) SELECT 's', gen_random_uuid()::text, 'comandos-cosa', {clave}, 'X', '', 'c', 't', now(), {esperas} \
         FROM generate_series(1, {cuantas})"
    );
    base.ordenar(&sql).await;
}

async fn pendientes(entregas: &Entregas, dueno: Uuid, en_curso: &[Uuid], pedido: Pedido) -> Vec<Entrega> {
    entregas.pendientes(dueno, en_curso, pedido).await.unwrap().entregas
}

#[tokio::test]
async fn las_que_esperan_vuelven_de_una_en_una_entre_todas_las_instancias() {
    let (base, dueno) = base().await;
    sembrar(&base, 200, "gen_random_uuid()", 0).await;
    let instancias = [entregas(&base), entregas(&base)];
    let halladas = pendientes(&instancias[0], dueno, &[], TODAS).await;
    assert_eq!(halladas.len(), 200);
    let espera =
        |(indice, entrega): (usize, _)| instancias[indice % 2].hacer_esperar(entrega, Duration::from_millis(100));
    for hecha in join_all(halladas.iter().enumerate().map(espera)).await {
        hecha.unwrap();
    }
    let juntas = "SELECT count(*) FROM (SELECT proximo_intento - lag(proximo_intento) OVER (ORDER BY proximo_intento) AS hueco \
                  FROM entregas) h WHERE hueco < interval '5 milliseconds'";
    assert_eq!(base.contar(juntas).await, 0);
    let lejos = "SELECT count(*) FROM entregas WHERE proximo_intento > clock_timestamp() + interval '3 seconds'";
    assert_eq!(base.contar(lejos).await, 0);
    assert_eq!(base.contar("SELECT count(*) FROM entregas WHERE esperas = 1 AND intentos = 0").await, 200);
}

#[tokio::test]
async fn ningun_hueco_queda_demasiado_lejos() {
    let (base, dueno) = base().await;
    sembrar(&base, 1, "gen_random_uuid()", 0).await;
    let entregas = entregas(&base);
    let halladas = pendientes(&entregas, dueno, &[], TODAS).await;
    base.ordenar("UPDATE ritmo SET ultimo = now() + interval '1 day'").await;
    entregas.hacer_esperar(&halladas[0], Duration::from_millis(100)).await.unwrap();
    let lejos = "SELECT count(*) FROM entregas WHERE proximo_intento > clock_timestamp() + interval '3 seconds'";
    assert_eq!(base.contar(lejos).await, 0);
}

#[tokio::test]
async fn un_defecto_se_cuenta_aparte_y_no_ocupa_el_ritmo_de_los_demas() {
    let (base, dueno) = base().await;
    sembrar(&base, 1, "gen_random_uuid()", 3).await;
    let entregas = entregas(&base);
    let halladas = pendientes(&entregas, dueno, &[], TODAS).await;
    let antes = base.contar("SELECT (extract(epoch FROM ultimo) * 1000)::bigint FROM ritmo").await;
    entregas.aplazar(&halladas[0], Duration::from_secs(20)).await.unwrap();
    assert_eq!(base.contar("SELECT count(*) FROM entregas WHERE esperas = 3 AND intentos = 1").await, 1);
    assert_eq!(base.contar("SELECT (extract(epoch FROM ultimo) * 1000)::bigint FROM ritmo").await, antes);
}

#[tokio::test]
async fn las_repetidas_no_ocupan_todos_los_lugares() {
    let (base, dueno) = base().await;
    sembrar(&base, 20, "gen_random_uuid()", 4).await;
    sembrar(&base, 3, "gen_random_uuid()", 0).await;
    let entregas = entregas(&base);
    let repetidas = async |pedido| {
        let halladas = pendientes(&entregas, dueno, &[], pedido).await;
        (halladas.len(), halladas.iter().filter(|entrega| entrega.repetida()).count())
    };
    assert_eq!(repetidas(Pedido { cuantas: 12, repetidas: 6 }).await, (9, 6));
    assert_eq!(repetidas(Pedido { cuantas: 12, repetidas: 0 }).await, (3, 0));
    assert_eq!(repetidas(TODAS).await, (23, 20));
}

#[tokio::test]
async fn una_clave_con_cientos_de_entregas_no_esconde_a_las_demas() {
    let (base, dueno) = base().await;
    let (llena, otra) = (Uuid::new_v4(), Uuid::new_v4());
    sembrar(&base, 400, &format!("'{llena}'::uuid"), 0).await;
    sembrar(&base, 1, &format!("'{otra}'::uuid"), 0).await;
    let entregas = entregas(&base);
    let primeras = entregas.pendientes(dueno, &[], TODAS).await.unwrap();
    let claves: Vec<_> = primeras.entregas.iter().map(|entrega| entrega.llegada.clave).collect();
    // Con la llena en curso se ve la otra; `quedan` es lo que hace volver a mirar.
    assert_eq!((claves, primeras.quedan), (vec![llena], true));
    let siguientes = entregas.pendientes(dueno, &[llena], TODAS).await.unwrap();
    assert_eq!((siguientes.entregas[0].llegada.clave, siguientes.quedan), (otra, false));
}

#[tokio::test]
async fn una_repetida_sigue_siendo_la_primera_de_su_clave() {
    let (base, dueno) = base().await;
    let clave = Uuid::new_v4();
    sembrar(&base, 1, &format!("'{clave}'::uuid"), 4).await;
    sembrar(&base, 5, &format!("'{clave}'::uuid"), 0).await;
    let halladas = pendientes(&entregas(&base), dueno, &[], TODAS).await;
    assert_eq!(halladas.iter().map(|entrega| entrega.esperas).collect::<Vec<_>>(), [4]);
}

#[tokio::test]
async fn una_clave_que_espera_no_se_atiende_antes_de_tiempo_ni_esconde_a_las_demas() {
    let (base, dueno) = base().await;
    let (llena, otra) = (Uuid::new_v4(), Uuid::new_v4());
    sembrar(&base, 1, &format!("'{llena}'::uuid"), 1).await;
    base.ordenar("UPDATE entregas SET proximo_intento = now() + interval '1 hour'").await;
    sembrar(&base, 400, &format!("'{llena}'::uuid"), 0).await;
    sembrar(&base, 1, &format!("'{otra}'::uuid"), 0).await;
    let claves = async || {
        let halladas = pendientes(&entregas(&base), dueno, &[], TODAS).await;
        halladas.iter().map(|entrega| entrega.llegada.clave).collect::<Vec<_>>()
    };
    assert_eq!(claves().await, [otra]);
    base.ordenar("UPDATE entregas SET proximo_intento = now()").await;
    assert_eq!(claves().await, [llena, otra]);
}

#[tokio::test]
async fn lo_que_ya_tuvo_su_efecto_se_dice_al_pedirlo() {
    let (base, dueno) = base().await;
    sembrar(&base, 2, "gen_random_uuid()", 0).await;
    base.ordenar(
        "INSERT INTO bandeja_entrada (suscripcion, id_mensaje) SELECT suscripcion, id_mensaje FROM entregas \
         ORDER BY posicion LIMIT 1",
    )
    .await;
    let halladas = pendientes(&entregas(&base), dueno, &[], TODAS).await;
    assert_eq!(halladas.iter().map(|entrega| entrega.ya_recibida).collect::<Vec<_>>(), [true, false]);
}
