//! El apagado cuando algo no colabora: un cliente lento, PostgreSQL o Pulsar que no contestan.

use std::time::Duration;

use sqlx::{ConnectOptions, postgres::PgConnectOptions};
use tokio::net::TcpListener;
use tokio::time::timeout;

use crate::apoyo::{FilaBloqueada, Prueba};
use crate::comun::crudo::Crudo;
use crate::comun::intermediario::Intermediario;
use crate::comun::servicio::Servicio;
use crate::comun::{BaseDePrueba, hasta};

/// El límite del cierre en estas pruebas.
const CIERRE: (&str, &str) = ("AEROALPES_CIERRE_MS", "2000");

/// Le pide que pare: tiene que salir con cero mucho antes de lo que duran los demás plazos.
async fn sale_con_cero(servicio: &mut Servicio) {
    servicio.pedir_que_pare();
    let fin = timeout(Duration::from_secs(10), servicio.esperar_fin()).await;
    assert_eq!(fin.expect("pasó del límite del cierre").code(), Some(0));
}

async fn con_todos_los_carriles(base: &BaseDePrueba) {
    let todos = "SELECT count(*) FROM carriles WHERE dueno IS NOT NULL";
    hasta("que tome los carriles", async || base.contar(todos).await == 16).await;
}

#[tokio::test]
async fn un_cliente_lento_no_alarga_el_cierre_ni_retiene_los_carriles() {
    let mut prueba = Prueba::con(&[CIERRE]).await;
    con_todos_los_carriles(&prueba.base).await;
    let mut lento = Crudo::conectar(&prueba.servicio).await;
    lento
        .enviar(
            "POST /vuelos/reserva HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{",
        )
        .await;
    prueba.servicio.get("/health").await.con(200);
    sale_con_cero(&mut prueba.servicio).await;
    assert_eq!(prueba.base.contar("SELECT count(*) FROM carriles WHERE dueno IS NOT NULL").await, 0);
}

#[tokio::test]
async fn una_orden_que_no_termina_se_corta_al_vencer_el_limite_y_no_deja_nada() {
    let mut prueba = Prueba::con(&[CIERRE, ("AEROALPES_LOCK_TIMEOUT_MS", "19000")]).await;
    let id = prueba.reserva().await;
    let fila = FilaBloqueada::nueva(&prueba.base, "reservas", &id).await;
    let mut conexion = Crudo::conectar(&prueba.servicio).await;
    conexion.enviar(format!("POST /vuelos/reserva/{id}/pagar HTTP/1.1\r\nHost: x\r\n\r\n")).await;
    prueba.base.esperar_bloqueadas(1).await;
    sale_con_cero(&mut prueba.servicio).await;
    fila.soltar().await;
    hasta("que no queden sesiones del servicio", async || prueba.base.nuestras().await == 0).await;
    assert_eq!(prueba.base.contar("SELECT count(*) FROM reservas WHERE estado = 'pendiente'").await, 1);
}

#[tokio::test]
async fn sin_base_de_datos_tambien_sale_con_cero() {
    let mut prueba = Prueba::con(&[CIERRE]).await;
    con_todos_los_carriles(&prueba.base).await;
    prueba.base.cerrar().await;
    sale_con_cero(&mut prueba.servicio).await;
    prueba.base.abrir().await;
}

#[tokio::test]
async fn con_una_base_que_dejo_de_contestar_tambien_sale_con_cero() {
    let base = BaseDePrueba::vacia().await;
    let opciones = base.opciones();
    let red = Intermediario::hacia(format!("{}:{}", opciones.get_host(), opciones.get_port())).await;
    let por_la_red: PgConnectOptions = opciones.host("127.0.0.1").port(red.puerto());
    let mut servicio = Servicio::sobre(por_la_red.to_url_lossy().as_ref(), &[CIERRE]).await;
    con_todos_los_carriles(&base).await;
    red.callar();
    let mut conexion = Crudo::conectar(&servicio).await;
    conexion.enviar("GET /vuelos/reserva HTTP/1.1\r\nHost: x\r\n\r\n").await;
    servicio.get("/health").await.con(200);
    sale_con_cero(&mut servicio).await;
}

#[tokio::test]
async fn con_un_broker_que_no_contesta_tambien_sale_con_cero_y_suelta_los_carriles() {
    // Acepta la conexión y no dice nada; y uno que ni siquiera está.
    let mudo = TcpListener::bind("127.0.0.1:0").await.unwrap();
    for puerto in [mudo.local_addr().unwrap().port(), 1] {
        let url = format!("pulsar://127.0.0.1:{puerto}");
        let mut prueba = Prueba::con(&[("PULSAR_URL", &url), ("AEROALPES_CIERRE_MS", "5000")]).await;
        con_todos_los_carriles(&prueba.base).await;
        sale_con_cero(&mut prueba.servicio).await;
        assert_eq!(prueba.base.contar("SELECT count(*) FROM carriles WHERE dueno IS NOT NULL").await, 0);
    }
}
