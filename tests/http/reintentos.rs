//! Lo que depende de otros se reintenta siempre, sin gastar los intentos que se dan a un defecto.

use reqwest::Method;

use crate::apoyo::{FilaBloqueada, Prueba};
use crate::comun::hasta;

#[tokio::test]
async fn esperar_una_fila_ocupada_no_gasta_intentos_ni_aparta_el_comando() {
    let prueba = Prueba::con(&[("AEROALPES_LOCK_TIMEOUT_MS", "100")]).await;
    let id = prueba.reserva().await;
    let fila = FilaBloqueada::nueva(&prueba.base, "reservas", &id).await;
    let sin_esperar = |solicitud: reqwest::RequestBuilder| solicitud.header("prefer", "respond-async");
    let ruta = format!("/vuelos/reserva/{id}/pagar");
    let aceptado = prueba.servicio.pedir(Method::POST, &ruta, sin_esperar).await.con(202);
    let esperas = async |cuantas: i64| {
        let sql = format!("SELECT count(*) FROM entregas WHERE esperas >= {cuantas}");
        hasta("que el comando espere la fila", async || prueba.base.contar(&sql).await == 1).await;
    };
    esperas(2).await;
    assert_eq!(prueba.base.contar("SELECT intentos::bigint FROM entregas").await, 0);
    // Al borde de ser apartado por un defecto, esperar tampoco cuenta.
    prueba.base.ordenar("UPDATE entregas SET intentos = 8, esperas = 10").await;
    esperas(12).await;
    fila.soltar().await;
    let resultado = format!("/comandos/{}", aceptado["id_comando"].as_str().unwrap());
    let terminado = async || prueba.servicio.get(&resultado).await.con(200)["estado"] != "pendiente";
    hasta("que el comando termine", terminado).await;
    assert_eq!(prueba.servicio.get(&resultado).await.con(200)["estado"], "ejecutado");
    assert_eq!(prueba.base.contar("SELECT count(*) FROM letras_muertas").await, 0);
}
