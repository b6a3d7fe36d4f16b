//! Lo que vale para todo flujo: quién puede abrirlo, cuántos caben y cuándo se corta.

use std::time::Duration;

use reqwest::Method;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::apoyo::{FilaBloqueada, Prueba, reserva};
use crate::cerrado::{CLAVE, Cerrada, administrador, con_ficha};
use crate::comandos::aceptar;
use crate::comun::{PLAZO, hasta};
use crate::flujo::Flujo;

const EVENTOS: &str = "/vuelos/reserva/eventos";

#[tokio::test]
async fn en_modo_cerrado_cada_uno_sigue_lo_suyo_y_solo_quien_administra_las_reservas() {
    let cerrada = Cerrada::nueva().await;
    let (ana, luis) = (cerrada.sesion("ana@ejemplo.co").await, cerrada.sesion("luis@ejemplo.co").await);
    let aceptado = cerrada.post("/vuelos/reserva-comando", &ana.ficha, &reserva()).await.con(202);
    let comando = format!("/comandos/{}/eventos", aceptado["id_comando"].as_str().unwrap());
    for ruta in [EVENTOS, &comando] {
        cerrada.0.servicio.get(ruta).await.problema(401, "falta-ficha");
    }
    cerrada.get(&comando, &luis.ficha).await.problema(404, "comando-no-existe");
    cerrada.get(EVENTOS, &ana.ficha).await.problema(403, "sin-permiso");
    // Termina cuando el comando termina.
    for ficha in [&ana.ficha, CLAVE] {
        let texto = con_ficha(&cerrada.0.servicio, Method::GET, &comando, ficha, None).await.texto;
        assert!(texto.contains(r#""estado":"ejecutado""#), "{texto}");
    }
    let portador = format!("Bearer {CLAVE}");
    Flujo::abrir(&cerrada.0.servicio, EVENTOS, &[("authorization", &portador)]).await;
}

#[tokio::test]
async fn quien_deja_de_administrar_deja_de_escuchar() {
    let cerrada = Cerrada::nueva().await;
    let jefa = cerrada.administrador("jefa@ejemplo.co").await;
    let portador = format!("Bearer {}", jefa.ficha);
    let mut flujo = Flujo::abrir(&cerrada.0.servicio, EVENTOS, &[("authorization", &portador)]).await;
    assert_eq!(flujo.siguiente().await.unwrap().nombre, "posicion");
    administrador(&cerrada.0.base, "retirar", &jefa.id).await;
    assert_eq!(flujo.siguiente().await, None);
}

#[tokio::test]
async fn el_que_ya_no_cabe_recibe_un_503_y_cabe_cuando_otro_termina() {
    let prueba = Prueba::con(&[("AEROALPES_FLUJOS", "1")]).await;
    let (primero, _) = Flujo::de_reservas(&prueba.servicio, None).await;
    let respuesta = prueba.servicio.get(EVENTOS).await;
    respuesta.problema(503, "demasiados-flujos");
    assert!(respuesta.cabecera("retry-after").is_some());
    drop(primero);
    let cabe = async || {
        let pedido = reqwest::Client::builder().no_proxy().build().unwrap();
        pedido.get(format!("http://{}{EVENTOS}", prueba.servicio.direccion())).send().await.unwrap().status() == 200
    };
    hasta("que quepa otro", cabe).await;
}

#[tokio::test]
async fn al_parar_los_flujos_terminan_en_el_acto_y_se_sale_con_cero() {
    let mut prueba = Prueba::nueva().await;
    let reserva = prueba.reserva().await;
    let bloqueo = FilaBloqueada::nueva(&prueba.base, "reservas", &reserva).await;
    let comando = format!("{}/eventos", aceptar(&prueba.servicio, &reserva, "pagar").await);
    let mut pendiente = Flujo::abrir(&prueba.servicio, &comando, &[]).await;
    let (mut reservas, _) = Flujo::de_reservas(&prueba.servicio, None).await;
    pendiente.siguiente().await.unwrap();
    prueba.base.esperar_bloqueadas(1).await;
    prueba.servicio.pedir_que_pare();
    let terminan = async { while pendiente.siguiente().await.is_some() || reservas.siguiente().await.is_some() {} };
    // Mucho menos que los 25 s que se espera al cerrar a lo que esté en curso.
    timeout(Duration::from_secs(10), terminan).await.expect("los flujos no terminaron");
    bloqueo.soltar().await;
    assert_eq!(prueba.servicio.esperar_fin().await.code(), Some(0));
    let registros = prueba.servicio.registros.texto();
    let suyas = registros.lines().filter(|linea| linea.contains(EVENTOS) && linea.contains("solicitud atendida"));
    assert_eq!(suyas.count(), 1, "{registros}");
    assert!(!registros.contains("se cortan"), "{registros}");
}

#[tokio::test]
async fn a_quien_va_tan_despacio_que_perderia_algo_se_le_corta() {
    let prueba = Prueba::nueva().await;
    let mut lento = TcpStream::connect(prueba.servicio.direccion()).await.unwrap();
    lento
        .write_all(format!("GET {EVENTOS} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").as_bytes())
        .await
        .unwrap();
    leer_hasta(&mut lento, "event: posicion").await;
    for _ in 0..2 {
        let id = prueba.reserva().await;
        leer_hasta(&mut lento, &id).await;
    }
    let copiar = "INSERT INTO bandeja_salida (id, topico, clave, tipo, datos, ocurrido_en, publicada_en, correlacion, \
                  traceparent) SELECT gen_random_uuid(), topico, gen_random_uuid(), tipo, datos, ocurrido_en, now(), \
                  correlacion, traceparent FROM (SELECT * FROM bandeja_salida WHERE topico = 'eventos-reserva' LIMIT 1) \
                  modelo, generate_series(1, 40000)";
    prueba.base.ordenar(copiar).await;
    let ultima = timeout(PLAZO, ver_pasar_una_reserva(&prueba)).await.expect("también se corta a quien lee");
    let mut resto = Vec::new();
    timeout(PLAZO, lento.read_to_end(&mut resto)).await.expect("no se le cortó").ok();
    let resto = String::from_utf8_lossy(&resto);
    assert!(!resto.contains(&ultima) && resto.matches("event: ").count() < 40_000);
}

/// Otro, que sí lee, ve pasar una reserva posterior: el mirador ya los contó todos. Si llega justo antes de que los cuente y
/// la máquina está ocupada, también él va demasiado despacio: entonces vuelve.
async fn ver_pasar_una_reserva(prueba: &Prueba) -> String {
    loop {
        let (mut rapido, _) = Flujo::de_reservas(&prueba.servicio, None).await;
        let reserva = prueba.reserva().await;
        if let Some(evento) = rapido.siguiente().await {
            assert_eq!(evento.nombre, "ReservaCreada");
            assert_eq!(evento.datos["id_reserva"], reserva);
            return reserva;
        }
    }
}

async fn leer_hasta(conexion: &mut TcpStream, texto: &str) {
    let mut leido = String::new();
    while !leido.contains(texto) {
        let mut trozo = [0; 1024];
        let cuantos = timeout(PLAZO, conexion.read(&mut trozo)).await.expect("no llegó el evento").unwrap();
        assert!(cuantos > 0, "el servicio cerró");
        leido.push_str(std::str::from_utf8(&trozo[..cuantos]).unwrap());
    }
}
