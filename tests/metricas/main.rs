//! Lo que mide el servicio: métricas para Prometheus, sus alertas y tablero, y trazas por OTLP.

mod apoyo;
#[path = "../comun/mod.rs"]
mod comun;
mod documentos;
mod recolector;
mod texto;
mod trazas;

use apoyo::{Prueba, reserva};
use comun::hasta;
use reqwest::Method;
use texto::Recogida;

/// Recoge hasta que una muestra valga lo que se espera.
async fn hasta_valer(prueba: &Prueba, nombre: &str, etiquetas: &[(&str, &str)], valor: f64) {
    let vale = async || Recogida::de(&prueba.servicio).await.valor(nombre, etiquetas) == Some(valor);
    hasta(&format!("que {nombre} {etiquetas:?} valga {valor}"), vale).await;
}

/// Le quita todos los carriles: lo que se ponga en las tablas se queda donde está.
async fn sin_carriles(prueba: &Prueba) {
    for (tabla, trabajo) in [("carriles", "consume"), ("carriles_relevo", "relay")] {
        let sql = format!("UPDATE {tabla} SET dueno = gen_random_uuid(), latido = now() + interval '1 hour'");
        prueba.base.ordenar(&sql).await;
        hasta_valer(prueba, "lanes_owned", &[("work", trabajo)], 0.0).await;
    }
}

#[tokio::test]
async fn cada_solicitud_se_cuenta_por_su_plantilla_y_nada_de_lo_que_escribe_quien_llama_es_una_etiqueta() {
    let prueba = Prueba::nueva().await;
    let id = prueba.reserva().await;
    for ruta in [format!("/vuelos/reserva/{id}"), "/vuelos/reserva/ana@ejemplo.co".into(), "/ana@ejemplo.co".into()] {
        prueba.servicio.get(&ruta).await;
    }
    let inventado = Method::from_bytes(b"ANA").unwrap();
    prueba.servicio.pedir(inventado, "/vuelos/reserva", |solicitud| solicitud).await;
    let recogida = Recogida::de(&prueba.servicio).await;
    let cuenta = |metodo, ruta, estado| {
        let etiquetas = [("http_request_method", metodo), ("http_route", ruta), ("http_response_status_code", estado)];
        recogida.valor("http_server_request_duration_seconds_count", &etiquetas)
    };
    assert_eq!(cuenta("POST", "/vuelos/reserva", "200"), Some(1.0));
    assert_eq!(cuenta("GET", "/vuelos/reserva/{id}", "200"), Some(1.0));
    assert_eq!(cuenta("GET", "/vuelos/reserva/{id}", "404"), Some(1.0));
    assert_eq!(cuenta("GET", "_OTHER", "404"), Some(1.0));
    assert_eq!(cuenta("_OTHER", "/vuelos/reserva", "405"), Some(1.0));
    assert_eq!(recogida.valor("http_server_active_requests", &[]), Some(1.0), "sólo la que recoge");
    assert_eq!(recogida.clases["http_server_request_duration_seconds"], "histogram");
    let todo = prueba.servicio.get("/metrics").await.texto;
    assert!(!todo.contains("ejemplo.co") && !todo.contains(&id) && !todo.contains("ANA"), "{todo}");
}

#[tokio::test]
async fn los_comandos_se_cuentan_por_como_terminan_por_http_y_por_el_bus() {
    let prueba = Prueba::nueva().await;
    let id = prueba.reserva().await;
    prueba.a_la_reserva(&id, "pagar").await.con(200);
    prueba.a_la_reserva(&id, "pagar").await.problema(409, "transicion-no-permitida");
    prueba.servicio.post("/vuelos/reserva-comando", &reserva()).await.con(202);
    hasta_valer(&prueba, "commands_total", &[("command", "CrearReserva"), ("outcome", "executed")], 2.0).await;
    let recogida = Recogida::de(&prueba.servicio).await;
    let pagar = |outcome| recogida.valor("commands_total", &[("command", "PagarReserva"), ("outcome", outcome)]);
    assert_eq!((pagar("executed"), pagar("rejected")), (Some(1.0), Some(1.0)));
    let unidades = |outcome| recogida.valor("unit_of_work_duration_seconds_count", &[("outcome", outcome)]);
    assert_eq!((unidades("executed"), unidades("rejected")), (Some(3.0), Some(1.0)));
    let recibidos = [("subscription", "aeroalpes-sub-comandos"), ("outcome", "executed")];
    hasta_valer(&prueba, "message_deliveries_total", &recibidos, 1.0).await;
}

#[tokio::test]
async fn lo_repetido_que_para_la_bandeja_de_entrada_se_cuenta() {
    let prueba = Prueba::nueva().await;
    prueba.servicio.post("/vuelos/reserva-comando", &reserva()).await.con(202);
    let sin_entregas = async || {
        prueba.base.contar("SELECT count(*) FROM resultados_comando").await == 1
            && prueba.base.contar("SELECT count(*) FROM entregas").await == 0
    };
    hasta("que se cumpla", sin_entregas).await;
    assert_eq!(Recogida::de(&prueba.servicio).await.valor("inbox_duplicates_total", &[]), Some(0.0));
    prueba
        .base
        .ordenar(
            "INSERT INTO entregas (suscripcion, id_mensaje, topico, clave, tipo, datos, correlacion, traceparent, publicado_en) \
             SELECT 'aeroalpes-sub-comandos', id::text, topico, clave, tipo, datos, correlacion, traceparent, now() \
             FROM bandeja_salida WHERE topico LIKE 'comandos-%'",
        )
        .await;
    hasta_valer(&prueba, "inbox_duplicates_total", &[], 1.0).await;
}

#[tokio::test]
async fn se_ven_el_atraso_su_edad_y_las_letras_muertas_de_cada_topico() {
    let prueba = Prueba::nueva().await;
    for trabajo in ["consume", "relay"] {
        hasta_valer(&prueba, "lanes_owned", &[("work", trabajo)], 16.0).await;
    }
    sin_carriles(&prueba).await;
    prueba
        .base
        .ordenar(
            "INSERT INTO bandeja_salida (id, topico, clave, tipo, datos, ocurrido_en, correlacion, traceparent) \
             SELECT gen_random_uuid(), 'eventos-reserva', gen_random_uuid(), 'ReservaCreada', '', \
             now() - make_interval(hours => n), 'c', 't' FROM generate_series(2, 1, -1) n; \
             INSERT INTO entregas (suscripcion, id_mensaje, topico, clave, tipo, datos, correlacion, traceparent, publicado_en) \
             SELECT 's', n::text, CASE WHEN n < 3 THEN 'comandos-usuario' ELSE 'ajeno-' || n END, gen_random_uuid(), 't', \
             '', 'c', 't', now() - interval '3 hours' FROM generate_series(1, 4) n; \
             INSERT INTO letras_muertas (posicion, suscripcion, id_mensaje, topico, clave, tipo, datos, motivo, descartada_en) \
             SELECT n, 's', n::text, 'comandos-reserva', gen_random_uuid(), 't', '', 'm', \
             CASE WHEN n = 3 THEN now() END FROM generate_series(1, 3) n; \
             INSERT INTO correos (id, asunto, id_recurso, anotado_en, terminado_en, desenlace) \
             SELECT gen_random_uuid(), 'codigo', gen_random_uuid(), now() - make_interval(hours => n), \
             CASE WHEN n > 4 THEN now() END, CASE WHEN n = 5 THEN 'no-entregable' WHEN n = 6 THEN 'enviado' END \
             FROM generate_series(3, 6) n",
        )
        .await;
    hasta_valer(&prueba, "outbox_pending", &[], 2.0).await;
    let recogida = Recogida::de(&prueba.servicio).await;
    let entre = |nombre, horas: f64| {
        let edad = recogida.valor(nombre, &[]).unwrap() / 3600.0;
        assert!(edad >= horas && edad < horas + 0.5, "{nombre}: {edad} h");
    };
    entre("outbox_oldest_age_seconds", 2.0);
    entre("deliveries_oldest_age_seconds", 3.0);
    entre("emails_oldest_age_seconds", 4.0);
    let correos = ["emails_pending", "emails_undeliverable"].map(|nombre| recogida.valor(nombre, &[]));
    assert_eq!(correos, [Some(2.0), Some(1.0)]);
    let de = |nombre, topico| recogida.valor(nombre, &[("topic", topico)]);
    assert_eq!(de("deliveries_pending", "comandos-usuario"), Some(2.0));
    assert_eq!(de("deliveries_pending", "_OTHER"), Some(2.0), "un tópico que no es nuestro no es una etiqueta");
    assert_eq!(de("dead_letters", "comandos-reserva"), Some(2.0), "las descartadas no esperan a nadie");
    assert_eq!(de("dead_letters", "comandos-usuario"), Some(0.0));
    assert_eq!(recogida.etiqueta("deliveries_pending", "topic").len(), 5);
}

#[tokio::test]
async fn sin_postgresql_se_recoge_igual_y_se_dice_que_falta() {
    let prueba = Prueba::nueva().await;
    prueba.reserva().await;
    assert_eq!(Recogida::de(&prueba.servicio).await.valor("db_up", &[]), Some(1.0));
    prueba.base.cerrar().await;
    hasta_valer(&prueba, "db_up", &[], 0.0).await;
    let recogida = Recogida::de(&prueba.servicio).await;
    for nombre in ["outbox_pending", "outbox_oldest_age_seconds", "deliveries_pending", "dead_letters"] {
        assert!(!recogida.nombres().contains(nombre), "{nombre} no se sabe");
    }
    assert_eq!(recogida.valor("message_bus_up", &[("bus", "local")]), Some(0.0));
    let ruta = [("http_request_method", "POST"), ("http_route", "/vuelos/reserva")];
    assert_eq!(recogida.valor("http_server_request_duration_seconds_count", &ruta), Some(1.0));
    assert_eq!(recogida.valor("db_pool_max_connections", &[("pool", "write")]), Some(16.0));
    prueba.base.abrir().await;
    hasta_valer(&prueba, "db_up", &[], 1.0).await;
}

#[tokio::test]
async fn aunque_postgresql_no_conteste_nunca_se_le_pregunta_dos_veces_a_la_vez() {
    let prueba = Prueba::nueva().await;
    let mut otra = prueba.base.conectar().await;
    sqlx::raw_sql("BEGIN; LOCK TABLE letras_muertas").execute(&mut otra).await.unwrap();
    // Lo que vale una lectura ya hecha puede no haber pasado: se recoge hasta que haya que preguntar.
    let recoger = async || Recogida::de(&prueba.servicio).await.valor("db_up", &[]) == Some(0.0);
    let las_tres = async { tokio::join!(hasta("una", recoger), hasta("otra", recoger), hasta("y otra", recoger)) };
    // Sólo las nuestras: la purga también espera por esa tabla.
    let detenidas = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                     AND wait_event_type = 'Lock' AND query LIKE '%outbox_pending%'";
    let (mut las_tres, mut vistas) = (std::pin::pin!(las_tres), 0);
    loop {
        tokio::select! {
            _ = &mut las_tres => break,
            ahora = prueba.base.contar(detenidas) => vistas = vistas.max(ahora),
        }
    }
    assert_eq!(vistas, 1, "consultas a la vez, como mucho");
    sqlx::raw_sql("ROLLBACK").execute(&mut otra).await.unwrap();
    hasta_valer(&prueba, "db_up", &[], 1.0).await;
}

#[tokio::test]
async fn se_ven_las_esperas_por_una_fila_y_quien_se_rinde() {
    let prueba = Prueba::con(&[("AEROALPES_LOCK_TIMEOUT_MS", "4000")]).await;
    let id = prueba.reserva().await;
    let mut otra = prueba.base.conectar().await;
    let sql = sqlx::AssertSqlSafe(format!("BEGIN; SELECT FROM reservas WHERE id = '{id}' FOR UPDATE"));
    sqlx::raw_sql(sql).execute(&mut otra).await.unwrap();
    let (respuesta, ()) =
        tokio::join!(prueba.a_la_reserva(&id, "pagar"), hasta_valer(&prueba, "db_lock_waiting_sessions", &[], 1.0));
    respuesta.problema(409, "datos-bloqueados");
    let recogida = Recogida::de(&prueba.servicio).await;
    assert_eq!(recogida.valor("unit_of_work_lock_timeouts_total", &[]), Some(1.0));
    assert_eq!(recogida.valor("unit_of_work_lock_wait_seconds_count", &[]), Some(1.0));
    assert_eq!(recogida.valor("unit_of_work_lock_wait_seconds_bucket", &[("le", "2.5")]), Some(0.0));
    assert_eq!(recogida.valor("unit_of_work_deadlocks_total", &[]), Some(0.0));
}

#[tokio::test]
async fn los_interbloqueos_y_lo_que_se_repite_por_ellos_se_cuentan() {
    let prueba = Prueba::nueva().await;
    prueba.chocar_cuando("veces <= 2").await;
    prueba.reserva().await;
    let recogida = Recogida::de(&prueba.servicio).await;
    assert_eq!(recogida.valor("unit_of_work_deadlocks_total", &[]), Some(2.0));
    assert_eq!(recogida.valor("unit_of_work_retries_total", &[]), Some(2.0));
    assert_eq!(recogida.valor("unit_of_work_duration_seconds_count", &[("outcome", "failed")]), Some(2.0));
    let crear = [("command", "CrearReserva"), ("outcome", "executed")];
    assert_eq!(recogida.valor("commands_total", &crear), Some(1.0), "es un solo comando");
}

#[tokio::test]
async fn en_modo_cerrado_solo_las_lee_quien_administra_y_sin_base_vale_la_clave() {
    const CLAVE: &str = "clave-de-servicio-reconocible-8264-xyz";
    let prueba = Prueba::con(&[("AEROALPES_MODO", "cerrado"), ("AEROALPES_CLAVE_SERVICIO", CLAVE)]).await;
    prueba.servicio.get("/metrics").await.problema(401, "falta-ficha");
    let con_clave = |solicitud: reqwest::RequestBuilder| solicitud.bearer_auth(CLAVE);
    prueba.base.cerrar().await;
    let respuesta = prueba.servicio.pedir(Method::GET, "/metrics", con_clave).await;
    assert_eq!(respuesta.estado, 200, "{}", respuesta.texto);
    assert_eq!(Recogida::leer(&respuesta.texto).valor("db_up", &[]), Some(0.0));
}
