//! Clientes lentos, que se van a medias o que reúsan la conexión.

use std::time::Duration;

use tokio::time::Instant;

use crate::apoyo::{FilaBloqueada, Prueba, reserva};
use crate::comun::crudo::Crudo;
use crate::comun::hasta;

#[tokio::test]
async fn un_cliente_lento_no_retiene_la_conexion() {
    let prueba = Prueba::nueva().await;
    let post = "POST /vuelos/reserva HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n";
    let empezar = async |texto: String| {
        let mut conexion = Crudo::conectar(&prueba.servicio).await;
        conexion.enviar(texto).await;
        (conexion, Instant::now())
    };
    // A media cabecera: a los 15 s se cierra. A medio cuerpo: a los 30 s se dice. A medio cuerpo enorme: a los 10 s.
    tokio::join!(
        async {
            let (mut conexion, inicio) = empezar("GET /health HTTP/1.1\r\nHost: x\r\n".into()).await;
            conexion.leer_hasta_el_cierre().await;
            entre(inicio, 14, 20);
        },
        async {
            let (mut conexion, inicio) = empezar(format!("{post}Content-Length: 100\r\n\r\n{{")).await;
            conexion.leer_respuesta().await.problema(408, "cuerpo-lento");
            entre(inicio, 29, 35);
        },
        async {
            let (mut conexion, inicio) = empezar(format!("{post}Content-Length: 5000000\r\n\r\n{{")).await;
            conexion.leer_respuesta().await.problema(413, "cuerpo-demasiado-grande");
            entre(inicio, 9, 15);
        },
    );
    assert_eq!(prueba.filas_de_reservas().await, 0);
}

#[track_caller]
fn entre(inicio: Instant, minimo: u64, maximo: u64) {
    let pasado = inicio.elapsed();
    assert!((Duration::from_secs(minimo)..Duration::from_secs(maximo)).contains(&pasado), "tardó {pasado:?}");
}

#[tokio::test]
async fn una_orden_se_cumple_aunque_su_cliente_se_vaya() {
    let prueba = Prueba::con(&[("RUST_LOG", "aeroalpes=debug")]).await;
    let id = prueba.reserva().await;
    let bloqueo = FilaBloqueada::nueva(&prueba.base, "reservas", &id).await;
    let mut conexion = Crudo::conectar(&prueba.servicio).await;
    conexion.enviar(format!("POST /vuelos/reserva/{id}/pagar HTTP/1.1\r\nHost: x\r\n\r\n")).await;
    prueba.base.esperar_bloqueadas(1).await;
    drop(conexion);
    // El servicio ya sabe que nadie espera la respuesta.
    prueba.servicio.registros.esperar("conexión terminada con error").await;
    bloqueo.soltar().await;
    let ruta = format!("/vuelos/reserva/{id}");
    hasta("que se pague", async || prueba.servicio.get(&ruta).await.con(200)["estado"] == "pagada").await;
    assert_eq!(prueba.eventos("ReservaPagada", &id).await, 1);
}

#[tokio::test]
async fn un_cuerpo_que_se_corta_no_crea_nada() {
    let prueba = Prueba::nueva().await;
    let cuerpo = reserva().to_string();
    let mut conexion = Crudo::conectar(&prueba.servicio).await;
    let cabecera = "POST /vuelos/reserva HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ";
    // Anuncia un byte más que la reserva entera.
    conexion.enviar(format!("{cabecera}{}\r\n\r\n{cuerpo}", cuerpo.len() + 1)).await;
    conexion.dejar_de_enviar().await;
    conexion.leer_respuesta().await.problema(400, "cuerpo-cortado");
    assert_eq!(prueba.filas_de_reservas().await, 0);
}

#[tokio::test]
async fn una_conexion_sirve_para_varias_solicitudes_tambien_despues_de_un_problema() {
    let prueba = Prueba::nueva().await;
    let mut conexion = Crudo::conectar(&prueba.servicio).await;
    for (ruta, estado) in [("/health", 200), ("/nada", 404), ("/vuelos/reserva?limite=0", 400), ("/health", 200)] {
        conexion.enviar(format!("GET {ruta} HTTP/1.1\r\nHost: x\r\n\r\n")).await;
        assert_eq!(conexion.leer_respuesta().await.estado, estado);
    }
}
