//! La línea de órdenes y la configuración.

use std::process::Output;

use tokio::net::TcpListener;

use crate::apoyo::Prueba;
use crate::comun::BaseDePrueba;
use crate::comun::servicio::{Servicio, ejecutar};

fn salida(fin: &Output) -> String {
    String::from_utf8(fin.stdout.clone()).unwrap()
}

fn errores(fin: &Output) -> String {
    String::from_utf8(fin.stderr.clone()).unwrap()
}

/// Comprueba que el servicio no arranca y que lo dice en una línea.
async fn no_arranca(entorno: &[(&str, &str)], motivo: &str) {
    let fin = ejecutar(&["servir"], entorno).await;
    assert_eq!(fin.status.code(), Some(1), "{}", errores(&fin));
    assert_eq!(errores(&fin), format!("aeroalpes: {motivo}\n"));
    assert_eq!(salida(&fin), "");
}

#[tokio::test]
async fn una_variable_que_no_sirve_detiene_el_arranque_y_se_explica() {
    let direccion = "dirección:puerto, por ejemplo 127.0.0.1:5000";
    let milisegundos = "un número de 1 a 3600000";
    for (variable, valor, esperado) in [
        ("AEROALPES_ESCUCHA", "aquí", direccion),
        ("AEROALPES_ESCUCHA", "5000", direccion),
        ("AEROALPES_ESCUCHA", "127.0.0.1:70000", direccion),
        ("AEROALPES_CONEXIONES", "0", "un número de 1 a 1000"),
        ("AEROALPES_CONEXIONES", "muchas", "un número de 1 a 1000"),
        ("AEROALPES_CONEXIONES_LECTURA", "1001", "un número de 1 a 1000"),
        ("AEROALPES_ORDENES", "0", "un número de 1 a 10000"),
        ("AEROALPES_ACEPTACIONES", "0", "un número de 1 a 10000"),
        ("AEROALPES_HILOS", "0", "un número de 1 a 1024"),
        ("AEROALPES_CONSULTAS", "10001", "un número de 1 a 10000"),
        ("AEROALPES_EN_ESPERA", "-1", "un número de 0 a 100000"),
        ("AEROALPES_TURNO_MS", "0", milisegundos),
        ("AEROALPES_LOCK_TIMEOUT_MS", "-1", milisegundos),
        ("AEROALPES_LOCK_TIMEOUT_MS", "20000", "menos que AEROALPES_SENTENCIA_MS y que AEROALPES_ORDEN_MS"),
        ("AEROALPES_POSTGRES_DESCARGA", "quizás", "si o sí o no"),
        ("AEROALPES_SENTENCIA_MS", "1.5", milisegundos),
        ("AEROALPES_TRANSACCION_OCIOSA_MS", "3600001", milisegundos),
        ("AEROALPES_ORDEN_MS", "x", milisegundos),
        ("AEROALPES_CIERRE_MS", "0", milisegundos),
        ("AEROALPES_CODIGO_S", "0", "un número de 1 a 2592000"),
        ("PULSAR_ADDRESS", "servidor:6650", "el nombre de un servidor, sin puerto"),
        ("BROKER_HOST", "dos palabras", "el nombre de un servidor, sin puerto"),
        ("AEROALPES_GUARDAR_RECIBIDOS_DIAS", "7", "un número de 8 a 36500"),
        ("AEROALPES_GUARDAR_RESULTADOS_DIAS", "7", "un número de 8 a 36500"),
        ("AEROALPES_GUARDAR_HISTORIAS_DIAS", "7", "un número de 8 a 36500"),
        ("RUST_LOG", "aeroalpes=mucho", "un filtro, por ejemplo info o aeroalpes=debug,info"),
    ] {
        let datos = ("DATABASE_URL", "postgres://nadie@127.0.0.1:1/nada");
        no_arranca(&[datos, (variable, valor)], &format!("{variable} = «{valor}»: se esperaba {esperado}")).await;
    }
}

#[tokio::test]
async fn el_valor_de_un_secreto_no_se_muestra() {
    let oculto = "(el valor no se muestra: puede llevar una contraseña)";
    for mala in ["mysql://yo:secreto@x/y", "secreto", "postgres://yo:secreto@x:puerto/y"] {
        let esperado = "una URL de PostgreSQL, por ejemplo postgres://usuario@servidor:5432/base";
        no_arranca(&[("DATABASE_URL", mala)], &format!("DATABASE_URL: se esperaba {esperado} {oculto}")).await;
    }
    let esperado = "la dirección de un bróker, por ejemplo pulsar://localhost:6650";
    let base = ("DATABASE_URL", "postgres://nadie@127.0.0.1:1/nada");
    let broker = ("PULSAR_URL", "http://yo:secreto@x");
    no_arranca(&[base, broker], &format!("PULSAR_URL: se esperaba {esperado} {oculto}")).await;
}

#[tokio::test]
async fn sin_base_de_datos_el_servicio_no_arranca_y_no_dice_la_contrasena() {
    let libre = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let url = format!("postgres://yo:secreto@{libre}/nada");
    let fin = ejecutar(&["servir"], &[("DATABASE_URL", &url), ("AEROALPES_ESCUCHA", "127.0.0.1:0")]).await;
    assert_eq!(fin.status.code(), Some(1));
    assert!(errores(&fin).contains("no se pudo conectar con la base de datos"), "{}", errores(&fin));
    assert!(!errores(&fin).contains("secreto") && !salida(&fin).contains("secreto"));
}

#[tokio::test]
async fn un_puerto_ocupado_se_dice() {
    let base = BaseDePrueba::vacia().await;
    let ocupado = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let direccion = ocupado.local_addr().unwrap().to_string();
    let fin = ejecutar(&["servir"], &[("DATABASE_URL", &base.url()), ("AEROALPES_ESCUCHA", &direccion)]).await;
    assert_eq!(fin.status.code(), Some(1));
    let motivo = format!("aeroalpes: no se puede escuchar en {direccion}");
    assert!(errores(&fin).starts_with(&motivo), "{}", errores(&fin));
}

#[tokio::test]
async fn la_ayuda_esta_en_espanol() {
    let general = ejecutar(&["--help"], &[]).await;
    assert_eq!((general.status.code(), errores(&general)), (Some(0), String::new()));
    for parte in ["AeroAlpes: reservas", "Uso: aeroalpes <ORDEN>", "Órdenes:", "Opciones:", "variables de entorno"] {
        assert!(salida(&general).contains(parte), "{}", salida(&general));
    }
    let ordenes =
        ["servir", "migrar", "purgar", "letras-muertas", "administrador", "postgres", "salud", "prueba-final"];
    for orden in ordenes {
        assert!(salida(&general).contains(&format!("\n  {orden} ")), "falta {orden}: {}", salida(&general));
        let ayuda = ejecutar(&[orden, "--help"], &[]).await;
        assert_eq!(ayuda.status.code(), Some(0));
        let texto = salida(&ayuda);
        assert!(texto.contains(&format!("Uso: aeroalpes {orden}")), "{texto}");
        for ajena in ["Usage", "Options", "Commands", "Print", "default", "Arguments"] {
            assert!(!texto.contains(ajena) && !salida(&general).contains(ajena), "{ajena} en {texto}");
        }
    }
}

#[tokio::test]
async fn la_version_es_la_del_paquete() {
    for bandera in ["--version", "-V"] {
        let fin = ejecutar(&[bandera], &[]).await;
        assert_eq!(fin.status.code(), Some(0));
        assert_eq!(salida(&fin), format!("aeroalpes {}\n", env!("CARGO_PKG_VERSION")));
    }
}

#[tokio::test]
async fn lo_que_el_programa_suelta_vuelve_al_sistema_en_un_segundo() {
    // jemalloc cuenta con qué se construyó al salir.
    let fin = ejecutar(&["--version"], &[("_RJEM_MALLOC_CONF", "stats_print:true")]).await;
    let ajustes = errores(&fin);
    assert!(ajustes.contains("opt.dirty_decay_ms: 1000 "), "{ajustes}");
}

#[tokio::test]
async fn lo_que_no_se_entiende_se_explica_y_sale_con_2() {
    for (argumentos, motivo) in [
        (&["volar"][..], "no existe la orden «volar»"),
        (&["servir", "--rapido"], "no existe la opción «--rapido»"),
        (&["administrador", "conceder", "x"], "el valor «x» no sirve para <ID>"),
        (&["administrador", "retirar"], "falta <ID>"),
        (&["administrador", "quitar"], "no existe la orden «quitar»"),
        (&["postgres", "--puerto", "x"], "el valor «x» no sirve para --puerto <PUERTO>"),
        (&["letras-muertas", "borrar"], "no existe la orden «borrar»"),
        (&["letras-muertas", "ver"], "falta <ID>"),
        (&["letras-muertas", "reintentar"], "falta <ID>..."),
        (&["letras-muertas", "reintentar", "1", "--todas"], "[ID]... y --todas no van juntos"),
        (&["letras-muertas", "reintentar", "1", "--topico", "x"], "[ID]... y --topico <TÓPICO> no van juntos"),
        (&["letras-muertas", "reintentar", "--topico", "x"], "falta --todas, <ID>..."),
        (&["letras-muertas", "descartar", "1"], "falta --porque <TEXTO>"),
        (&["letras-muertas", "listar", "--limite", "0"], "el valor «0» no sirve para --limite <NÚMERO>"),
    ] {
        let fin = ejecutar(argumentos, &[]).await;
        assert_eq!(fin.status.code(), Some(2));
        assert_eq!(errores(&fin), format!("aeroalpes: {motivo}. «aeroalpes --help» muestra la ayuda.\n"));
    }
    let nada = ejecutar(&[], &[]).await;
    assert_eq!(nada.status.code(), Some(2));
    assert!(errores(&nada).contains("Uso: aeroalpes <ORDEN>"), "{}", errores(&nada));
}

#[tokio::test]
async fn la_opcion_de_escucha_manda_sobre_la_variable() {
    let libre = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().to_string();
    let fin = ejecutar(&["servir", "--escucha", "mal"], &[("AEROALPES_ESCUCHA", &libre)]).await;
    assert_eq!(fin.status.code(), Some(1));
    assert!(errores(&fin).starts_with("aeroalpes: --escucha = «mal»: se esperaba "), "{}", errores(&fin));
}

#[tokio::test]
async fn la_carpeta_de_datos_y_una_base_ajena_no_van_juntas() {
    let fin =
        ejecutar(&["servir", "--datos", "/x"], &[("DATABASE_URL", "postgres://yo:secreto@127.0.0.1:1/nada")]).await;
    assert_eq!(fin.status.code(), Some(1));
    let motivo = "--datos = «/x»: se esperaba que DATABASE_URL no esté definida: sólo la base embebida tiene carpeta";
    assert_eq!(errores(&fin), format!("aeroalpes: {motivo}\n"));
}

#[tokio::test]
async fn migrar_pone_al_dia_el_esquema_y_se_puede_repetir() {
    let base = BaseDePrueba::vacia().await;
    for _ in 0..2 {
        let fin = ejecutar(&["migrar"], &[("DATABASE_URL", &base.url())]).await;
        assert_eq!((fin.status.code(), salida(&fin)), (Some(0), "El esquema está al día.\n".into()));
    }
    assert_eq!(base.contar("SELECT count(*) FROM reservas").await, 0);
}

#[tokio::test]
async fn el_servicio_arranca_y_atiende_aunque_el_broker_no_exista() {
    let base = BaseDePrueba::vacia().await;
    let servicio = Servicio::arrancar(&base, &[("PULSAR_URL", "pulsar://127.0.0.1:1")]).await;
    servicio.post("/vuelos/reserva", &crate::apoyo::reserva()).await.con(200);
    assert_eq!(base.contar("SELECT count(*) FROM bandeja_salida").await, 1);
}

#[tokio::test]
async fn de_pulsar_no_se_prescinde_sin_vaciarlo() {
    let base = BaseDePrueba::vacia().await;
    let url = ("PULSAR_URL", "pulsar://127.0.0.1:1");
    drop(Servicio::arrancar(&base, &[url]).await);
    let fin = ejecutar(&["servir", "--escucha", "127.0.0.1:0"], &[("DATABASE_URL", &base.url())]).await;
    assert_eq!(fin.status.code(), Some(1));
    assert!(errores(&fin).contains("Pulsar puede tener mensajes por recibir"), "{}", errores(&fin));
    let servicio = Servicio::arrancar(&base, &[url, ("AEROALPES_BUS", "local")]).await;
    servicio.post("/vuelos/reserva-comando", &crate::apoyo::reserva()).await.con(202);
    crate::comun::hasta("que se cumpla por el bus local", async || {
        base.contar("SELECT count(*) FROM reservas").await == 1
    })
    .await;
}

#[tokio::test]
async fn la_salida_dice_donde_estan_los_datos_sin_la_contrasena() {
    let prueba = Prueba::nueva().await;
    let datos = prueba.servicio.salida.esperar("Datos: PostgreSQL en ").await;
    let url = prueba.base.url();
    let contrasena = url.split_once("://").unwrap().1.split_once('@').unwrap().0.split_once(':').unwrap().1;
    assert!(!contrasena.is_empty() && !datos.contains(contrasena));
    assert!(!prueba.servicio.registros.texto().contains(contrasena));
}

#[tokio::test]
async fn salud_sin_servicio_falla_y_lo_dice() {
    let libre = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().to_string();
    let fin = ejecutar(&["salud"], &[("AEROALPES_ESCUCHA", &libre)]).await;
    assert_eq!(fin.status.code(), Some(1));
    assert!(errores(&fin).starts_with("aeroalpes: no hay respuesta del servicio"), "{}", errores(&fin));
}
