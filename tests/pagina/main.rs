//! La página `/` en un Chromium de verdad. Cada prueba es un caso de `guion.py`, con su base de datos y su servicio.
//!
//! `AEROALPES_PAGINA` dice con qué Python, que tiene lo de `requisitos.txt`, y `AEROALPES_CHROMIUM`, qué navegador;
//! `./dev pruebas` los prepara. `AEROALPES_CAPTURAS=docs/pagina` deja ahí las capturas.

#[path = "../comun/mod.rs"]
mod comun;

use std::env;
use std::process::Stdio;
use std::time::Duration;

use comun::BaseDePrueba;
use comun::servicio::{Lineas, Servicio, ejecutar};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::Command;
use tokio::time::timeout;

/// Lo más que puede durar un caso, también en una máquina ocupada.
const PLAZO: Duration = Duration::from_mins(5);
const GUION: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/pagina/guion.py");
const CERRADO: [(&str, &str); 1] = [("AEROALPES_MODO", "cerrado")];

macro_rules! casos {
    ($($entorno:expr => $($caso:ident),+;)+) => {
        $($(
            #[tokio::test]
            async fn $caso() {
                correr(stringify!($caso), &$entorno).await;
            }
        )+)+
    };
}

casos! {
    [] => los_dos_caminos, se_repite_a_salvo, filtros_y_paginas, cada_error_junto_a_su_campo, pagar_aprobar_y_cancelar,
        lo_que_hacen_otros_se_ve_solo, registrar_y_validar, solo_teclado, todo_se_alcanza_y_nada_atrapa, axe_en_claro,
        axe_en_oscuro, axe_en_un_movil_claro, axe_en_un_movil_oscuro, el_tema_se_elige_y_se_recuerda, nada_de_fuera,
        la_politica_no_deja_entrar_a_nadie, lo_que_se_escribe_no_se_interpreta, capturas;
    CERRADO => modo_cerrado, una_ficha_que_deja_de_valer;
}

async fn correr(caso: &str, entorno: &[(&str, &str)]) {
    let python = env::var("AEROALPES_PAGINA").expect("falta AEROALPES_PAGINA: use ./dev pruebas");
    let base = BaseDePrueba::vacia().await;
    let servicio = Servicio::arrancar(&base, entorno).await;
    let temporal = tempfile::tempdir().unwrap();
    let mut orden = Command::new(python);
    orden.args([GUION, caso, &format!("http://{}", servicio.direccion())]).env("PYTHONDONTWRITEBYTECODE", "1");
    orden.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut guion = orden.spawn().unwrap();
    let quejas = Lineas::recoger(guion.stderr.take().unwrap());
    let (mut respuestas, preguntas) = (guion.stdin.take().unwrap(), guion.stdout.take().unwrap());
    let conversar = async {
        let mut preguntas = BufReader::new(preguntas).lines();
        while let Some(linea) = preguntas.next_line().await.unwrap() {
            let Some(pregunta) = linea.strip_prefix("? ") else { continue };
            let respuesta = match pregunta.split_once(' ').unwrap_or((pregunta, "")) {
                ("codigo", usuario) => servicio.codigo_de(usuario).await,
                ("administrar", usuario) => administrar(&base, usuario).await,
                ("carpeta", _) => {
                    env::var("AEROALPES_CAPTURAS").unwrap_or_else(|_| temporal.path().to_str().unwrap().to_owned())
                }
                otra => panic!("el guion pregunta algo que nadie sabe: {otra:?}"),
            };
            respuestas.write_all(format!("{respuesta}\n").as_bytes()).await.unwrap();
        }
        guion.wait().await.unwrap()
    };
    let fin = timeout(PLAZO, conversar).await.expect("el guion no terminó");
    assert!(fin.success(), "{caso}:\n{}", quejas.texto());
    assert!(!servicio.registros.texto().contains("pánico"), "{}", servicio.registros.texto());
}

async fn administrar(base: &BaseDePrueba, usuario: &str) -> String {
    let hecho = ejecutar(&["administrador", "conceder", usuario], &[("DATABASE_URL", &base.url())]).await;
    assert!(hecho.status.success(), "{}", String::from_utf8_lossy(&hecho.stderr));
    "hecho".to_owned()
}
