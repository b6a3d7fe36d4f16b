//! `GET /vuelos/reserva/eventos`: en orden, sin perder y sin repetir.

use std::cell::OnceCell;

use serde_json::json;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use uuid::Uuid;

use crate::apoyo::{Prueba, id, miembros, reserva};
use crate::comun::servicio::Servicio;
use crate::comun::{BaseDePrueba, hasta};
use crate::flujo::Flujo;

fn creada(id: &str) -> (String, String) {
    ("ReservaCreada".into(), id.into())
}

/// Una transacción que ya tiene su evento guardado y todavía no confirma: copia el de otra reserva.
struct Tardia {
    conexion: PgConnection,
    reserva: String,
}

impl Tardia {
    async fn nueva(base: &BaseDePrueba) -> Self {
        let mut tardia = Self { conexion: base.conectar().await, reserva: Uuid::new_v4().to_string() };
        let copiar = format!(
            "BEGIN; INSERT INTO bandeja_salida (id, topico, clave, tipo, datos, ocurrido_en, correlacion, traceparent) \
             SELECT gen_random_uuid(), topico, '{}', tipo, datos, ocurrido_en, correlacion, traceparent \
             FROM bandeja_salida WHERE topico = 'eventos-reserva' LIMIT 1",
            tardia.reserva
        );
        sqlx::raw_sql(AssertSqlSafe(copiar)).execute(&mut tardia.conexion).await.unwrap();
        tardia
    }

    async fn confirmar(mut self) -> String {
        sqlx::raw_sql("COMMIT").execute(&mut self.conexion).await.unwrap();
        self.conexion.close().await.unwrap();
        self.reserva
    }
}

#[tokio::test]
async fn se_cuenta_desde_ahora_en_el_orden_de_cada_reserva_y_con_filtro() {
    let prueba = Prueba::nueva().await;
    let vieja = prueba.reserva().await;
    let (mut todas, _) = Flujo::de_reservas(&prueba.servicio, None).await;
    let ruta = format!("/vuelos/reserva/eventos?id_reserva={vieja}");
    let mut solo_una = Flujo::abrir(&prueba.servicio, &ruta, &[]).await;
    assert_eq!(solo_una.siguiente().await.unwrap().nombre, "posicion");
    let nueva = prueba.reserva().await;
    let evento = todas.siguiente().await.unwrap();
    assert_eq!(evento.nombre, "ReservaCreada");
    let esperados = ["estado", "id_cliente", "id_evento", "id_reserva", "ocurrido_en", "publicado_en", "type"];
    assert_eq!(miembros(&evento.datos), esperados);
    assert_eq!(evento.datos["id_reserva"], nueva);
    assert_eq!((&evento.datos["estado"], &evento.datos["type"]), (&json!("pendiente"), &json!("ReservaCreada")));
    for orden in ["pagar", "aprobar", "cancelar"] {
        prueba.a_la_reserva(&vieja, orden).await.con(200);
    }
    let en_orden = ["ReservaPagada", "ReservaAprobada", "ReservaCancelada"].map(|tipo| (tipo.into(), vieja.clone()));
    assert_eq!(todas.siguientes(3).await, en_orden);
    assert_eq!(solo_una.siguientes(3).await, en_orden);
}

#[tokio::test]
async fn reanudar_no_pierde_lo_que_se_confirmo_tarde_con_una_posicion_menor_ni_repite() {
    let prueba = Prueba::nueva().await;
    let otra = Servicio::arrancar(&prueba.base, &[]).await;
    prueba.reserva().await;
    let (mut conectado, inicio) = Flujo::de_reservas(&prueba.servicio, None).await;
    let (mut cortado, _) = Flujo::de_reservas(&prueba.servicio, None).await;
    let tardia = Tardia::nueva(&prueba.base).await;
    let temprana = prueba.reserva().await;
    // Lo confirmado no espera a la que sigue abierta, aunque vaya antes en la tabla.
    let evento = cortado.siguiente().await.unwrap();
    assert_eq!(evento.datos["id_reserva"], temprana);
    drop(cortado);
    assert_eq!(conectado.siguientes(1).await, [creada(&temprana)]);
    let tardia = tardia.confirmar().await;
    let ultima = prueba.reserva().await;
    let (mut reanudado, _) = Flujo::de_reservas(&otra, Some(&evento.id)).await;
    let ruta = format!("/vuelos/reserva/eventos?desde={inicio}");
    let mut desde_el_inicio = Flujo::abrir(&otra, &ruta, &[]).await;
    assert_eq!(desde_el_inicio.siguiente().await.unwrap().id, inicio);
    assert_eq!(conectado.siguientes(2).await, [creada(&tardia), creada(&ultima)]);
    assert_eq!(reanudado.siguientes(2).await, [creada(&tardia), creada(&ultima)]);
    let mut todas = desde_el_inicio.siguientes(3).await;
    todas.sort();
    let mut esperadas = [creada(&tardia), creada(&temprana), creada(&ultima)];
    esperadas.sort();
    assert_eq!(todas, esperadas);
    // Y lo que sigue llega una vez a cada uno.
    let siguiente = prueba.reserva().await;
    for flujo in [&mut conectado, &mut reanudado, &mut desde_el_inicio] {
        assert_eq!(flujo.siguientes(1).await, [creada(&siguiente)]);
    }
}

#[tokio::test]
async fn lo_que_estaba_a_medias_al_abrir_el_flujo_llega_cuando_se_confirma() {
    let prueba = Prueba::nueva().await;
    prueba.reserva().await;
    let tardia = Tardia::nueva(&prueba.base).await;
    // Sin otra que termine después, para PostgreSQL la tardía ni siquiera había empezado.
    prueba.reserva().await;
    let (mut flujo, _) = Flujo::de_reservas(&prueba.servicio, None).await;
    // Con dos ya escucha en vivo: lo que se lee al ponerse al día se busca de otro modo.
    for _ in 0..2 {
        let temprana = prueba.reserva().await;
        assert_eq!(flujo.siguientes(1).await, [creada(&temprana)]);
    }
    let tardia = tardia.confirmar().await;
    assert_eq!(flujo.siguientes(1).await, [creada(&tardia)]);
}

#[tokio::test]
async fn la_ficha_de_cada_evento_reanuda_en_el_siguiente_aunque_llegaran_muchos_a_la_vez() {
    let prueba = Prueba::nueva().await;
    prueba.reserva().await;
    let (mut flujo, inicio) = Flujo::de_reservas(&prueba.servicio, None).await;
    // Más de los que se leen de una vez, y todos de una transacción.
    let copiar = "INSERT INTO bandeja_salida (id, topico, clave, tipo, datos, ocurrido_en, correlacion, traceparent) \
                  SELECT gen_random_uuid(), topico, gen_random_uuid(), tipo, datos, ocurrido_en, correlacion, traceparent \
                  FROM bandeja_salida, generate_series(1, 1200) WHERE topico = 'eventos-reserva'";
    prueba.base.ordenar(copiar).await;
    let mut vistos = Vec::new();
    for _ in 0..1200 {
        vistos.push(flujo.siguiente().await.unwrap());
    }
    for leidos in [0, 1, 499, 500, 501, 1199] {
        let ficha = if leidos == 0 { &inicio } else { &vistos[leidos - 1].id };
        let (mut reanudado, _) = Flujo::de_reservas(&prueba.servicio, Some(ficha)).await;
        for esperado in &vistos[leidos..] {
            let visto = reanudado.siguiente().await.unwrap();
            assert_eq!(visto.datos["id_evento"], esperado.datos["id_evento"], "desde {leidos}");
        }
    }
}

#[tokio::test]
async fn sin_base_de_datos_el_flujo_sigue_abierto_y_despues_cuenta_lo_que_paso() {
    let prueba = Prueba::nueva().await;
    let (mut flujo, _) = Flujo::de_reservas(&prueba.servicio, None).await;
    let antes = prueba.reserva().await;
    assert_eq!(flujo.siguientes(1).await, [creada(&antes)]);
    prueba.base.cerrar().await;
    prueba.servicio.registros.esperar("los eventos en vivo esperan a la base de datos").await;
    prueba.base.abrir().await;
    let creada_ya = OnceCell::new();
    // La primera orden puede encontrarse una conexión cortada.
    hasta("que se pueda reservar", async || {
        let respuesta = prueba.servicio.post("/vuelos/reserva", &reserva()).await;
        respuesta.estado == 200 && creada_ya.set(id(&respuesta.cuerpo)).is_ok()
    })
    .await;
    assert_eq!(flujo.siguientes(1).await, [creada(creada_ya.get().unwrap())]);
}

#[tokio::test]
async fn lo_mal_formado_es_un_400_que_dice_que() {
    let prueba = Prueba::nueva().await;
    let (_, ficha) = Flujo::de_reservas(&prueba.servicio, None).await;
    let futura = "99999999999-99999999999-0";
    for mala in ["x", "1", "1-2", "-1-2-3", "2-1-0", futura] {
        let con = |solicitud: reqwest::RequestBuilder| solicitud.header("last-event-id", mala);
        let ruta = "/vuelos/reserva/eventos";
        let respuesta = prueba.servicio.pedir(reqwest::Method::GET, ruta, con).await;
        let problema = respuesta.problema(400, "ficha-de-evento-invalida");
        assert!(problema["detail"].as_str().unwrap().contains("Last-Event-ID"), "{problema}");
    }
    for (consulta, parametro) in [("desde=x", "desde"), ("id_reserva=x", "id_reserva"), ("desde=1-2", "desde")] {
        let respuesta = prueba.servicio.get(&format!("/vuelos/reserva/eventos?{consulta}")).await;
        assert_eq!(respuesta.problema(400, "parametro-invalido")["parametro"], parametro);
    }
    // La cabecera vacía es la de quien todavía no recibió nada.
    let (_, otra) = Flujo::de_reservas(&prueba.servicio, Some("")).await;
    assert_eq!(otra.split('-').count(), ficha.split('-').count());
}
