//! `aeroalpes estado`: dice lo que hay, avisa de lo que hay que mirar y no cambia nada. Y las barras de avance.

use std::fs::File;
use std::io::Read;
use std::process::{Output, Stdio};

use nix::pty::{Winsize, openpty};
use serde_json::Value;

use crate::apoyo::{Prueba, reserva};
use crate::comun::servicio::{ejecutar, programa};
use crate::comun::{BaseDePrueba, hasta};

async fn estado(base: &BaseDePrueba, argumentos: &[&str]) -> Output {
    let argumentos = [&["estado"], argumentos].concat();
    ejecutar(&argumentos, &[("DATABASE_URL", &base.url())]).await
}

async fn en_json(base: &BaseDePrueba) -> Value {
    serde_json::from_slice(&estado(base, &["--json"]).await.stdout).unwrap()
}

#[tokio::test]
async fn con_el_servicio_en_marcha_todo_esta_en_orden() {
    let prueba = Prueba::nueva().await;
    let comando = prueba.servicio.post("/vuelos/reserva-comando", &reserva()).await.con(202);
    let ruta = format!("/comandos/{}", comando["id_comando"].as_str().unwrap());
    hasta("que se cumpla", async || prueba.servicio.get(&ruta).await.con(200)["estado"] == "ejecutado").await;
    hasta("que nadie espere", async || en_json(&prueba.base).await["avisos"] == Value::Array(vec![])).await;
    let visto = en_json(&prueba.base).await;
    let trabajo = &visto["trabajo"];
    for reparto in ["atender", "relevar"] {
        assert_eq!(trabajo[reparto]["instancias"][0]["carriles"].as_array().unwrap().len(), 16, "{visto}");
    }
    assert_eq!(trabajo["comandos"]["ejecutados"], 1);
    assert_eq!(visto["esquema"]["aplicadas"], visto["esquema"]["conocidas"]);
    assert!(visto["servidor"]["nuestras"].as_i64().unwrap() >= 1, "{visto}");
    let fin = estado(&prueba.base, &[]).await;
    let texto = String::from_utf8_lossy(&fin.stdout);
    assert!(texto.contains("carriles: 0 1 2 ") && texto.ends_with("Todo en orden.\n"), "{texto}");
    assert_eq!(fin.status.code(), Some(0));
}

#[tokio::test]
async fn avisa_de_cada_cosa_que_hay_que_mirar() {
    let base = BaseDePrueba::nueva().await;
    base.ordenar(
        "INSERT INTO bandeja_salida (id, topico, clave, tipo, datos, ocurrido_en, correlacion, traceparent) \
         VALUES (gen_random_uuid(), 'eventos-reserva', gen_random_uuid(), 't', '', now() - interval '2 minutes', '', ''); \
         INSERT INTO entregas (suscripcion, id_mensaje, topico, clave, tipo, datos, correlacion, traceparent, publicado_en, \
         intentos) VALUES ('aeroalpes-sub-comandos', 'm', 'comandos-reserva', gen_random_uuid(), 't', '', '', '', \
         now() - interval '3 minutes', 1); \
         INSERT INTO letras_muertas (posicion, suscripcion, id_mensaje, topico, clave, tipo, datos, motivo, descartada_en) \
         SELECT n, 's', n::text, 'comandos-reserva', gen_random_uuid(), 't', '', 'x', CASE n WHEN 3 THEN now() END \
         FROM generate_series(1, 3) n; \
         INSERT INTO correos (id, asunto, id_recurso, terminado_en, desenlace) VALUES \
         (gen_random_uuid(), 'codigo', gen_random_uuid(), NULL, NULL), \
         (gen_random_uuid(), 'codigo', gen_random_uuid(), now(), 'no-entregable')",
    )
    .await;
    let visto = en_json(&base).await;
    let trabajo = &visto["trabajo"];
    assert_eq!(trabajo["bandeja_salida"]["pendientes"], 1);
    assert_eq!(
        (&trabajo["entregas"][0]["pendientes"], &trabajo["entregas"][0]["reintentandose"]),
        (&1.into(), &1.into())
    );
    assert_eq!(trabajo["letras_muertas"][0]["cuantas"], 2, "las descartadas no esperan a nadie");
    assert_eq!(trabajo["relevar"]["carriles_sueltos"].as_array().unwrap().len(), 16);
    assert_eq!((&trabajo["correos"]["por_enviar"], &trabajo["correos"]["no_entregables"]), (&1.into(), &1.into()));
    let fin = estado(&base, &[]).await;
    let texto = String::from_utf8_lossy(&fin.stdout);
    let avisos: Vec<_> = texto.lines().filter_map(|linea| linea.strip_prefix("Atención: ")).collect();
    let esperados = [
        "ninguna instancia atiende lo que llega",
        "ninguna instancia saca la bandeja de salida",
        "la bandeja de salida no avanza: el primero espera hace 12",
        "aeroalpes-sub-comandos: la primera entrega espera hace 18",
        "1 correos no se pudieron entregar",
        "2 letras muertas esperan: «aeroalpes letras-muertas listar»",
    ];
    assert_eq!(avisos.len(), esperados.len(), "{texto}");
    assert!(avisos.iter().zip(esperados).all(|(aviso, inicio)| aviso.starts_with(inicio)), "{texto}");
    assert_eq!(fin.status.code(), Some(1));
}

#[tokio::test]
async fn sobre_un_esquema_sin_poner_al_dia_lo_dice_y_no_lo_toca() {
    let base = BaseDePrueba::vacia().await;
    let fin = estado(&base, &[]).await;
    let texto = String::from_utf8_lossy(&fin.stdout);
    assert!(texto.contains("Esquema            0 de "), "{texto}");
    assert!(texto.contains("Atención: el esquema no está al día"), "{texto}");
    assert_eq!(fin.status.code(), Some(1));
    assert_eq!(base.contar("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").await, 0);
}

/// Lo que una orden escribe en la salida de errores cuando es una terminal.
async fn en_una_terminal(base: &BaseDePrueba, argumentos: &[&str]) -> String {
    let tamano = Winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 };
    let terminal = openpty(&tamano, None).unwrap();
    let mut orden = programa(argumentos, &[("DATABASE_URL", &base.url()), ("TERM", "xterm")]);
    let fin = orden.stdout(Stdio::null()).stderr(terminal.slave).status();
    let lector = tokio::task::spawn_blocking(move || {
        let (mut visto, mut salida) = (Vec::new(), File::from(terminal.master));
        // Al cerrarse el otro lado, Linux da un error y no un final.
        let _ = salida.read_to_end(&mut visto);
        String::from_utf8_lossy(&visto).into_owned()
    });
    assert!(fin.await.unwrap().success());
    drop(orden);
    lector.await.unwrap()
}

#[tokio::test]
async fn los_trabajos_largos_muestran_su_avance_solo_en_una_terminal() {
    let base = BaseDePrueba::nueva().await;
    base.ordenar(
        "INSERT INTO letras_muertas (posicion, suscripcion, id_mensaje, topico, clave, tipo, datos, motivo) \
         SELECT n, 's', n::text, 'comandos-reserva', gen_random_uuid(), 't', '', 'x' FROM generate_series(1, 250) n",
    )
    .await;
    let reintentar = ["letras-muertas", "reintentar", "--todas"];
    let visto = en_una_terminal(&base, &reintentar).await;
    assert!(visto.contains("Letras muertas [") && visto.contains("/250"), "{visto}");
    let visto = en_una_terminal(&base, &["purgar"]).await;
    assert!(visto.contains("Purga [") && visto.contains("/11"), "{visto}");
    let fin = ejecutar(&["purgar"], &[("DATABASE_URL", &base.url())]).await;
    assert!(!String::from_utf8_lossy(&fin.stderr).contains("Purga ["));
}
