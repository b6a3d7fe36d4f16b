//! Los programas en Python del otro lado de Pulsar: los del sistema original, sin cambiarles nada, y los ejemplos.
//!
//! Cada prueba empieza con un bróker sin tópicos ni esquemas, para que el orden de registro sea el suyo.

mod apoyo;
mod comprobaciones;
#[path = "../comun/mod.rs"]
mod comun;

use apoyo::{Broker, Programa, SUB_COMANDOS, SUB_EVENTOS, TOPICOS, administracion, broker, servicio};
use comprobaciones::{comprobar_mostrados, comprobar_notificados, comprobar_propiedades};
use comun::servicio::Servicio;
use comun::{BaseDePrueba, hasta};
use serde_json::{Value, json};
use uuid::Uuid;

const NOTIFICACION: &str = "sub-notificacion-eventos-reservas";
const INTERFAZ: &str = "aeroalpes-bff";
const EVENTOS: &str = "eventos-reserva";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Primero {
    Ellos,
    Nosotros,
}

fn cuerpo() -> Value {
    json!({"itinerarios": [{"odos": [{"segmentos": [{"legs": [{
        "fecha_salida": "2022-11-22T13:10:00Z", "fecha_llegada": "2022-11-22T15:10:00Z",
        "origen": {"codigo": "BOG", "nombre": "El Dorado"}, "destino": {"codigo": "JFK"}}]}]}]}]})
}

async fn consumidor(modo: &str) -> Programa {
    Programa::listo("consumidor.py", &[modo, &broker(), &administracion()]).await
}

async fn productor(modo: &str, ids: &[String]) -> Programa {
    let broker = broker();
    let argumentos: Vec<_> = [modo, &broker].into_iter().chain(ids.iter().map(String::as_str)).collect();
    Programa::listo("productor.py", &argumentos).await
}

/// Para el servicio, que termina bien.
async fn parar(mut servicio: Servicio) {
    servicio.pedir_que_pare();
    assert!(servicio.esperar_fin().await.success());
}

/// El resultado de un comando cuya identidad puso quien lo envió.
async fn resultado(servicio: &Servicio, id: &str) -> Value {
    let ruta = format!("/comandos/{id}");
    hasta("el resultado", async || servicio.get(&ruta).await.estado == 200).await;
    servicio.get(&ruta).await.con(200)
}

/// Crea una reserva y la paga: dos eventos.
async fn crear_y_pagar(servicio: &Servicio) -> String {
    let id = servicio.post("/vuelos/reserva", &cuerpo()).await.con(200)["id"].as_str().unwrap().to_owned();
    servicio.ordenar(&format!("/vuelos/reserva/{id}/pagar")).await.con(200);
    id
}

#[tokio::test]
async fn los_lectores_del_original_leen_los_eventos_si_se_suscriben_antes() {
    los_lectores_leen(Primero::Ellos).await;
}

#[tokio::test]
async fn los_lectores_del_original_leen_los_eventos_si_se_suscriben_despues() {
    los_lectores_leen(Primero::Nosotros).await;
}

async fn los_lectores_leen(primero: Primero) {
    let (bro, base) = (Broker::vacio().await, BaseDePrueba::nueva().await);
    let (servicio, mut notificacion, mut interfaz) = if primero == Primero::Ellos {
        let (notificacion, interfaz) = (consumidor("notificacion").await, consumidor("interfaz").await);
        assert_eq!(bro.suscripciones(EVENTOS).await, [INTERFAZ, NOTIFICACION]);
        (servicio(&base).await, notificacion, interfaz)
    } else {
        let servicio = servicio(&base).await;
        assert_eq!(bro.suscripciones(EVENTOS).await, [SUB_EVENTOS]);
        // Antes de que haya ningún evento: la interfaz sólo cuenta con lo que registra el arranque.
        let interfaz = consumidor("interfaz").await;
        (servicio, consumidor("notificacion").await, interfaz)
    };
    assert_eq!(bro.suscripciones(EVENTOS).await, [INTERFAZ, SUB_EVENTOS, NOTIFICACION]);

    let id = crear_y_pagar(&servicio).await;
    comprobar_notificados(&notificacion.esperar(2).await, &id);
    let mostrados = interfaz.esperar(2).await;
    if primero == Primero::Nosotros {
        comprobar_mostrados(&mostrados, &id);
    } else {
        // Su esquema es el que había al suscribirse, el del original: sólo ve `data`.
        comprobar_notificados(&mostrados.iter().map(|evento| evento["data"].clone()).collect::<Vec<_>>(), &id);
    }
    let ruta = format!("/vuelos/reserva/{id}/historia");
    hasta("que vuelvan a nosotros", async || {
        let historia = servicio.get(&ruta).await.con(200);
        historia.as_array().unwrap().iter().filter(|paso| !paso["recibido_en"].is_null()).count() == 2
    })
    .await;

    // Mientras no están, sus suscripciones guardan lo que publicamos; nadie las lee ni las borra por ellos.
    let confirmado = async || bro.suscripcion(EVENTOS, NOTIFICACION).await == (1, 0);
    hasta("que confirme lo leído", confirmado).await;
    drop(notificacion);
    hasta("que se vaya", async || bro.suscripcion(EVENTOS, NOTIFICACION).await.0 == 0).await;
    let otra = crear_y_pagar(&servicio).await;
    hasta("que le espere", async || bro.suscripcion(EVENTOS, NOTIFICACION).await == (0, 2)).await;
    comprobar_propiedades(&bro.ultimo(EVENTOS).await, &otra);
    let mut notificacion = consumidor("notificacion").await;
    comprobar_notificados(&notificacion.esperar(2).await, &otra);
    assert_eq!(interfaz.esperar(4).await.len(), 4);

    parar(servicio).await;
    assert_eq!(bro.suscripciones(EVENTOS).await, [INTERFAZ, SUB_EVENTOS, NOTIFICACION]);
    notificacion.sigue_vivo();
    interfaz.sigue_vivo();
}

#[tokio::test]
async fn los_comandos_del_original_tienen_respuesta_si_los_registra_antes() {
    los_comandos_tienen_respuesta(Primero::Ellos).await;
}

#[tokio::test]
async fn los_comandos_del_original_tienen_respuesta_si_los_registra_despues() {
    los_comandos_tienen_respuesta(Primero::Nosotros).await;
}

async fn los_comandos_tienen_respuesta(primero: Primero) {
    let (bro, base) = (Broker::vacio().await, BaseDePrueba::nueva().await);
    let (usuarios, ids) = ([Uuid::new_v4().to_string(), "None".into()], [Uuid::new_v4().to_string()]);
    let (servicio, mut original, mut con_id) = match primero {
        Primero::Ellos => {
            let programas = (productor("original", &usuarios).await, productor("con-id", &ids).await);
            (servicio(&base).await, programas.0, programas.1)
        }
        Primero::Nosotros => {
            let servicio = servicio(&base).await;
            (servicio, productor("original", &usuarios).await, productor("con-id", &ids).await)
        }
    };
    assert_eq!(bro.versiones("comandos-reserva").await, 3);

    // Sin identidad en la envoltura vale la del bróker: se atienden una vez, y nadie puede preguntar por ellos.
    let lugares = original.enviar().await;
    for (libro, entrada, _) in lugares {
        let sql = format!(
            "SELECT count(*) FROM bandeja_entrada WHERE suscripcion = '{SUB_COMANDOS}' AND id_mensaje LIKE '{libro}:{entrada}:%'"
        );
        hasta("que se atienda", async || base.contar(&sql).await == 1).await;
    }
    assert_eq!(base.contar("SELECT count(*) FROM resultados_comando").await, 0);

    con_id.enviar().await;
    let respuesta = resultado(&servicio, &ids[0]).await;
    assert_eq!((&respuesta["estado"], &respuesta["comando"]), (&json!("rechazado"), &json!("CrearReserva")));
    assert_eq!(
        respuesta["problema"]["error"],
        "MinimoUnItinerario - La lista de itinerarios debe tener al menos un itinerario"
    );

    // Ninguno fue a letras muertas ni dejó nada, y los siguientes se cumplen.
    assert_eq!(base.contar("SELECT count(*) FROM letras_muertas").await, 0);
    assert_eq!(base.contar("SELECT count(*) FROM reservas").await, 0);
    let aceptado = servicio.post("/vuelos/reserva-comando", &cuerpo()).await.con(202);
    let ruta = format!("/comandos/{}", aceptado["id_comando"].as_str().unwrap());
    hasta("que se cumpla", async || servicio.get(&ruta).await.con(200)["estado"] == "ejecutado").await;
    original.terminar_bien().await;
    parar(servicio).await;
}

#[tokio::test]
async fn un_comando_entero_de_python_se_cumple_una_vez_si_lo_registra_antes() {
    los_comandos_enteros_se_cumplen(Primero::Ellos).await;
}

#[tokio::test]
async fn un_comando_entero_de_python_se_cumple_una_vez_si_lo_registra_despues() {
    los_comandos_enteros_se_cumplen(Primero::Nosotros).await;
}

async fn los_comandos_enteros_se_cumplen(primero: Primero) {
    let (bro, base) = (Broker::vacio().await, BaseDePrueba::nueva().await);
    let nuevos = |cuantos| -> Vec<_> { (0..cuantos).map(|_| Uuid::new_v4().to_string()).collect() };
    let (sueltos, mut en_lote) = (nuevos(3), nuevos(20));
    // Repetidos, en el mismo lote y fuera de él: un solo efecto.
    en_lote.extend([en_lote[0].clone(), sueltos[0].clone()]);
    let programas = async || (productor("sueltos", &sueltos).await, productor("en-lote", &en_lote).await);
    let (servicio, (mut uno, mut otro)) = match primero {
        Primero::Ellos => {
            let programas = programas().await;
            (servicio(&base).await, programas)
        }
        Primero::Nosotros => (servicio(&base).await, programas().await),
    };

    let lugares = uno.enviar().await;
    assert!(lugares.iter().all(|(_, _, indice)| *indice == -1), "no iban sueltos: {lugares:?}");
    let lugares = otro.enviar().await;
    let indices: Vec<_> = lugares.iter().map(|(_, _, indice)| *indice).collect();
    assert_eq!(indices, (0..22).collect::<Vec<_>>(), "no iban en un lote: {lugares:?}");

    for id in sueltos.iter().chain(&en_lote) {
        let respuesta = resultado(&servicio, id).await;
        assert_eq!(respuesta["estado"], "ejecutado", "{respuesta}");
        assert_eq!(respuesta["recurso"], format!("/vuelos/reserva/{id}"));
    }
    hasta("que no quede nada por atender", async || base.contar("SELECT count(*) FROM entregas").await == 0).await;
    hasta("que salga", async || {
        base.contar("SELECT count(*) FROM bandeja_salida WHERE publicada_en IS NULL").await == 0
    })
    .await;
    hasta("que se confirme al bróker", async || bro.suscripcion("comandos-reserva", SUB_COMANDOS).await == (1, 0))
        .await;
    assert_eq!(base.contar("SELECT count(*) FROM reservas").await, 23);
    assert_eq!(base.contar("SELECT count(*) FROM bandeja_salida WHERE tipo = 'ReservaCreada'").await, 23);
    assert_eq!(base.contar("SELECT count(*) FROM letras_muertas").await, 0);
    let causa = bro.ultimo(EVENTOS).await.propiedades["causa"].as_str().unwrap().to_owned();
    assert!(sueltos.contains(&causa) || en_lote.contains(&causa), "{causa} no es ninguno de los comandos");
    let registros = servicio.registros.texto();
    assert!(!registros.contains("se vuelve a conectar"), "un lote no debe cortar la recepción");
    uno.terminar_bien().await;
    otro.terminar_bien().await;
    parar(servicio).await;
}

#[tokio::test]
async fn un_comando_comprimido_se_cumple_o_no_estorba() {
    let (bro, base) = (Broker::vacio().await, BaseDePrueba::nueva().await);
    let servicio = servicio(&base).await;
    // El cliente de Rust no entiende el SNAPPY del de Python.
    for (formato, se_cumple) in [("SNAPPY", false), ("LZ4", true), ("ZLib", true), ("ZSTD", true)] {
        let id = Uuid::new_v4().to_string();
        productor(formato, std::slice::from_ref(&id)).await.enviar().await;
        if se_cumple {
            assert_eq!(resultado(&servicio, &id).await["estado"], "ejecutado", "{formato}");
        } else {
            servicio.registros.esperar("no se puede abrir").await;
        }
    }
    assert_eq!(bro.suscripcion("comandos-reserva", SUB_COMANDOS).await.0, 1);
    parar(servicio).await;
}

#[tokio::test]
async fn los_ejemplos_funcionan() {
    let (bro, base) = (Broker::vacio().await, BaseDePrueba::nueva().await);
    let servicio = servicio(&base).await;
    for topico in TOPICOS {
        assert!(bro.esquema(topico).await.is_some(), "{topico} sin esquema antes del primer mensaje");
    }
    let mut escuchar = Programa::arrancar("ejemplos/escuchar_eventos.py", &[&broker(), &administracion(), "1"]);
    escuchar.errores.esperar("Escuchando").await;
    let api = format!("http://{}", servicio.direccion());
    let mut publicar = Programa::arrancar("ejemplos/publicar_comando.py", &[&broker(), &api]);
    let impreso = publicar.esperar(2).await;
    publicar.terminar_bien().await;

    let (comando, reserva) = (&impreso[0], &impreso[1]);
    assert_eq!((&comando["comando"], &comando["estado"]), (&json!("CrearReserva"), &json!("ejecutado")));
    let ruta = comando["recurso"].as_str().unwrap();
    assert_eq!(&servicio.get(ruta).await.con(200), reserva);
    let leg = &reserva["itinerarios"][0]["odos"][0]["segmentos"][0]["legs"][0];
    assert_eq!((&leg["fecha_salida"], &leg["origen"]["codigo"]), (&json!("2022-11-22T13:10:00Z"), &json!("BOG")));
    assert_eq!(leg["destino"]["nombre"], "John F. Kennedy International Airport");

    comprobar_mostrados(&escuchar.esperar(1).await, reserva["id"].as_str().unwrap());
    escuchar.terminar_bien().await;
    parar(servicio).await;
}
