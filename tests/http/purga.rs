//! La purga: se va lo viejo, se queda lo que alguien necesita, y nada corre dos veces por haberlo olvidado.

use std::time::Duration;

use aeroalpes::seedwork::infraestructura::claves::clave;
use aeroalpes::seedwork::infraestructura::mensajeria::ids::IdsComando;
use serde_json::Value;
use sqlx::AssertSqlSafe;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::apoyo::{FilaBloqueada, Prueba, reserva};
use crate::comun::servicio::{Servicio, ejecutar};
use crate::comun::{BaseDePrueba, hasta};

const DIA: Duration = Duration::from_hours(24);

/// Da una pasada y devuelve lo que dijo.
async fn purgar(base: &BaseDePrueba) -> String {
    let fin = ejecutar(&["purgar"], &[("DATABASE_URL", &base.url()), ("RUST_LOG", "error")]).await;
    assert_eq!(fin.status.code(), Some(0), "{}", String::from_utf8_lossy(&fin.stderr));
    String::from_utf8(fin.stdout).unwrap()
}

/// Un mensaje en la bandeja de salida, publicado hace esos días, o sin publicar.
async fn salida(base: &BaseDePrueba, topico: &str, tipo: &str, publicada_hace: Option<u32>) -> Uuid {
    let id = Uuid::new_v4();
    let publicada = publicada_hace.map_or("NULL".into(), |dias| format!("now() - interval '{dias} days'"));
    let sql = format!(
        "INSERT INTO bandeja_salida (id, topico, clave, tipo, datos, ocurrido_en, correlacion, traceparent, publicada_en) \
         VALUES ('{id}', '{topico}', gen_random_uuid(), '{tipo}', '', now() - interval '900 days', '', '', {publicada})"
    );
    base.ordenar(&sql).await;
    id
}

async fn recibido(base: &BaseDePrueba, de: &str, id: &str, hace: u32) {
    let sql =
        format!("INSERT INTO bandeja_entrada VALUES ('aeroalpes-sub-{de}', '{id}', now() - interval '{hace} days')");
    base.ordenar(&sql).await;
}

async fn letra(base: &BaseDePrueba, posicion: i64, de: &str, id: &str, descartada_hace: Option<u32>) {
    let descartada = descartada_hace.map_or("NULL".into(), |dias| format!("now() - interval '{dias} days'"));
    let sql = format!(
        "INSERT INTO letras_muertas (posicion, suscripcion, id_mensaje, topico, clave, tipo, datos, motivo, muerta_en, \
         descartada_en) VALUES ({posicion}, 'aeroalpes-sub-{de}', '{id}', 't', gen_random_uuid(), 't', '', 'm', \
         now() - interval '900 days', {descartada})"
    );
    base.ordenar(&sql).await;
}

async fn textos(base: &BaseDePrueba, sql: &str) -> Vec<String> {
    sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_all(&mut base.conectar().await).await.unwrap()
}

async fn resultados(base: &BaseDePrueba, cuantos: u32, hace: u32) {
    let sql = format!(
        "INSERT INTO resultados_comando (id, comando, terminado_en) SELECT gen_random_uuid(), '{hace}', \
         now() - interval '{hace} days' FROM generate_series(1, {cuantos})"
    );
    base.ordenar(&sql).await;
}

#[tokio::test]
async fn se_va_lo_viejo_y_nunca_un_evento_sin_publicar_o_sin_recibir() {
    let base = BaseDePrueba::nueva().await;
    for (topico, tipo, publicada, vuelto) in [
        ("eventos-reserva", "se va", Some(366), true),
        ("eventos-reserva", "sin publicar", None, true),
        ("eventos-reserva", "sin recibir", Some(366), false),
        ("eventos-reserva", "reciente", Some(364), true),
        ("comandos-reserva", "se va", Some(8), false),
        ("comandos-reserva", "sin publicar", None, false),
        ("comandos-reserva", "reciente", Some(6), false),
        ("eventos-reserva-aeroalpes-dlq", "se va", Some(8), false),
    ] {
        let id = salida(&base, topico, tipo, publicada).await;
        if vuelto {
            recibido(&base, "eventos", &id.to_string(), publicada.unwrap_or(900)).await;
        }
    }
    let muerto = salida(&base, "eventos-usuario", "en letras muertas", Some(366)).await.to_string();
    recibido(&base, "eventos", &muerto, 366).await;
    letra(&base, 1, "eventos", &muerto, None).await;
    for (de, id, hace) in [
        ("comandos", "se va", 15),
        ("comandos", "reciente", 13),
        ("comandos", "en letras muertas", 15),
        ("eventos", "ajeno y se va", 731),
        ("eventos", "ajeno y reciente", 729),
    ] {
        recibido(&base, de, id, hace).await;
    }
    letra(&base, 2, "comandos", "en letras muertas", None).await;
    letra(&base, 3, "comandos", "descartada y se va", Some(91)).await;
    letra(&base, 4, "comandos", "descartada y reciente", Some(89)).await;
    resultados(&base, 1_200, 31).await;
    resultados(&base, 1, 29).await;
    for tabla in ["instancias", "instancias_relevo"] {
        base.ordenar(&format!("INSERT INTO {tabla} VALUES (gen_random_uuid(), now() - interval '2 days')")).await;
    }
    base.ordenar(
        "INSERT INTO idempotencia (ambito, clave, huella, recuerdo, creada_en) VALUES \
         ('', 'se va', '', '', now() - interval '25 hours'), ('', 'reciente', '', '', now() - interval '23 hours')",
    )
    .await;

    base.ordenar(
        "INSERT INTO comandos_de_usuarios (id, id_usuario, aceptado_en) SELECT gen_random_uuid(), gen_random_uuid(), \
         now() - make_interval(days => dias) FROM unnest(ARRAY[37, 39]) AS dias",
    )
    .await;

    let dicho = purgar(&base).await;
    for linea in [
        "      1200  resultados de comandos",
        "         1  historias",
        "         2  mensajes publicados",
        "         1  comandos recibidos",
        "         1  eventos ajenos recibidos",
        "         1  letras muertas descartadas",
        "         1  claves de idempotencia",
        "         1  dueños de comandos",
        "         1  instancias que ya no están",
        "         1  instancias de relevo que ya no están",
    ] {
        assert!(dicho.contains(linea), "falta {linea}: {dicho}");
    }
    let quedan = textos(&base, "SELECT topico || ' ' || tipo FROM bandeja_salida ORDER BY posicion").await;
    let esperadas = [
        "eventos-reserva sin publicar",
        "eventos-reserva sin recibir",
        "eventos-reserva reciente",
        "comandos-reserva sin publicar",
        "comandos-reserva reciente",
        "eventos-usuario en letras muertas",
    ];
    assert_eq!(quedan, esperadas);
    let sql = "SELECT id_mensaje FROM bandeja_entrada WHERE id_mensaje LIKE '% %' OR id_mensaje = 'reciente' ORDER BY id_mensaje";
    assert_eq!(textos(&base, sql).await, ["ajeno y reciente", "en letras muertas", "reciente"]);
    assert_eq!(base.contar("SELECT count(*) FROM bandeja_entrada").await, 6);
    assert_eq!(textos(&base, "SELECT posicion::text FROM letras_muertas ORDER BY 1").await, ["1", "2", "4"]);
    assert_eq!(textos(&base, "SELECT comando FROM resultados_comando").await, ["29"]);
    assert_eq!(
        base.contar("SELECT (SELECT count(*) FROM instancias) + (SELECT count(*) FROM instancias_relevo)").await,
        0
    );
    assert_eq!(textos(&base, "SELECT clave FROM idempotencia").await, ["reciente"]);
}

#[tokio::test]
async fn una_tabla_que_no_se_deja_no_impide_purgar_las_demas() {
    let base = BaseDePrueba::nueva().await;
    letra(&base, 1, "comandos", "descartada y se va", Some(91)).await;
    base.ordenar("ALTER TABLE resultados_comando RENAME TO otra_cosa").await;
    let fin = ejecutar(&["purgar"], &[("DATABASE_URL", &base.url())]).await;
    assert_eq!(fin.status.code(), Some(1), "{}", String::from_utf8_lossy(&fin.stderr));
    assert_eq!(base.contar("SELECT count(*) FROM letras_muertas").await, 0);
}

#[tokio::test]
async fn no_espera_por_lo_que_otro_tiene_bloqueado() {
    let base = BaseDePrueba::nueva().await;
    resultados(&base, 3, 31).await;
    let una = textos(&base, "SELECT id::text FROM resultados_comando LIMIT 1").await.remove(0);
    let otro = FilaBloqueada::nueva(&base, "resultados_comando", &una).await;
    assert!(purgar(&base).await.contains("         2  resultados de comandos"));
    assert_eq!(textos(&base, "SELECT id::text FROM resultados_comando").await, [una]);
    otro.soltar().await;
    assert!(purgar(&base).await.contains("         1  resultados de comandos"));
}

#[tokio::test]
async fn por_detras_sobrevive_a_la_base_caida_y_se_detiene_en_orden() {
    let base = BaseDePrueba::nueva().await;
    resultados(&base, 700, 31).await;
    let mut otro = FilaBloqueada::nueva(&base, "resultados_comando", &Uuid::nil().to_string()).await;
    otro.ordenar("LOCK TABLE resultados_comando IN ACCESS EXCLUSIVE MODE".into()).await;
    let mut servicio = Servicio::arrancar(&base, &[]).await;
    base.esperar_bloqueadas(1).await;
    base.cerrar().await;
    servicio.registros.esperar("la purga espera a la base de datos").await;
    base.abrir().await;
    let viejos = "SELECT count(*) FROM resultados_comando";
    hasta("que se purgue", async || base.contar(viejos).await == 0).await;
    // Sin contar las que borró, si las borró, el paso al que se cortó la conexión: no supo cuántas.
    servicio.registros.esperar("\"que\":\"resultados de comandos\"").await;
    servicio.pedir_que_pare();
    assert!(servicio.esperar_fin().await.success());
}

#[tokio::test]
async fn por_un_resultado_purgado_se_responde_410() {
    let prueba = Prueba::nueva().await;
    let id = comando_de_hace(&prueba, 31).await;
    let sql = format!("INSERT INTO resultados_comando (id, comando) VALUES ('{id}', 'CrearReserva')");
    prueba.base.ordenar(&sql).await;
    let ruta = format!("/comandos/{id}");
    assert_eq!(prueba.servicio.get(&ruta).await.con(200)["estado"], "ejecutado");
    prueba.base.ordenar("UPDATE resultados_comando SET terminado_en = now() - interval '31 days'").await;
    purgar(&prueba.base).await;
    prueba.servicio.get(&ruta).await.problema(410, "resultado-caducado");
}

/// Una identidad que este servicio dio hace esos días.
async fn comando_de_hace(prueba: &Prueba, dias: u32) -> Uuid {
    let clave = clave(&prueba.base.conexiones(1), "ids-comando").await.unwrap();
    IdsComando::nuevos(&clave).unwrap().nueva(OffsetDateTime::now_utc() - DIA * dias)
}

/// Una reserva que se creó por un comando y ya no está: si el comando corriera otra vez, volvería.
async fn reserva_que_ya_no_esta(prueba: &Prueba) {
    let aceptada = prueba.servicio.post("/vuelos/reserva-comando", &reserva()).await.con(202);
    let ruta = format!("/comandos/{}", aceptada["id_comando"].as_str().unwrap());
    hasta("que se cumpla", async || prueba.servicio.get(&ruta).await.con(200)["estado"] == "ejecutado").await;
    hasta("que no quede nada por atender", async || prueba.base.contar("SELECT count(*) FROM entregas").await == 0)
        .await;
    prueba.base.ordenar("DELETE FROM reservas").await;
}

/// Vuelve a llegar aquel comando, con esa identidad y publicado hace esos días; espera a que se atienda.
async fn vuelve_a_llegar(prueba: &Prueba, id: Uuid, publicado_hace: u32) {
    let sql = format!(
        "INSERT INTO entregas (suscripcion, id_mensaje, topico, clave, tipo, datos, correlacion, traceparent, publicado_en) \
         SELECT 'aeroalpes-sub-comandos', '{id}', topico, clave, tipo, datos, '', '', now() - interval '{publicado_hace} days' \
         FROM bandeja_salida WHERE tipo = 'CrearReserva'"
    );
    prueba.base.ordenar(&sql).await;
    hasta("que se atienda", async || prueba.base.contar("SELECT count(*) FROM entregas").await == 0).await;
}

async fn reservas(prueba: &Prueba) -> i64 {
    prueba.base.contar("SELECT count(*) FROM reservas").await
}

async fn estado(prueba: &Prueba, id: Uuid) -> Value {
    prueba.servicio.get(&format!("/comandos/{id}")).await.cuerpo["estado"].clone()
}

#[tokio::test]
async fn un_comando_propio_y_viejo_no_corre_otra_vez_aunque_se_publique_de_nuevo_y_nadie_lo_recuerde() {
    let prueba = Prueba::nueva().await;
    reserva_que_ya_no_esta(&prueba).await;
    let id = comando_de_hace(&prueba, 20).await;
    vuelve_a_llegar(&prueba, id, 0).await;
    assert_eq!(reservas(&prueba).await, 0);
    // Tampoco se dice que se rechazó: pudo cumplirse, y ya no se guarda.
    prueba.servicio.get(&format!("/comandos/{id}")).await.problema(410, "resultado-caducado");
}

#[tokio::test]
async fn un_comando_ajeno_que_se_repite_no_corre_mientras_se_recuerde_su_resultado_ni_si_es_viejo() {
    let prueba = Prueba::nueva().await;
    reserva_que_ya_no_esta(&prueba).await;
    let id = Uuid::now_v7();
    vuelve_a_llegar(&prueba, id, 0).await;
    assert_eq!((reservas(&prueba).await, estado(&prueba, id).await), (1, "ejecutado".into()));
    prueba
        .base
        .ordenar("DELETE FROM reservas; UPDATE bandeja_entrada SET recibida_en = now() - interval '15 days'")
        .await;
    purgar(&prueba.base).await;
    let recibidos = "SELECT count(*) FROM bandeja_entrada WHERE suscripcion = 'aeroalpes-sub-comandos'";
    assert_eq!(prueba.base.contar(recibidos).await, 0);
    vuelve_a_llegar(&prueba, id, 0).await;
    assert_eq!((reservas(&prueba).await, estado(&prueba, id).await), (0, "ejecutado".into()));
    prueba
        .base
        .ordenar(
            "UPDATE bandeja_entrada SET recibida_en = now() - interval '31 days'; \
        UPDATE resultados_comando SET terminado_en = now() - interval '31 days'",
        )
        .await;
    purgar(&prueba.base).await;
    assert_eq!(prueba.base.contar("SELECT count(*) FROM resultados_comando").await, 0);
    vuelve_a_llegar(&prueba, id, 31).await;
    assert_eq!(reservas(&prueba).await, 0);
    prueba.servicio.get(&format!("/comandos/{id}")).await.problema(404, "comando-no-existe");
}

#[tokio::test]
async fn un_comando_que_caduca_sin_cumplirse_se_rechaza_mientras_se_pueda_saber() {
    let prueba = Prueba::nueva().await;
    reserva_que_ya_no_esta(&prueba).await;
    let id = comando_de_hace(&prueba, 7).await;
    vuelve_a_llegar(&prueba, id, 0).await;
    assert_eq!((reservas(&prueba).await, estado(&prueba, id).await), (0, "rechazado".into()));
}

#[tokio::test]
async fn un_evento_repetido_despues_de_la_purga_solo_vuelve_a_anotarse() {
    let prueba = Prueba::nueva().await;
    let id = prueba.reserva().await;
    let recibidos = "SELECT count(*) FROM bandeja_entrada WHERE suscripcion = 'aeroalpes-sub-eventos'";
    hasta("que vuelva", async || prueba.base.contar(recibidos).await == 1).await;
    hasta("que no quede nada por atender", async || prueba.base.contar("SELECT count(*) FROM entregas").await == 0)
        .await;
    let copia = "CREATE TABLE copia AS SELECT id, topico, clave, tipo, datos FROM bandeja_salida; \
                 UPDATE bandeja_salida SET publicada_en = now() - interval '366 days'";
    prueba.base.ordenar(copia).await;
    purgar(&prueba.base).await;
    assert_eq!(prueba.base.contar(recibidos).await, 0);
    let historia = format!("/vuelos/reserva/{id}/historia");
    assert_eq!(prueba.servicio.get(&historia).await.con(200), serde_json::json!([]));
    prueba
        .base
        .ordenar(
            "INSERT INTO entregas (suscripcion, id_mensaje, topico, clave, tipo, datos, correlacion, traceparent, publicado_en) \
             SELECT 'aeroalpes-sub-eventos', id::text, topico, clave, tipo, datos, '', '', now() FROM copia",
        )
        .await;
    hasta("que se atienda", async || prueba.base.contar(recibidos).await == 1).await;
    assert_eq!(prueba.base.contar("SELECT count(*) FROM bandeja_salida").await, 0);
    assert_eq!(prueba.servicio.get(&historia).await.con(200), serde_json::json!([]));
}
