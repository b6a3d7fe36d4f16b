//! El código de validación: caduca, se agota, se pide otra vez, y cada intento cuenta.

use futures_util::future::join_all;
use reqwest::{Method, RequestBuilder};
use serde_json::json;

use crate::apoyo::{FilaBloqueada, Prueba};
use crate::comun::hasta;
use crate::comun::servicio::Respuesta;

/// Un código bien formado que no es el de nadie: el suyo nunca lleva un cero.
const AJENO: &str = "0000000000";

async fn validar(prueba: &Prueba, usuario: &str, codigo: &str) -> Respuesta {
    prueba.servicio.post(&format!("/clientes/usuario/{usuario}/validar"), &json!({"codigo": codigo})).await
}

async fn pedir(prueba: &Prueba, usuario: &str) -> Respuesta {
    prueba.servicio.ordenar(&format!("/clientes/usuario/{usuario}/codigo")).await
}

/// Los códigos que se le han entregado, en orden, cuando ya son tantos.
async fn codigos(prueba: &Prueba, usuario: &str, cuantos: usize) -> Vec<String> {
    let inicio = format!("Código de validación del usuario {usuario}: ");
    let entregados = || -> Vec<String> {
        let salida = prueba.servicio.salida.texto();
        salida.lines().filter_map(|linea| linea.strip_prefix(&inicio)).map(str::to_owned).collect()
    };
    hasta("los códigos", async || entregados().len() >= cuantos).await;
    assert_eq!(entregados().len(), cuantos);
    entregados()
}

/// Hace como si el código que vale se hubiera emitido entonces, según PostgreSQL.
async fn emitido_hace(prueba: &Prueba, usuario: &str, cuanto: &str) {
    let sql = format!("UPDATE usuarios SET codigo_emitido_en = now() - interval '{cuanto}' WHERE id = '{usuario}'");
    prueba.base.ordenar(&sql).await;
}

async fn fallos(prueba: &Prueba, usuario: &str) -> i64 {
    prueba.base.contar(&format!("SELECT codigo_fallos FROM usuarios WHERE id = '{usuario}'")).await
}

#[tokio::test]
async fn al_quinto_fallo_ya_no_vale_ni_el_bueno_hasta_pedir_otro() {
    let prueba = Prueba::nueva().await;
    let ana = prueba.registrar("ana@ejemplo.co").await;
    let bueno = prueba.servicio.codigo_de(&ana).await;
    for malo in [AJENO, "", &bueno[..9], "otra cosa", AJENO] {
        validar(&prueba, &ana, malo).await.problema(400, "codigo-incorrecto");
    }
    for codigo in [&bueno, AJENO] {
        let respuesta = validar(&prueba, &ana, codigo).await;
        let problema = respuesta.problema(409, "codigo-agotado");
        let error = "CodigoConIntentos - El código de validación se falló 5 veces y ya no vale. Pida otro.";
        assert_eq!(problema["error"], error);
    }
    assert_eq!(fallos(&prueba, &ana).await, 5);

    emitido_hace(&prueba, &ana, "61 s").await;
    let respuesta = pedir(&prueba, &ana).await;
    assert_eq!((respuesta.estado, &*respuesta.texto), (204, ""));
    let nuevo = codigos(&prueba, &ana, 2).await.remove(1);
    assert_ne!(nuevo, bueno);
    validar(&prueba, &ana, &bueno).await.problema(400, "codigo-incorrecto");
    assert_eq!(validar(&prueba, &ana, &nuevo).await.con(200)["estado"], "validado");
    assert_eq!(prueba.eventos("UsuarioValidado", &ana).await, 1);
}

#[tokio::test]
async fn un_codigo_caduca_un_dia_despues_de_emitirse() {
    let prueba = Prueba::nueva().await;
    let ana = prueba.registrar("ana@ejemplo.co").await;
    emitido_hace(&prueba, &ana, "23 h 59 min").await;
    validar(&prueba, &ana, AJENO).await.problema(400, "codigo-incorrecto");
    emitido_hace(&prueba, &ana, "24 h").await;
    let respuesta = validar(&prueba, &ana, AJENO).await;
    let problema = respuesta.problema(409, "codigo-caducado");
    assert_eq!(problema["error"], "CodigoVigente - El código de validación caducó. Pida otro.");
    pedir(&prueba, &ana).await.con(204);
    let nuevo = codigos(&prueba, &ana, 2).await.remove(1);
    validar(&prueba, &ana, &nuevo).await.con(200);
}

#[tokio::test]
async fn cuanto_vale_un_codigo_se_configura_y_caducado_no_sirve_ni_el_bueno() {
    let prueba = Prueba::con(&[("AEROALPES_CODIGO_S", "1")]).await;
    let ana = prueba.registrar("ana@ejemplo.co").await;
    let bueno = prueba.servicio.codigo_de(&ana).await;
    let paso = "SELECT count(*) FROM usuarios WHERE clock_timestamp() > fecha_creacion + interval '1 s'";
    hasta("que pase un segundo", async || prueba.base.contar(paso).await == 1).await;
    validar(&prueba, &ana, &bueno).await.problema(409, "codigo-caducado");
    assert_eq!(fallos(&prueba, &ana).await, 0);
}

#[tokio::test]
async fn no_se_entrega_mas_de_un_codigo_por_minuto_aunque_se_pidan_a_la_vez() {
    let prueba = Prueba::nueva().await;
    let ana = prueba.registrar("ana@ejemplo.co").await;
    let respuesta = pedir(&prueba, &ana).await;
    respuesta.problema(429, "codigo-reciente");
    let espera: u64 = respuesta.cabecera("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&espera), "{espera}");
    // El del registro sigue valiendo.
    let bueno = codigos(&prueba, &ana, 1).await.remove(0);

    let luis = prueba.registrar("luis@ejemplo.co").await;
    emitido_hace(&prueba, &luis, "61 s").await;
    let bloqueo = FilaBloqueada::nueva(&prueba.base, "usuarios", &luis).await;
    let (uno, otro, ()) = tokio::join!(pedir(&prueba, &luis), pedir(&prueba, &luis), async {
        prueba.base.esperar_bloqueadas(2).await;
        bloqueo.soltar().await;
    });
    let mut estados = [uno.estado, otro.estado];
    estados.sort_unstable();
    assert_eq!(estados, [204, 429]);
    let nuevo = codigos(&prueba, &luis, 2).await.remove(1);
    validar(&prueba, &luis, &nuevo).await.con(200);
    validar(&prueba, &ana, &bueno).await.con(200);
}

#[tokio::test]
async fn dos_intentos_simultaneos_cuentan_como_dos() {
    let prueba = Prueba::nueva().await;
    let ana = prueba.registrar("ana@ejemplo.co").await;
    let bloqueo = FilaBloqueada::nueva(&prueba.base, "usuarios", &ana).await;
    let (uno, otro, ()) = tokio::join!(validar(&prueba, &ana, AJENO), validar(&prueba, &ana, AJENO), async {
        prueba.base.esperar_bloqueadas(2).await;
        bloqueo.soltar().await;
    });
    for respuesta in [uno, otro] {
        respuesta.problema(400, "codigo-incorrecto");
    }
    assert_eq!(fallos(&prueba, &ana).await, 2);
}

#[tokio::test]
async fn de_muchos_intentos_a_la_vez_solo_se_miran_cinco() {
    let prueba = Prueba::nueva().await;
    let ana = prueba.registrar("ana@ejemplo.co").await;
    let intentos = join_all((0..20).map(|_| validar(&prueba, &ana, AJENO))).await;
    let cuantos = |estado| intentos.iter().filter(|respuesta| respuesta.estado == estado).count();
    assert_eq!((cuantos(400), cuantos(409)), (5, 15));
    assert_eq!(fallos(&prueba, &ana).await, 5);
}

#[tokio::test]
async fn solo_quien_esta_por_confirmar_pide_otro_codigo() {
    let prueba = Prueba::nueva().await;
    let (validado, desactivado) = (prueba.registrar("ana@ejemplo.co").await, prueba.sembrar_usuario().await);
    let bueno = prueba.servicio.codigo_de(&validado).await;
    validar(&prueba, &validado, &bueno).await.con(200);
    prueba.servicio.ordenar(&format!("/clientes/usuario/{desactivado}/desactivar")).await.con(200);
    for usuario in [&validado, &desactivado] {
        emitido_hace(&prueba, usuario, "61 s").await;
        pedir(&prueba, usuario).await.problema(409, "cambio-no-permitido");
    }
    codigos(&prueba, &validado, 1).await;
    codigos(&prueba, &desactivado, 0).await;
}

#[tokio::test]
async fn repetir_con_la_misma_clave_ni_cuenta_otro_intento_ni_entrega_otro_codigo() {
    let prueba = Prueba::nueva().await;
    let ana = prueba.registrar("ana@ejemplo.co").await;
    let ruta = format!("/clientes/usuario/{ana}");
    for _ in 0..3 {
        let con_clave = |s: RequestBuilder| s.header("idempotency-key", "intento").json(&json!({"codigo": AJENO}));
        let respuesta = prueba.servicio.pedir(Method::POST, &format!("{ruta}/validar"), con_clave).await;
        assert_eq!(respuesta.problema(400, "codigo-incorrecto")["puntero"], "/codigo");
    }
    assert_eq!(fallos(&prueba, &ana).await, 1);
    emitido_hace(&prueba, &ana, "61 s").await;
    for _ in 0..3 {
        let con_clave = |s: RequestBuilder| s.header("idempotency-key", "pedido");
        prueba.servicio.pedir(Method::POST, &format!("{ruta}/codigo"), con_clave).await.con(204);
    }
    codigos(&prueba, &ana, 2).await;
}
