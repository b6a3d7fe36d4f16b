//! Muchos clientes que no hacen nada, o que lo hacen despacio: el servicio los corta a su hora y los demás ni lo notan.

use std::time::Duration;

use futures_util::future::join_all;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::apoyo::Prueba;
use crate::comun::PLAZO;
use crate::comun::crudo::Crudo;

/// Registros en tandas, cada uno con su cálculo de Argon2id, y de cuántos en cuántos.
const REGISTROS: (usize, usize) = (32, 8);
/// Menos de lo que ocupa un cálculo, en KiB: ninguno se queda con su memoria.
const KIB_DE_UN_CALCULO: u64 = 19 * 1024;
/// Conexiones calladas que se abren, si el límite del sistema deja.
const CALLADAS: u64 = 10_000;
/// Descriptores que se dejan para lo demás de este proceso.
const RESERVA: u64 = 512;
/// Lo más que puede ocupar en el servicio una conexión que no dice nada, en KiB.
const KIB_POR_CALLADA: u64 = 16;

/// Cuántas conexiones calladas caben en los descriptores de este proceso, después de pedir todos.
fn las_que_caben() -> usize {
    let (_, duro) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, duro, duro).unwrap();
    let caben = duro.saturating_sub(RESERVA).min(CALLADAS);
    if caben < CALLADAS {
        eprintln!("el límite de descriptores es {duro}: se abren {caben} conexiones y no {CALLADAS}");
    }
    usize::try_from(caben).unwrap()
}

#[tokio::test]
async fn diez_mil_conexiones_calladas_no_estorban_y_se_cierran() {
    let prueba = Prueba::nueva().await;
    prueba.reserva().await;
    let (cuantas, antes) = (las_que_caben(), prueba.servicio.memoria_kib());
    let mut calladas = Vec::with_capacity(cuantas);
    for _ in 0..cuantas {
        calladas.push(timeout(PLAZO, TcpStream::connect(prueba.servicio.direccion())).await.unwrap().unwrap());
    }
    let reserva = prueba.reserva().await;
    prueba.a_la_reserva(&reserva, "pagar").await.con(200);
    prueba.servicio.get("/health/ready").await.con(200);
    let crecio = prueba.servicio.memoria_kib().saturating_sub(antes);
    let permitido = KIB_POR_CALLADA * u64::try_from(cuantas).unwrap();
    assert!(crecio < permitido, "{cuantas} conexiones ocupan {crecio} KiB, más de {permitido}");
    let cerradas = async {
        for mut callada in calladas {
            assert_eq!(callada.read(&mut [0]).await.unwrap_or_default(), 0, "no se le preguntó nada");
        }
    };
    timeout(PLAZO * 2, cerradas).await.expect("el servicio no cierra a quien calla");
    prueba.a_la_reserva(&reserva, "aprobar").await.con(200);
}

#[tokio::test]
async fn quien_envia_a_goteo_se_corta_a_su_hora_y_los_demas_no_lo_notan() {
    let prueba = Prueba::nueva().await;
    let post =
        "POST /vuelos/reserva HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 900000\r\n\r\n";
    let mut lentos = JoinSet::new();
    for n in 0..200 {
        let mut conexion = Crudo::conectar(&prueba.servicio).await;
        let (inicio, gota) = if n % 2 == 0 { ("GET /health HTTP/1.1\r\nx-lento: ", "a") } else { (post, " ") };
        conexion.enviar(inicio).await;
        lentos.spawn(async move {
            // Cada gota llega a tiempo; lo que no llega a tiempo es el todo.
            while conexion.intentar(gota.as_bytes()).await.is_ok() && !conexion.hay_respuesta().await {
                sleep(Duration::from_millis(200)).await;
            }
            conexion.leer_lo_que_llegue().await
        });
    }
    let atender = async {
        let (mut atendidas, mut cortados) = (0, Vec::new());
        while !lentos.is_empty() {
            while let Some(cortado) = lentos.try_join_next() {
                cortados.push(cortado.unwrap());
            }
            let reserva = prueba.reserva().await;
            prueba.a_la_reserva(&reserva, "pagar").await.con(200);
            atendidas += 1;
            sleep(Duration::from_millis(50)).await;
        }
        (atendidas, cortados)
    };
    let (atendidas, cortados) = timeout(PLAZO * 2, atender).await.expect("el servicio no corta a los lentos");
    assert!(atendidas > 10, "mientras tanto sólo se atendieron {atendidas}");
    let de_cuerpo = cortados.iter().filter(|texto| texto.starts_with("HTTP/1.1 408 ")).count();
    assert_eq!((cortados.len(), de_cuerpo), (200, 100));
}

#[tokio::test]
async fn la_memoria_de_las_contrasenas_vuelve_al_sistema() {
    let prueba = Prueba::nueva().await;
    prueba.reserva().await;
    let (antes, (registros, tanda)) = (prueba.servicio.memoria_kib(), REGISTROS);
    for primero in (0..registros).step_by(tanda) {
        let emails = (primero..primero + tanda).map(|n| format!("persona{n}@ejemplo.co"));
        join_all(emails.map(async |email| prueba.registrar(&email).await)).await;
    }
    let crecio = prueba.servicio.memoria_kib().saturating_sub(antes);
    assert!(crecio < KIB_DE_UN_CALCULO, "tras {registros} registros ocupa {crecio} KiB más");
}
