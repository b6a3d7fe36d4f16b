//! Un atraso de muchos lotes: el relevo lee unos mientras publica y marca otros, y nada se adelanta ni se pierde.

use crate::apoyo::{en_calma, esta, reserva, servicio};
use crate::broker::BrokerPropio;
use crate::comun::servicio::Servicio;
use crate::comun::{BaseDePrueba, hasta};
use crate::oyente::Oyente;

/// Copias de un evento de verdad, de cuarenta claves por turno.
const ATRASO: &str = "WITH claves AS (SELECT array_agg(gen_random_uuid()) AS todas FROM generate_series(1, 40)) \
     INSERT INTO bandeja_salida (id, topico, clave, tipo, datos, ocurrido_en, correlacion, traceparent) \
     SELECT gen_random_uuid(), topico, todas[1 + n % 40], tipo, datos, ocurrido_en, correlacion, traceparent \
     FROM bandeja_salida, claves, generate_series(1, 6000) n ORDER BY n";

#[tokio::test]
async fn un_atraso_de_varios_lotes_sale_en_orden_aunque_el_broker_muera_a_mitad() {
    let (broker, base) = (BrokerPropio::nuevo().await, BaseDePrueba::vacia().await);
    broker.arrancar().await;
    let mut todo = servicio(&base, &broker.url, &[]).await;
    drop(Oyente::nuevo(&broker.url, "eventos-reserva").await);
    todo.post("/vuelos/reserva", &reserva()).await.con(200);
    en_calma(&base).await;
    todo.matar().await;
    base.ordenar(ATRASO).await;
    let roles = ["servir", "--roles", "relevo"];
    let relevo = Servicio::arrancar_con(&base, &roles, &[("PULSAR_URL", &broker.url)]).await;
    let publicadas = "SELECT count(*) FROM bandeja_salida WHERE publicada_en IS NOT NULL";
    hasta("que lleve un lote", async || base.contar(publicadas).await > 1_000).await;
    broker.matar().await;
    esta(&relevo, "degradado").await;
    assert!(base.contar(publicadas).await < 6_000, "acabó antes de que muriera el bróker");
    broker.arrancar().await;
    hasta("que salga todo", async || base.contar(publicadas).await == 6_001).await;
    Oyente::nuevo(&broker.url, "eventos-reserva").await.comprobar_eventos(&base).await;
}
