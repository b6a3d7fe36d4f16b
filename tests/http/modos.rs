//! El modo abierto y el cerrado: dónde puede escuchar cada uno, y lo que no sirve para configurarlos.

use crate::apoyo::{Prueba, reserva};
use crate::cerrado::CLAVE;
use crate::comun::BaseDePrueba;
use crate::comun::servicio::{Servicio, ejecutar};

const EN_RED: (&str, &str) = ("AEROALPES_ESCUCHA", "0.0.0.0:0");
const AVISO: &str = "modo abierto fuera del bucle local";

#[tokio::test]
async fn el_modo_abierto_no_escucha_en_la_red_si_no_se_dice_en_voz_alta() {
    let base = BaseDePrueba::vacia().await;
    let url = ("DATABASE_URL", base.url());
    for escucha in ["0.0.0.0:0", "[::]:0", "192.0.2.1:5000"] {
        for permiso in [("AEROALPES_ABIERTO_EN_RED", ""), ("AEROALPES_ABIERTO_EN_RED", "no")] {
            let entorno = [(url.0, url.1.as_str()), ("AEROALPES_ESCUCHA", escucha), permiso];
            let fin = ejecutar(&["servir"], &entorno).await;
            let error = String::from_utf8(fin.stderr).unwrap();
            assert_eq!(fin.status.code(), Some(1), "{error}");
            assert!(error.contains(&format!("AEROALPES_ESCUCHA = «{escucha}»")), "{error}");
            assert!(error.contains("AEROALPES_MODO=cerrado") && error.contains("--abierto-en-red"), "{error}");
        }
    }
    assert_eq!(base.contar("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").await, 0);
}

#[tokio::test]
async fn dicho_en_voz_alta_escucha_en_la_red_y_deja_un_aviso() {
    let prueba = Prueba::con(&[EN_RED, ("AEROALPES_ABIERTO_EN_RED", "si")]).await;
    assert!(prueba.servicio.direccion().starts_with("0.0.0.0:"));
    prueba.servicio.registros.esperar(AVISO).await;
    prueba.servicio.post("/vuelos/reserva", &reserva()).await.con(200);
}

#[tokio::test]
async fn la_opcion_hace_lo_mismo_que_la_variable() {
    let base = BaseDePrueba::vacia().await;
    let argumentos = ["servir", "--abierto-en-red", "--escucha", "0.0.0.0:0"];
    let servicio = Servicio::arrancar_con(&base, &argumentos, &[]).await;
    servicio.registros.esperar(AVISO).await;
}

#[tokio::test]
async fn el_modo_cerrado_escucha_donde_sea_y_el_abierto_en_el_bucle_local_sin_avisar() {
    let cerrado = Prueba::con(&[EN_RED, ("AEROALPES_MODO", "cerrado")]).await;
    cerrado.servicio.get("/vuelos/reserva").await.problema(401, "falta-ficha");
    let abierto = Prueba::con(&[("AEROALPES_MODO", "abierto"), ("AEROALPES_ABIERTO_EN_RED", "si")]).await;
    for prueba in [cerrado, abierto] {
        prueba.servicio.get("/health/live").await.con(200);
        prueba.servicio.registros.esperar("/health/live").await;
        assert!(!prueba.servicio.registros.texto().contains(AVISO));
    }
}

#[tokio::test]
async fn lo_que_no_sirve_para_cerrarlo_detiene_el_arranque() {
    let base = ("DATABASE_URL", "postgres://nadie@127.0.0.1:1/nada");
    for (variable, valor, esperado) in [
        ("AEROALPES_MODO", "medio", "abierto o cerrado"),
        ("AEROALPES_ABIERTO_EN_RED", "quizás", "si o sí o no"),
        ("AEROALPES_INTENTOS_CUENTA", "0", "un número de 1 a 100000"),
        ("AEROALPES_INTENTOS_DIRECCION", "muchos", "un número de 1 a 100000"),
        ("AEROALPES_INTERMEDIARIOS", "11", "un número de 0 a 10"),
        ("AEROALPES_FICHA_S", "0", "un número de 1 a 2592000"),
        ("AEROALPES_ROTACION_S", "-1", "un número de 1 a 31536000"),
    ] {
        let fin = ejecutar(&["servir"], &[base, (variable, valor)]).await;
        let error = String::from_utf8(fin.stderr).unwrap();
        assert_eq!(error, format!("aeroalpes: {variable} = «{valor}»: se esperaba {esperado}\n"));
    }
    for mala in [&CLAVE[..31], &format!("{CLAVE} con espacios"), &format!("{CLAVE}ñ"), &CLAVE.repeat(20)] {
        let fin = ejecutar(&["servir"], &[base, ("AEROALPES_CLAVE_SERVICIO", mala)]).await;
        let error = String::from_utf8(fin.stderr).unwrap();
        assert!(error.starts_with("aeroalpes: AEROALPES_CLAVE_SERVICIO: se esperaba una clave de 32"), "{error}");
        assert!(!error.contains(&CLAVE[..31]), "{error}");
    }
}

#[tokio::test]
async fn la_prueba_final_se_hace_en_modo_cerrado_con_la_clave_de_servicio() {
    let clave = ("AEROALPES_CLAVE_SERVICIO", CLAVE);
    let prueba = Prueba::con(&[("AEROALPES_MODO", "cerrado"), clave]).await;
    let url = format!("http://{}", prueba.servicio.direccion());
    let fin = ejecutar(&["prueba-final", &url], &[clave]).await;
    let salida = String::from_utf8(fin.stdout).unwrap();
    assert!(fin.status.success() && salida.contains(" 0 fallas"), "{salida}");
    assert!(!salida.contains(CLAVE), "{salida}");
    assert_eq!(ejecutar(&["prueba-final", &url], &[]).await.status.code(), Some(1));
}
