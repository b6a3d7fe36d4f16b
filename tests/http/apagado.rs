//! El apagado: termina lo que aceptó, no acepta más y sale con cero.

use serde_json::json;
use tokio::net::TcpStream;

use crate::apoyo::{FilaBloqueada, Prueba, id, reserva, usuario};
use crate::comun::crudo::Crudo;
use crate::comun::servicio::Servicio;
use crate::comun::{BaseDePrueba, hasta};

#[tokio::test]
async fn al_parar_termina_la_orden_en_curso_y_sale_con_cero() {
    let mut prueba = Prueba::nueva().await;
    let id = prueba.reserva().await;
    let bloqueo = FilaBloqueada::nueva(&prueba.base, "reservas", &id).await;
    let (direccion, pagar) = (prueba.servicio.direccion().to_owned(), format!("/vuelos/reserva/{id}/pagar"));
    let (respuesta, ()) = tokio::join!(prueba.servicio.ordenar(&pagar), async {
        prueba.base.esperar_bloqueadas(1).await;
        prueba.servicio.pedir_que_pare();
        hasta("que no acepte a nadie más", async || TcpStream::connect(&direccion).await.is_err()).await;
        assert_eq!(prueba.base.contar("SELECT count(*) FROM reservas WHERE estado = 'pendiente'").await, 1);
        bloqueo.soltar().await;
    });
    assert_eq!(respuesta.con(200)["estado"], "pagada");
    assert_eq!(prueba.servicio.esperar_fin().await.code(), Some(0));
    assert_eq!(prueba.eventos("ReservaPagada", &id).await, 1);
    hasta("que no queden sesiones del servicio", async || prueba.base.nuestras().await == 0).await;
}

#[tokio::test]
async fn al_parar_termina_tambien_la_orden_de_quien_ya_se_fue() {
    let mut prueba = Prueba::con(&[("RUST_LOG", "aeroalpes=debug")]).await;
    let id = prueba.reserva().await;
    let bloqueo = FilaBloqueada::nueva(&prueba.base, "reservas", &id).await;
    let mut conexion = Crudo::conectar(&prueba.servicio).await;
    conexion.enviar(format!("POST /vuelos/reserva/{id}/pagar HTTP/1.1\r\nHost: x\r\n\r\n")).await;
    prueba.base.esperar_bloqueadas(1).await;
    drop(conexion);
    prueba.servicio.registros.esperar("conexión terminada con error").await;
    prueba.servicio.pedir_que_pare();
    prueba.servicio.registros.esperar("se pidió parar").await;
    bloqueo.soltar().await;
    assert_eq!(prueba.servicio.esperar_fin().await.code(), Some(0));
    assert_eq!(prueba.base.contar("SELECT count(*) FROM reservas WHERE estado = 'pagada'").await, 1);
}

#[tokio::test]
async fn al_parar_termina_lo_que_llego_por_las_dos_vias_y_otra_instancia_toma_sus_carriles() {
    let mut prueba = Prueba::con(&[("AEROALPES_LOCK_TIMEOUT_MS", "19000")]).await;
    let (de_aqui, del_bus) = (prueba.reserva().await, prueba.reserva().await);
    let filas = [
        FilaBloqueada::nueva(&prueba.base, "reservas", &de_aqui).await,
        FilaBloqueada::nueva(&prueba.base, "reservas", &del_bus).await,
    ];
    let sin_esperar = |solicitud: reqwest::RequestBuilder| solicitud.header("prefer", "respond-async");
    let por_el_bus = format!("/vuelos/reserva/{del_bus}/pagar");
    let aceptado = prueba.servicio.pedir(reqwest::Method::POST, &por_el_bus, sin_esperar).await.con(202);
    prueba.base.esperar_bloqueadas(1).await;
    let (respuesta, otra) = tokio::join!(prueba.a_la_reserva(&de_aqui, "pagar"), async {
        prueba.base.esperar_bloqueadas(2).await;
        prueba.servicio.pedir_que_pare();
        prueba.servicio.registros.esperar("se pidió parar").await;
        let otra = Servicio::arrancar(&prueba.base, &[]).await;
        for fila in filas {
            fila.soltar().await;
        }
        otra
    });
    assert_eq!(respuesta.con(200)["estado"], "pagada");
    assert_eq!(prueba.servicio.esperar_fin().await.code(), Some(0));
    // Ninguno quedó a nombre de quien ya no está: la otra los toma sin esperar a que nadie deje de latir.
    let huerfanos =
        "SELECT count(*) FROM carriles WHERE dueno IS NOT NULL AND dueno NOT IN (SELECT id FROM instancias)";
    assert_eq!(prueba.base.contar(huerfanos).await, 0);
    let instancias = async || prueba.base.contar("SELECT count(*) FROM instancias").await;
    hasta("que sólo conste la otra", async || instancias().await == 1).await;
    let resultado = format!("/comandos/{}", aceptado["id_comando"].as_str().unwrap());
    let ejecutado = async || otra.get(&resultado).await.con(200)["estado"] == "ejecutado";
    hasta("que el comando quede cumplido", ejecutado).await;
    for id in [&de_aqui, &del_bus] {
        assert_eq!(prueba.eventos("ReservaPagada", id).await, 1);
    }
    let suyas = "SELECT count(*) FROM carriles WHERE dueno IN (SELECT id FROM instancias)";
    hasta("que la otra tenga todos los carriles", async || prueba.base.contar(suyas).await == 16).await;
}

#[tokio::test]
async fn una_conexion_ociosa_no_retrasa_el_apagado() {
    let mut prueba = Prueba::nueva().await;
    let mut ociosa = Crudo::conectar(&prueba.servicio).await;
    ociosa.enviar("GET /health HTTP/1.1\r\nHost: x\r\n\r\n").await;
    ociosa.leer_respuesta().await.con(200);
    prueba.servicio.pedir_que_pare();
    // Mucho menos que los 15 s que una conexión puede estar callada.
    let fin = tokio::time::timeout(std::time::Duration::from_secs(5), prueba.servicio.esperar_fin()).await;
    assert_eq!(fin.expect("esperó a una conexión ociosa").code(), Some(0));
    assert_eq!(ociosa.leer_hasta_el_cierre().await, "");
}

#[tokio::test]
async fn la_segunda_senal_termina_sin_esperar() {
    let mut prueba = Prueba::nueva().await;
    let id = prueba.reserva().await;
    let bloqueo = FilaBloqueada::nueva(&prueba.base, "reservas", &id).await;
    let mut conexion = Crudo::conectar(&prueba.servicio).await;
    conexion.enviar(format!("POST /vuelos/reserva/{id}/pagar HTTP/1.1\r\nHost: x\r\n\r\n")).await;
    prueba.base.esperar_bloqueadas(1).await;
    prueba.servicio.pedir_que_pare();
    prueba.servicio.registros.esperar("se pidió parar").await;
    prueba.servicio.pedir_que_pare();
    assert_eq!(prueba.servicio.esperar_fin().await.code(), Some(130));
    bloqueo.soltar().await;
    let pendiente = "SELECT count(*) FROM reservas WHERE estado = 'pendiente'";
    assert_eq!(prueba.base.contar(pendiente).await, 1);
}

#[tokio::test]
async fn lo_guardado_sigue_al_arrancar_de_nuevo() {
    let mut prueba = Prueba::nueva().await;
    let reserva = prueba.reserva().await;
    let ana = prueba.registrar("ana@ejemplo.co").await;
    let codigo = prueba.servicio.codigo_de(&ana).await;
    let antes = prueba.servicio.get(&format!("/vuelos/reserva/{reserva}")).await.con(200);
    prueba.servicio.pedir_que_pare();
    assert_eq!(prueba.servicio.esperar_fin().await.code(), Some(0));

    let otro = Servicio::arrancar(&prueba.base, &[]).await;
    assert_eq!(otro.get(&format!("/vuelos/reserva/{reserva}")).await.con(200), antes);
    let validar = format!("/clientes/usuario/{ana}/validar");
    assert_eq!(otro.post(&validar, &json!({"codigo": codigo})).await.con(200)["estado"], "validado");
}

#[tokio::test]
async fn dos_instancias_arrancan_a_la_vez_sobre_una_base_vacia() {
    for _ in 0..3 {
        let base = BaseDePrueba::vacia().await;
        let (una, otra) = tokio::join!(Servicio::arrancar(&base, &[]), Servicio::arrancar(&base, &[]));
        let creada = una.post("/vuelos/reserva", &reserva()).await.con(200);
        assert_eq!(otra.get(&format!("/vuelos/reserva/{}", id(&creada))).await.con(200), creada);
        // La clave de los códigos es una sola: el que entrega una lo acepta la otra.
        let ana = id(&una.post("/clientes/usuario", &usuario("ana@ejemplo.co")).await.con(201));
        let codigo = json!({"codigo": una.codigo_de(&ana).await});
        otra.post(&format!("/clientes/usuario/{ana}/validar"), &codigo).await.con(200);
    }
}
