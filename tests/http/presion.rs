//! Contrapresión: lo que cabe espera su turno, y lo que no cabe recibe un 503 que dice cuándo volver.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use reqwest::Method;
use sqlx::{AssertSqlSafe, PgConnection};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;

use crate::apoyo::{FilaBloqueada, Prueba, reserva};
use crate::comun::crudo::Crudo;
use crate::comun::hasta;
use crate::comun::servicio::{Respuesta, Servicio};

/// Deja la solicitud en marcha, sin esperar su respuesta.
fn en_marcha(prueba: &Arc<Prueba>, metodo: Method, ruta: String) -> JoinHandle<Respuesta> {
    let prueba = Arc::clone(prueba);
    tokio::spawn(async move { prueba.servicio.pedir(metodo, &ruta, |solicitud| solicitud).await })
}

fn pagar(prueba: &Arc<Prueba>, id: &str) -> JoinHandle<Respuesta> {
    en_marcha(prueba, Method::POST, format!("/vuelos/reserva/{id}/pagar"))
}

#[track_caller]
fn saturado(respuesta: &Respuesta) {
    respuesta.problema(503, "servicio-saturado");
    let espera = respuesta.cabecera("retry-after").unwrap_or_default();
    assert!(["1", "2", "3"].contains(&espera), "Retry-After: {espera}");
}

/// Un servicio con dos órdenes en curso, las dos detenidas por filas que otro tiene bloqueadas, y otra reserva libre.
struct Lleno {
    prueba: Arc<Prueba>,
    filas: Vec<FilaBloqueada>,
    detenidas: Vec<JoinHandle<Respuesta>>,
    libre: String,
}

impl Lleno {
    async fn nuevo(entorno: &[(&str, &str)]) -> Self {
        let entorno: Vec<_> = entorno
            .iter()
            .copied()
            .chain([("AEROALPES_ORDENES", "2"), ("AEROALPES_LOCK_TIMEOUT_MS", "19000")])
            .collect();
        let prueba = Arc::new(Prueba::con(&entorno).await);
        let (mut filas, mut detenidas, libre) = (Vec::new(), Vec::new(), prueba.reserva().await);
        for bloqueadas in 1..=2 {
            let id = prueba.reserva().await;
            filas.push(FilaBloqueada::nueva(&prueba.base, "reservas", &id).await);
            detenidas.push(pagar(&prueba, &id));
            prueba.base.esperar_bloqueadas(bloqueadas).await;
        }
        Self { prueba, filas, detenidas, libre }
    }

    /// Suelta las filas: las órdenes detenidas tienen que terminar bien.
    async fn soltar(self) -> Arc<Prueba> {
        for fila in self.filas {
            fila.soltar().await;
        }
        for detenida in self.detenidas {
            assert_eq!(detenida.await.unwrap().con(200)["estado"], "pagada");
        }
        self.prueba
    }

    async fn pagadas(&self) -> i64 {
        self.prueba.base.contar("SELECT count(*) FROM reservas WHERE estado = 'pagada'").await
    }
}

#[tokio::test]
async fn con_las_unidades_ocupadas_se_espera_un_rato_y_se_niega() {
    let lleno = Lleno::nuevo(&[("AEROALPES_TURNO_MS", "300")]).await;
    saturado(&pagar(&lleno.prueba, &lleno.libre).await.unwrap());
    saturado(&lleno.prueba.servicio.post("/vuelos/reserva", &reserva()).await);
    // Leer no espera a quien escribe, y no haber empezado es no haber dejado nada.
    let ruta = format!("/vuelos/reserva/{}", lleno.libre);
    assert_eq!(lleno.prueba.servicio.get(&ruta).await.con(200)["estado"], "pendiente");
    assert_eq!(lleno.pagadas().await, 0);
    let libre = lleno.libre.clone();
    let prueba = lleno.soltar().await;
    assert_eq!(prueba.a_la_reserva(&libre, "pagar").await.con(200)["estado"], "pagada");
}

#[tokio::test]
async fn sin_lugar_para_esperar_se_niega_y_quien_espera_llega_a_su_turno() {
    let lleno = Lleno::nuevo(&[("AEROALPES_EN_ESPERA", "1")]).await;
    // De dos, una espera y la otra se niega enseguida, aunque el turno se espere 20 s.
    let mut dos = JoinSet::new();
    for _ in 0..2 {
        let una = pagar(&lleno.prueba, &lleno.libre);
        dos.spawn(async move { una.await.unwrap() });
    }
    saturado(&dos.join_next().await.unwrap().unwrap());
    assert_eq!(lleno.pagadas().await, 0);
    lleno.soltar().await;
    assert_eq!(dos.join_next().await.unwrap().unwrap().con(200)["estado"], "pagada");
}

/// Una orden que ocupa el único lugar de espera.
async fn que_espera(servicio: &Servicio, ruta: &str) -> Crudo {
    for _ in 0..4 {
        let mut conexion = Crudo::conectar(servicio).await;
        conexion.enviar(format!("POST {ruta} HTTP/1.1\r\nHost: x\r\n\r\n")).await;
        // A quien no halla lugar se le niega en un segundo. Si esta otra llegó antes no se le responde: se va, y se repite.
        let otra = timeout(Duration::from_secs(3), servicio.post("/vuelos/reserva", &reserva())).await;
        if otra.is_ok_and(|negada| negada.estado == 503) {
            return conexion;
        }
    }
    panic!("no llegó a ocupar el lugar de espera");
}

#[tokio::test]
async fn quien_se_va_mientras_espera_deja_su_lugar_y_su_orden_no_empieza() {
    let lleno = Lleno::nuevo(&[("AEROALPES_EN_ESPERA", "1"), ("RUST_LOG", "aeroalpes=debug")]).await;
    let abandonada = lleno.prueba.reserva_sembrada().await;
    let conexion = que_espera(&lleno.prueba.servicio, &format!("/vuelos/reserva/{abandonada}/pagar")).await;
    drop(conexion);
    lleno.prueba.servicio.registros.esperar("conexión terminada con error").await;
    let espera = pagar(&lleno.prueba, &lleno.libre);
    let prueba = lleno.soltar().await;
    assert_eq!(espera.await.unwrap().con(200)["estado"], "pagada");
    let ruta = format!("/vuelos/reserva/{abandonada}");
    assert_eq!(prueba.servicio.get(&ruta).await.con(200)["estado"], "pendiente");
}

/// Una tabla que nadie más puede leer ni escribir.
async fn cerrar(prueba: &Prueba, tabla: &str) -> PgConnection {
    let mut cerrada = prueba.base.conectar().await;
    let sql = format!("BEGIN; LOCK TABLE {tabla} IN ACCESS EXCLUSIVE MODE");
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut cerrada).await.unwrap();
    cerrada
}

/// Espera a que haya tantas sesiones detenidas en una sentencia que contenga ese texto.
async fn detenidas(prueba: &Prueba, texto: &str, cuantas: i64) {
    let sql = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' \
         AND pid <> pg_backend_pid() AND query LIKE '%{texto}%'"
    );
    hasta("que haya sentencias detenidas", async || prueba.base.contar(&sql).await == cuantas).await;
}

#[tokio::test]
async fn las_consultas_tienen_su_propio_cupo() {
    let entorno = [("AEROALPES_CONSULTAS", "2"), ("AEROALPES_EN_ESPERA", "0"), ("AEROALPES_LOCK_TIMEOUT_MS", "19000")];
    let prueba = Arc::new(Prueba::con(&entorno).await);
    let cerrada = cerrar(&prueba, "reservas").await;
    let consultas: Vec<_> = (0..2).map(|_| en_marcha(&prueba, Method::GET, "/vuelos/reserva".into())).collect();
    detenidas(&prueba, "FROM reservas", 2).await;
    saturado(&prueba.servicio.get("/vuelos/reserva").await);
    saturado(&prueba.servicio.get("/clientes/usuario").await);
    // Las órdenes no compiten por el mismo cupo.
    prueba.servicio.post("/vuelos/reserva-comando", &reserva()).await.con(202);
    drop(cerrada);
    for consulta in consultas {
        consulta.await.unwrap().con(200);
    }
}

#[tokio::test]
async fn aceptar_comandos_tambien_tiene_cupo() {
    let entorno =
        [("AEROALPES_ACEPTACIONES", "2"), ("AEROALPES_EN_ESPERA", "0"), ("AEROALPES_LOCK_TIMEOUT_MS", "19000")];
    let prueba = Arc::new(Prueba::con(&entorno).await);
    let id = prueba.reserva().await;
    let cerrada = cerrar(&prueba, "bandeja_salida").await;
    let aceptar = |prueba: &Arc<Prueba>| {
        let (prueba, ruta) = (Arc::clone(prueba), format!("/vuelos/reserva/{id}/pagar"));
        tokio::spawn(async move {
            let sin_esperar = |solicitud: reqwest::RequestBuilder| solicitud.header("prefer", "respond-async");
            prueba.servicio.pedir(Method::POST, &ruta, sin_esperar).await
        })
    };
    let aceptadas = [aceptar(&prueba), aceptar(&prueba)];
    detenidas(&prueba, "INTO bandeja_salida", 2).await;
    saturado(&aceptar(&prueba).await.unwrap());
    drop(cerrada);
    for aceptada in aceptadas {
        aceptada.await.unwrap().con(202);
    }
}

#[tokio::test]
async fn sesenta_y_cuatro_clientes_sobre_la_misma_fila_no_ven_un_503() {
    let prueba = Arc::new(Prueba::con(&[("AEROALPES_LOCK_TIMEOUT_MS", "19000")]).await);
    let id = prueba.reserva().await;
    let fila = FilaBloqueada::nueva(&prueba.base, "reservas", &id).await;
    let ordenes: Vec<_> = (0..64).map(|_| pagar(&prueba, &id)).collect();
    // Las que caben en el fondo de conexiones esperan la fila; las demás, su turno o una conexión.
    prueba.base.esperar_bloqueadas(16).await;
    let lecturas = (0..64).map(|_| en_marcha(&prueba, Method::GET, format!("/vuelos/reserva/{id}")));
    for lectura in join_all(lecturas).await {
        assert_eq!(lectura.unwrap().con(200)["estado"], "pendiente");
    }
    fila.soltar().await;
    let (mut pagadas, mut negadas) = (0, 0);
    for orden in join_all(ordenes).await {
        let respuesta = orden.unwrap();
        if respuesta.estado == 200 {
            pagadas += 1;
        } else {
            respuesta.problema(409, "transicion-no-permitida");
            negadas += 1;
        }
    }
    assert_eq!((pagadas, negadas, prueba.eventos("ReservaPagada", &id).await), (1, 63, 1));
}
