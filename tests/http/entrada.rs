//! Cuerpos que nadie lee, cuerpos grandes a la vez y clientes que no leen su respuesta.

use tokio::net::TcpSocket;
use tokio::task::JoinSet;

use crate::apoyo::{Prueba, reserva};
use crate::comun::crudo::Crudo;

const MEBI: usize = 1024 * 1024;

fn post(ruta: &str, resto: &str) -> String {
    format!("POST {ruta} HTTP/1.1\r\nHost: prueba\r\nContent-Type: application/json\r\n{resto}\r\n\r\n")
}

#[tokio::test]
async fn un_cuerpo_que_nadie_lee_no_impide_leer_la_respuesta_ni_seguir() {
    let prueba = Prueba::nueva().await;
    let id = prueba.reserva().await;
    let pagar = format!("/vuelos/reserva/{id}/pagar");
    for (ruta, estado) in [("/nada", 404), ("/health", 405), (&*pagar, 200)] {
        for declarado in [true, false] {
            let mut conexion = Crudo::conectar(&prueba.servicio).await;
            let resto =
                if declarado { format!("Content-Length: {}", 5 * MEBI) } else { "Transfer-Encoding: chunked".into() };
            conexion.enviar(post(ruta, &resto)).await;
            for _ in 0..5 {
                let datos = " ".repeat(MEBI);
                conexion.enviar(if declarado { datos } else { format!("{MEBI:x}\r\n{datos}\r\n") }).await;
            }
            if !declarado {
                conexion.enviar("0\r\n\r\n").await;
            }
            let esperado = if estado == 200 && !declarado { 409 } else { estado };
            assert_eq!(conexion.leer_respuesta().await.estado, esperado, "{ruta}");
            conexion.enviar("GET /health HTTP/1.1\r\nHost: x\r\n\r\n").await;
            assert_eq!(conexion.leer_respuesta().await.estado, 200, "{ruta}");
        }
    }
}

#[tokio::test]
async fn a_quien_espera_permiso_para_enviar_no_se_le_espera() {
    let prueba = Prueba::nueva().await;
    let mut conexion = Crudo::conectar(&prueba.servicio).await;
    conexion.enviar(post("/nada", "Content-Length: 1000\r\nExpect: 100-continue")).await;
    conexion.leer_respuesta().await.problema(404, "ruta-no-existe");
}

#[tokio::test]
async fn los_cuerpos_grandes_se_cuentan_y_los_pequenos_no_los_esperan() {
    let prueba = Prueba::nueva().await;
    let cuerpo = format!("{}{}", reserva(), " ".repeat(100_000));
    let (primera, _) = cuerpo.split_at(50_000);
    let (mut conexiones, cabeza) =
        (JoinSet::new(), post("/vuelos/reserva", &format!("Content-Length: {}", cuerpo.len())));
    for _ in 0..65 {
        let mut conexion = Crudo::conectar(&prueba.servicio).await;
        conexion.enviar(format!("{cabeza}{primera}")).await;
        conexiones.spawn(async move {
            let respuesta = conexion.leer_respuesta().await;
            (conexion, respuesta)
        });
    }
    prueba.servicio.post("/vuelos/reserva", &reserva()).await.con(200);
    // 64 tienen lugar y esperan el resto; a la que no lo tuvo se le dice. Cuando se van, vuelve a haberlo.
    let (_sin_lugar, respuesta) = conexiones.join_next().await.unwrap().unwrap();
    respuesta.problema(503, "servicio-saturado");
    drop(conexiones);
    prueba.servicio.post_texto("/vuelos/reserva", Some("application/json"), cuerpo.clone()).await.con(200);
}

#[tokio::test]
async fn quien_no_lee_su_respuesta_no_retiene_la_conexion() {
    let prueba = Prueba::con(&[("RUST_LOG", "aeroalpes=debug")]).await;
    let mut cuerpo = reserva();
    let itinerario = cuerpo["itinerarios"][0].clone();
    cuerpo["itinerarios"] = vec![itinerario; 2_000].into();
    let creada = prueba.servicio.post("/vuelos/reserva", &cuerpo).await.con(200);
    // Un receptor pequeño y muchas respuestas grandes: más de lo que guardan los dos sistemas.
    let zocalo = TcpSocket::new_v4().unwrap();
    zocalo.set_recv_buffer_size(4096).unwrap();
    let direccion = prueba.servicio.direccion().parse().unwrap();
    let mut conexion = Crudo::de(zocalo.connect(direccion).await.unwrap());
    let pedir = format!("GET /vuelos/reserva/{} HTTP/1.1\r\nHost: x\r\n\r\n", creada["id"].as_str().unwrap());
    conexion.enviar(pedir.repeat(30)).await;
    prueba.servicio.registros.esperar("timed out").await;
}
