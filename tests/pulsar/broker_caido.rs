//! El bróker no está, se muere o vuelve: se atiende lo que se puede, y nada se pierde.

use reqwest::{Method, RequestBuilder};

use crate::apoyo::{Aceptado, comprobar_cumplidos, crear, crear_y_pagar, en_calma, esta, reserva, resultado, servicio};
use crate::broker::BrokerPropio;
use crate::comun::servicio::{Servicio, ejecutar};
use crate::comun::{BaseDePrueba, hasta};
use crate::oyente::Oyente;

/// Más líneas que estas sobre lo mismo ya no se leen.
const LINEAS: usize = 12;

fn avisos(servicio: &Servicio) -> Vec<String> {
    let texto = servicio.registros.texto();
    texto.lines().filter(|linea| linea.contains("WARN") || linea.contains("ERROR")).map(str::to_owned).collect()
}

#[tokio::test]
async fn sin_broker_al_arrancar_se_atiende_y_al_llegar_se_publica_lo_que_esperaba() {
    let (broker, base) = (BrokerPropio::nuevo().await, BaseDePrueba::vacia().await);
    let servicio = Servicio::arrancar(&base, &[("PULSAR_URL", &broker.url)]).await;
    for _ in 0..20 {
        servicio.post("/vuelos/reserva", &reserva()).await.con(200);
    }
    let salud = servicio.get("/health/ready").await.con(200);
    assert_eq!((&salud["estado"], &salud["faltan"][0]), (&"degradado".into(), &"pulsar".into()));
    let respuesta = servicio.post("/vuelos/reserva-comando", &reserva()).await;
    assert_eq!((respuesta.estado, respuesta.cabecera("retry-after").is_some()), (503, true), "{}", respuesta.texto);
    // No se envió: no hay nada por lo que preguntar.
    assert_eq!(respuesta.cabecera("location"), None);
    let sin_publicar = "SELECT count(*) FROM bandeja_salida WHERE publicada_en IS NULL";
    assert_eq!(base.contar(sin_publicar).await, 20);
    broker.arrancar().await;
    esta(&servicio, "listo").await;
    en_calma(&base).await;
    // Nuestro propio consumidor recibió los veinte.
    assert_eq!(base.contar("SELECT count(*) FROM bandeja_entrada").await, 20);
    let aceptado = crear(&servicio).await;
    assert_eq!(resultado(&servicio, &aceptado.id_comando).await["estado"], "ejecutado");
    println!("avisos sin bróker al arrancar: {}", avisos(&servicio).len());
    assert!(avisos(&servicio).len() <= LINEAS, "{}", avisos(&servicio).join("\n"));
}

#[tokio::test]
async fn la_prueba_final_espera_a_que_el_servicio_se_conecte_al_broker() {
    let (broker, base) = (BrokerPropio::nuevo().await, BaseDePrueba::vacia().await);
    let servicio = Servicio::arrancar(&base, &[("PULSAR_URL", &broker.url)]).await;
    esta(&servicio, "degradado").await;
    broker.arrancar().await;
    let fin = ejecutar(&["prueba-final", &format!("http://{}", servicio.direccion())], &[]).await;
    let texto = String::from_utf8(fin.stdout).unwrap();
    assert_eq!(texto.lines().last(), Some("prueba final: 9 pasos, 0 fallas"), "{texto}");
}

#[tokio::test]
async fn con_clave_un_comando_que_no_salio_sale_al_repetirlo_y_una_sola_vez() {
    let (broker, base) = (BrokerPropio::nuevo().await, BaseDePrueba::vacia().await);
    let servicio = Servicio::arrancar(&base, &[("PULSAR_URL", &broker.url)]).await;
    let completar = |solicitud: RequestBuilder| solicitud.header("idempotency-key", "k").json(&reserva());
    let aceptar = async || servicio.pedir(Method::POST, "/vuelos/reserva-comando", completar).await;
    aceptar().await.problema(503, "sin-broker");
    broker.arrancar().await;
    esta(&servicio, "listo").await;
    let aceptado = Aceptado::from(aceptar().await.con(202));
    let repetido = Aceptado::from(aceptar().await.con(202));
    assert_eq!((&repetido.id_comando, &repetido.id), (&aceptado.id_comando, &aceptado.id));
    comprobar_cumplidos(&base, &[aceptado], 0).await;
    // Salió dos veces, siempre con la misma identidad, y se cumplió una.
    assert_eq!(base.contar("SELECT count(*) FROM reservas").await, 1);
}

#[tokio::test]
async fn el_broker_muere_y_vuelve_con_trafico_y_no_se_pierde_nada() {
    let (broker, base) = (BrokerPropio::nuevo().await, BaseDePrueba::vacia().await);
    broker.arrancar().await;
    let servicio = servicio(&base, &broker.url, &[]).await;
    drop(Oyente::nuevo(&broker.url, "eventos-reserva").await);
    let direccion = servicio.direccion().to_owned();
    let contadas = std::sync::atomic::AtomicUsize::new(0);
    let contar = || {
        contadas.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    };
    let morir = async {
        hasta("que haya tráfico", async || contadas.load(std::sync::atomic::Ordering::Relaxed) >= 30).await;
        broker.matar().await;
    };
    let (mut aceptados, ()) = tokio::join!(crear_y_pagar(&direccion, 60, contar), morir);
    esta(&servicio, "degradado").await;
    for _ in 0..20 {
        servicio.post("/vuelos/reserva", &reserva()).await.con(200);
    }
    let respuesta = servicio.post("/vuelos/reserva-comando", &reserva()).await;
    assert_eq!((respuesta.estado, respuesta.cabecera("retry-after").is_some()), (503, true), "{}", respuesta.texto);
    broker.arrancar().await;
    esta(&servicio, "listo").await;
    aceptados.extend(crear_y_pagar(&direccion, 10, || ()).await);
    assert!(aceptados.len() >= 20, "después de volver no aceptó nada");
    comprobar_cumplidos(&base, &aceptados, 20).await;
    let mut eventos = Oyente::nuevo(&broker.url, "eventos-reserva").await;
    eventos.comprobar_eventos(&base).await;
    println!("avisos al morir y volver el bróker: {}", avisos(&servicio).len());
    assert!(avisos(&servicio).len() <= LINEAS, "{}", avisos(&servicio).join("\n"));
}

#[tokio::test]
async fn el_broker_que_muere_sin_trafico_tambien_se_nota_y_al_volver_se_acepta() {
    let (broker, base) = (BrokerPropio::nuevo().await, BaseDePrueba::vacia().await);
    broker.arrancar().await;
    let servicio = servicio(&base, &broker.url, &[]).await;
    broker.matar().await;
    esta(&servicio, "degradado").await;
    broker.arrancar().await;
    esta(&servicio, "listo").await;
    let aceptado = crear(&servicio).await;
    assert_eq!(resultado(&servicio, &aceptado.id_comando).await["estado"], "ejecutado");
}
