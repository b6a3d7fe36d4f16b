//! La unidad de trabajo sobre un PostgreSQL de verdad: qué escribe, cuándo, y qué no deja a medias.

mod comun;

use comun::BaseDePrueba;

#[tokio::test]
async fn arranca() {
    let base = BaseDePrueba::nueva().await;
    assert_eq!(base.contar("SELECT count(*) FROM bandeja_salida").await, 0);
}
