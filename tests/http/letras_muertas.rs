//! Las órdenes `letras-muertas`: un reintento por letra aunque se pida dos veces, y nada que desaparezca en silencio.

use std::process::Output;

use aeroalpes::seedwork::infraestructura::mensajeria::letras_muertas::{Filtro, LetrasMuertas};
use serde_json::Value;
use sqlx::AssertSqlSafe;

use crate::apoyo::{FilaBloqueada, Prueba, reserva};
use crate::comun::servicio::ejecutar;
use crate::comun::{BaseDePrueba, hasta};

/// Ejecuta `aeroalpes letras-muertas …` sobre esa base.
async fn letras(base: &BaseDePrueba, argumentos: &[&str]) -> Output {
    let argumentos = [&["letras-muertas"], argumentos].concat();
    ejecutar(&argumentos, &[("DATABASE_URL", &base.url()), ("USER", "marta"), ("RUST_LOG", "error")]).await
}

fn texto(fin: &Output) -> String {
    String::from_utf8(fin.stdout.clone()).unwrap()
}

/// Lo que dijo una orden que salió bien.
async fn dice(base: &BaseDePrueba, argumentos: &[&str]) -> String {
    let fin = letras(base, argumentos).await;
    assert_eq!(fin.status.code(), Some(0), "{}", String::from_utf8_lossy(&fin.stderr));
    texto(&fin)
}

async fn dice_json(base: &BaseDePrueba, argumentos: &[&str]) -> Value {
    serde_json::from_str(&dice(base, &[argumentos, &["--json"]].concat()).await).unwrap()
}

/// Las que esperan.
async fn muertas(base: &BaseDePrueba) -> Vec<Value> {
    dice_json(base, &["listar"]).await["letras_muertas"].as_array().unwrap().clone()
}

/// Encarga una reserva que no se puede guardar, y da su comando cuando ya está en letras muertas.
async fn comando_muerto(prueba: &Prueba) -> String {
    prueba.base.ordenar("ALTER TABLE reservas RENAME TO reservas_rotas").await;
    let aceptada = prueba.servicio.post("/vuelos/reserva-comando", &reserva()).await.con(202);
    hasta("que se aparte", async || {
        prueba.base.ordenar("UPDATE entregas SET intentos = 8, proximo_intento = now()").await;
        prueba.base.contar("SELECT count(*) FROM letras_muertas").await == 1
    })
    .await;
    prueba.base.ordenar("ALTER TABLE reservas_rotas RENAME TO reservas").await;
    aceptada["id_comando"].as_str().unwrap().to_owned()
}

async fn estado(prueba: &Prueba, comando: &str) -> Value {
    prueba.servicio.get(&format!("/comandos/{comando}")).await.con(200)["estado"].clone()
}

async fn en_calma(base: &BaseDePrueba) {
    hasta("que no quede nada por atender", async || base.contar("SELECT count(*) FROM entregas").await == 0).await;
}

/// Pone una letra muerta con ese mensaje.
async fn sembrar(base: &BaseDePrueba, posicion: i64, mensaje: &str, topico: &str, motivo: &str) {
    let sql = format!(
        "INSERT INTO letras_muertas (posicion, suscripcion, id_mensaje, topico, clave, tipo, datos, motivo) VALUES \
         ({posicion}, 'aeroalpes-sub-comandos', '{mensaje}', '{topico}', gen_random_uuid(), 'Nada', '\\xff00', '{motivo}')"
    );
    base.ordenar(&sql).await;
}

#[tokio::test]
async fn un_reintento_pedido_por_varios_a_la_vez_se_cumple_una_vez_y_queda_ejecutado() {
    let prueba = Prueba::nueva().await;
    let comando = comando_muerto(&prueba).await;
    assert_eq!(estado(&prueba, &comando).await, "rechazado");
    let muerta = muertas(&prueba.base).await.remove(0);
    assert_eq!(
        (muerta["id_mensaje"].as_str(), &muerta["topico"]),
        (Some(comando.as_str()), &"comandos-reserva".into())
    );
    let id = muerta["id"].to_string();
    let mut otro = FilaBloqueada::nueva(&prueba.base, "resultados_comando", &comando).await;
    otro.ordenar(format!("SELECT 1 FROM letras_muertas WHERE posicion = {id} FOR UPDATE")).await;
    let soltar = async {
        prueba.base.esperar_bloqueadas(3).await;
        otro.soltar().await;
    };
    let una = async || letras(&prueba.base, &["reintentar", &id]).await;
    let todas = async || letras(&prueba.base, &["reintentar", "--todas", "--topico", "comandos-reserva"]).await;
    let (primera, segunda, tercera, ()) = tokio::join!(una(), una(), todas(), soltar);
    let dichas = [&primera, &segunda, &tercera].map(texto);
    assert_eq!(dichas.iter().filter(|dicha| *dicha == "Reintentadas: 1\n").count(), 1, "{dichas:?}");
    assert_eq!(dichas.iter().filter(|dicha| *dicha == "Reintentadas: 0\n").count(), 2, "{dichas:?}");
    hasta("que se cumpla", async || estado(&prueba, &comando).await == "ejecutado").await;
    en_calma(&prueba.base).await;
    assert_eq!(prueba.filas_de_reservas().await, 2, "la reserva y su evento");
    assert!(muertas(&prueba.base).await.is_empty());
    assert_eq!(letras(&prueba.base, &["reintentar", &id]).await.status.code(), Some(1));
    assert_eq!(dice(&prueba.base, &["listar"]).await, "No hay letras muertas.\n");
}

#[tokio::test]
async fn lo_que_vuelve_a_morir_vuelve_con_su_motivo_y_reintentarlas_todas_termina() {
    let prueba = Prueba::nueva().await;
    for numero in 0..3 {
        let sql = format!(
            "INSERT INTO bandeja_salida (id, topico, clave, tipo, datos, ocurrido_en, correlacion, traceparent) \
             VALUES ('0190163d-8694-739b-aea5-966c26f8ad9{numero}', 'comandos-reserva', gen_random_uuid(), 'BorraReserva', \
             '\\xff', now(), 'corr', 'traza')"
        );
        prueba.base.ordenar(&sql).await;
    }
    let cuantas = async || prueba.base.contar("SELECT count(*) FROM letras_muertas").await;
    hasta("que se aparten", async || cuantas().await == 3).await;
    let antes = muertas(&prueba.base).await;
    prueba.base.ordenar("UPDATE letras_muertas SET motivo = 'el de antes'").await;
    assert_eq!(dice(&prueba.base, &["reintentar", "--todas"]).await, "Reintentadas: 3\n");
    hasta("que se aparten otra vez", async || cuantas().await == 3).await;
    let despues = muertas(&prueba.base).await;
    assert!(despues[2]["id"].as_i64() > antes[0]["id"].as_i64(), "{despues:?}");
    assert!(despues.iter().all(|letra| letra["motivo"] != "el de antes"), "{despues:?}");
    let vista = dice_json(&prueba.base, &["ver", &despues[0]["id"].to_string()]).await;
    assert_eq!((&vista["correlacion"], &vista["traceparent"]), (&"corr".into(), &"traza".into()));
    assert!(vista["reintentada_en"].is_string() && vista["publicado_en"].is_string(), "{vista}");
    assert_eq!(vista["dato"], serde_json::json!({"bytes": 1, "hexadecimal": "ff"}));
    assert_eq!(estado(&prueba, "0190163d-8694-739b-aea5-966c26f8ad90").await, "rechazado");
}

#[tokio::test]
async fn lo_ajeno_y_viejo_tambien_se_puede_reintentar() {
    let prueba = Prueba::nueva().await;
    comando_muerto(&prueba).await;
    // Sin una identidad nuestra, lo que vale un comando se cuenta desde que se publicó.
    let ajena = "0190163d-8694-739b-aea5-966c26f8ad90";
    let envejecer =
        format!("UPDATE letras_muertas SET id_mensaje = '{ajena}', publicado_en = now() - interval '30 days'");
    prueba.base.ordenar(&envejecer).await;
    assert_eq!(dice(&prueba.base, &["reintentar", "--todas"]).await, "Reintentadas: 1\n");
    en_calma(&prueba.base).await;
    assert_eq!((estado(&prueba, ajena).await, prueba.filas_de_reservas().await), ("ejecutado".into(), 2));
}

#[tokio::test]
async fn reintentar_lo_que_ya_se_cumplio_no_tiene_otro_efecto() {
    let prueba = Prueba::nueva().await;
    let aceptada = prueba.servicio.post("/vuelos/reserva-comando", &reserva()).await.con(202);
    let comando = aceptada["id_comando"].as_str().unwrap();
    hasta("que se cumpla", async || estado(&prueba, comando).await == "ejecutado").await;
    // Como si una copia hubiera muerto después de que la bandeja de entrada la olvidara.
    prueba.base.ordenar("DELETE FROM bandeja_entrada; DELETE FROM reservas").await;
    let sql = "INSERT INTO letras_muertas (posicion, suscripcion, id_mensaje, topico, clave, tipo, datos, motivo) SELECT 1, \
               'aeroalpes-sub-comandos', id::text, topico, clave, tipo, datos, 'x' FROM bandeja_salida WHERE tipo = 'CrearReserva'";
    prueba.base.ordenar(sql).await;
    assert_eq!(dice(&prueba.base, &["reintentar", "1"]).await, "Reintentadas: 1\n");
    en_calma(&prueba.base).await;
    assert_eq!(estado(&prueba, comando).await, "ejecutado");
    assert_eq!(prueba.base.contar("SELECT count(*) FROM reservas").await, 0);
}

#[tokio::test]
async fn si_el_mensaje_habia_vuelto_a_llegar_no_queda_en_manos_de_quien_lo_tenia() {
    let base = BaseDePrueba::nueva().await;
    sembrar(&base, 1, "m", "comandos-reserva", "x").await;
    base.ordenar(
        "INSERT INTO bandeja_entrada (suscripcion, id_mensaje) VALUES ('aeroalpes-sub-comandos', 'm'); \
         INSERT INTO entregas (suscripcion, id_mensaje, topico, clave, tipo, datos, correlacion, traceparent, publicado_en, \
         intentos) VALUES ('aeroalpes-sub-comandos', 'm', 'comandos-reserva', gen_random_uuid(), 'Nada', '', '', '', now(), 3)",
    )
    .await;
    let antes = base.contar("SELECT posicion FROM entregas").await;
    assert_eq!(LetrasMuertas::nuevas(base.conexiones(1)).reintentar(&[1]).await.unwrap(), [1]);
    // Quien la tenía a medias la da por atendida: era una repetición. La que se reintenta sigue ahí.
    base.ordenar(&format!("DELETE FROM entregas WHERE posicion = {antes}")).await;
    assert_eq!(base.contar("SELECT count(*) FROM entregas WHERE intentos = 0 AND reintentada_en IS NOT NULL").await, 1);
    assert_eq!(base.contar("SELECT count(*) FROM bandeja_entrada").await, 0);
}

#[tokio::test]
async fn descartar_deja_dicho_quien_y_por_que_y_nada_se_reintenta_despues() {
    let base = BaseDePrueba::nueva().await;
    for (posicion, mensaje) in [(1, "a"), (2, "b")] {
        sembrar(&base, posicion, mensaje, "comandos-reserva", "roto").await;
    }
    assert_eq!(dice(&base, &["descartar", "1", "--porque", "lo pidió el cliente"]).await, "Descartadas: 1\n");
    for argumentos in [&["descartar", "1", "--porque", "otra vez"][..], &["reintentar", "1"]] {
        let fin = letras(&base, argumentos).await;
        assert_eq!(fin.status.code(), Some(1));
        assert!(String::from_utf8_lossy(&fin.stderr).ends_with("no existen): 1\n"), "{fin:?}");
    }
    let vista = dice_json(&base, &["ver", "1"]).await;
    assert_eq!(vista["descartada_por"], "marta");
    assert_eq!(vista["descartada_porque"], "lo pidió el cliente");
    assert!(vista["descartada_en"].is_string());
    let ids = |lista: &Value| {
        lista["letras_muertas"].as_array().unwrap().iter().map(|l| l["id"].as_i64()).collect::<Vec<_>>()
    };
    assert_eq!(ids(&dice_json(&base, &["listar"]).await), [Some(2)]);
    assert_eq!(ids(&dice_json(&base, &["listar", "--descartadas"]).await), [Some(1)]);
    assert_eq!(dice(&base, &["reintentar", "--todas"]).await, "Reintentadas: 1\n");
    assert_eq!(letras(&base, &["ver", "9"]).await.status.code(), Some(1));
}

#[tokio::test]
async fn la_lista_se_filtra_y_se_pide_por_paginas_y_no_maneja_la_terminal() {
    let base = BaseDePrueba::nueva().await;
    for posicion in 1..=5 {
        let topico = if posicion % 2 == 0 { "comandos-usuario" } else { "comandos-reserva" };
        sembrar(&base, posicion, &format!("m{posicion}"), topico, &format!("Roto {posicion}")).await;
    }
    let primera = dice_json(&base, &["listar", "--topico", "comandos-reserva", "--limite", "2"]).await;
    assert_eq!((&primera["letras_muertas"][1]["id"], &primera["siguiente"]), (&3.into(), &3.into()));
    let segunda = ["listar", "--topico", "comandos-reserva", "--limite", "2", "--antes-de", "3"];
    let segunda = dice_json(&base, &segunda).await;
    assert_eq!((&segunda["letras_muertas"][0]["id"], &segunda["siguiente"]), (&1.into(), &Value::Null));
    let una = dice_json(&base, &["listar", "--motivo", "roto 4", "--suscripcion", "aeroalpes-sub-comandos"]).await;
    assert_eq!(una["letras_muertas"].as_array().unwrap().len(), 1);
    assert!(
        dice_json(&base, &["listar", "--suscripcion", "otra"]).await["letras_muertas"].as_array().unwrap().is_empty()
    );
    base.ordenar("UPDATE letras_muertas SET motivo = E'\\x1b[2Jrojo' WHERE posicion = 5").await;
    let tabla = dice(&base, &["listar", "--limite", "1"]).await;
    assert!(tabla.contains("·[2Jrojo") && tabla.ends_with("Hay más: --antes-de 5\n"), "{tabla}");
}

#[tokio::test]
async fn ver_descodifica_lo_que_se_puede_y_lo_demas_lo_da_en_hexadecimal_y_acotado() {
    let prueba = Prueba::nueva().await;
    let comando = comando_muerto(&prueba).await;
    let id = muertas(&prueba.base).await[0]["id"].to_string();
    let vista = dice_json(&prueba.base, &["ver", &id]).await;
    assert_eq!((&vista["dato"]["id"], &vista["dato"]["type"]), (&comando.into(), &"CrearReserva".into()));
    let leg = &vista["dato"]["data"]["itinerarios"][0]["odos"][0]["segmentos"][0]["legs"][0];
    assert_eq!(leg["origen"]["codigo"], "BOG", "{vista}");
    assert!(dice(&prueba.base, &["ver", &id]).await.contains("\"codigo\": \"BOG\""));
    // Lo que no se pudo leer al llegar se escribió con otro esquema: leerlo con el nuestro engañaría.
    prueba.base.ordenar("UPDATE letras_muertas SET ilegible = 'sin esquema'").await;
    let vista = dice_json(&prueba.base, &["ver", &id]).await;
    assert!(vista["dato"]["hexadecimal"].is_string() && vista["ilegible_al_recibirla"] == true, "{vista}");
    prueba.base.ordenar("UPDATE letras_muertas SET datos = convert_to(repeat('x', 100000), 'UTF8')").await;
    let vista = dice_json(&prueba.base, &["ver", &id]).await;
    assert_eq!(vista["dato"]["bytes"], 100_000);
    assert_eq!(vista["dato"]["hexadecimal"].as_str().unwrap().len(), 1024);
}

fn en_otro_hilo(tarea: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(tarea);
}

#[tokio::test]
async fn reintentar_muchas_va_por_lotes_y_cuenta_su_avance() {
    let base = BaseDePrueba::nueva().await;
    base.ordenar(
        "INSERT INTO letras_muertas (posicion, suscripcion, id_mensaje, topico, clave, tipo, datos, motivo) \
         SELECT n, 's', n::text, 'comandos-reserva', gen_random_uuid(), 'Nada', '', 'x' FROM generate_series(1, 250) n",
    )
    .await;
    let mut avance = Vec::new();
    let letras = LetrasMuertas::nuevas(base.conexiones(1));
    // Una que muere mientras tanto: se queda para otra vez, o esto no acabaría nunca.
    let otra_muere = || sembrar(&base, 900, "900", "comandos-reserva", "x");
    let anotar = |van, total| {
        if avance.is_empty() {
            std::thread::scope(|hilos| hilos.spawn(|| en_otro_hilo(otra_muere())).join().unwrap());
        }
        avance.push((van, total));
    };
    let hechas = letras.reintentar_todas(&Filtro::default(), anotar).await.unwrap();
    assert_eq!((hechas, avance), (250, vec![(100, 250), (200, 250), (250, 250)]));
    let en_orden: Vec<String> =
        sqlx::query_scalar(AssertSqlSafe("SELECT id_mensaje FROM entregas ORDER BY posicion".to_owned()))
            .fetch_all(&mut base.conectar().await)
            .await
            .unwrap();
    assert!(en_orden.iter().enumerate().all(|(i, id)| *id == (i + 1).to_string()));
}

#[tokio::test]
async fn la_ayuda_de_cada_orden_esta_en_espanol() {
    for orden in ["listar", "ver", "reintentar", "descartar"] {
        let fin = ejecutar(&["letras-muertas", orden, "--help"], &[]).await;
        let ayuda = texto(&fin);
        assert!(ayuda.contains(&format!("Uso: aeroalpes letras-muertas {orden} ")), "{ayuda}");
        for ajena in ["Usage", "Options", "Print", "default", "Arguments"] {
            assert!(!ayuda.contains(ajena), "{ajena} en {ayuda}");
        }
    }
}
