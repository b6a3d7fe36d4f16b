//! El bus local sobre un PostgreSQL de verdad: un efecto por mensaje, orden por clave y nada que se pierda.

mod apoyo;
#[path = "../comun/mod.rs"]
mod comun;

use apoyo::Instancia;
use comun::anotar::numeros;
use comun::cosas;
use comun::{BaseDePrueba, hasta};

async fn terminados(base: &BaseDePrueba, cuantos: i64) {
    hasta("que terminen los comandos", async || {
        base.contar("SELECT count(*) FROM resultados_comando").await == cuantos
    })
    .await;
}

#[tokio::test]
async fn lo_aceptado_se_cumple_y_su_resultado_se_guarda() {
    let base = BaseDePrueba::nueva().await;
    let id = cosas::crear(&base).await;
    let instancia = Instancia::sobre(&base, true).await;
    let aceptado = instancia.despachar(id, 7).await;
    terminados(&base, 1).await;
    assert_eq!((aceptado.id, numeros(&base, id).await), (id, vec![7]));
    let sql = format!(
        "SELECT count(*) FROM resultados_comando WHERE id = '{}' AND rechazo IS NULL AND recurso = '/cosas/{id}'",
        aceptado.id_comando
    );
    assert_eq!(base.contar(&sql).await, 1);
    hasta("que el evento vuelva", async || {
        base.contar("SELECT count(*) FROM bandeja_entrada WHERE suscripcion = 'aeroalpes-sub-eventos'").await == 1
    })
    .await;
    hasta("que no quede nada por atender", async || base.contar("SELECT count(*) FROM entregas").await == 0).await;
    instancia.parar().await;
}

#[tokio::test]
async fn lo_aceptado_espera_a_quien_lo_cumpla() {
    let base = BaseDePrueba::nueva().await;
    let id = cosas::crear(&base).await;
    Instancia::sobre(&base, false).await.despachar(id, 7).await;
    let instancia = Instancia::sobre(&base, true).await;
    terminados(&base, 1).await;
    assert_eq!(numeros(&base, id).await, [7]);
    instancia.parar().await;
}

#[tokio::test]
async fn el_no_del_modulo_es_el_resultado() {
    let base = BaseDePrueba::nueva().await;
    let id = cosas::crear(&base).await;
    let instancia = Instancia::sobre(&base, true).await;
    instancia.despachar(id, -1).await;
    terminados(&base, 1).await;
    let sql = "SELECT count(*) FROM resultados_comando WHERE rechazo->>'codigo' = 'negativo' AND rechazo->>'clase' = 'conflicto'";
    assert_eq!(base.contar(sql).await, 1);
    assert_eq!(numeros(&base, id).await, Vec::<i64>::new());
    instancia.parar().await;
}

#[tokio::test]
async fn un_mensaje_entregado_otra_vez_no_tiene_otro_efecto() {
    let base = BaseDePrueba::nueva().await;
    let id = cosas::crear(&base).await;
    let instancia = Instancia::sobre(&base, true).await;
    instancia.despachar(id, 7).await;
    terminados(&base, 1).await;
    // Como si el proceso hubiera muerto entre confirmar el efecto y dar por atendida la entrega.
    let otra_vez = "INSERT INTO entregas (suscripcion, id_mensaje, topico, clave, tipo, datos, correlacion, traceparent, publicado_en) \
                    SELECT 'aeroalpes-sub-comandos', id::text, topico, clave, tipo, datos, correlacion, traceparent, now() \
                    FROM bandeja_salida WHERE topico = 'comandos-cosa' ON CONFLICT DO NOTHING";
    base.ordenar(otra_vez).await;
    instancia.despachar(id, 8).await;
    terminados(&base, 2).await;
    hasta("que no quede nada por atender", async || base.contar("SELECT count(*) FROM entregas").await == 0).await;
    assert_eq!(numeros(&base, id).await, [7, 8]);
    instancia.parar().await;
}

#[tokio::test]
async fn lo_ilegible_se_aparta_con_su_motivo_y_lo_siguiente_se_cumple() {
    let base = BaseDePrueba::nueva().await;
    let id = cosas::crear(&base).await;
    let instancia = Instancia::sobre(&base, true).await;
    for datos in ["\\x", "\\xffffff"] {
        let basura = format!(
            "INSERT INTO bandeja_salida (id, topico, clave, tipo, datos, ocurrido_en, correlacion, traceparent) \
             VALUES (gen_random_uuid(), 'comandos-cosa', '{id}', 'Anotar', '{datos}', now(), 'c', 't')"
        );
        base.ordenar(&basura).await;
    }
    instancia.despachar(id, 7).await;
    terminados(&base, 3).await;
    assert_eq!(numeros(&base, id).await, [7]);
    assert_eq!(base.contar("SELECT count(*) FROM letras_muertas WHERE motivo <> ''").await, 2);
    let apartados = "SELECT count(*) FROM resultados_comando WHERE rechazo->>'codigo' = 'mensaje-apartado'";
    assert_eq!(base.contar(apartados).await, 2);
    instancia.parar().await;
}

#[tokio::test]
async fn mil_mensajes_de_veinte_claves_llegan_en_orden_aunque_uno_falle() {
    let base = BaseDePrueba::nueva().await;
    let mut ids = Vec::new();
    for _ in 0..20 {
        ids.push(cosas::crear(&base).await);
    }
    let (una, otra) = (Instancia::sobre(&base, true).await, Instancia::sobre(&base, true).await);
    for numero in 100..150 {
        for id in &ids {
            una.despachar(*id, numero).await;
        }
    }
    let envenenada = ids[0];
    una.despachar(envenenada, 13).await;
    una.despachar(envenenada, 150).await;
    // El que falla no termina enseguida: se reintenta, y sólo espera su clave.
    hasta("que terminen los de las demás claves", async || {
        base.contar("SELECT count(*) FROM resultados_comando WHERE rechazo IS NULL").await >= 1_000
    })
    .await;
    let esperado: Vec<i64> = (100..150).collect();
    for id in &ids {
        assert_eq!(numeros(&base, *id).await, esperado, "{id}");
    }
    // Agotados los intentos, se aparta y su clave sigue.
    base.ordenar("UPDATE entregas SET intentos = 8, proximo_intento = now()").await;
    terminados(&base, 1_002).await;
    assert_eq!(numeros(&base, envenenada).await.last(), Some(&150));
    una.parar().await;
    otra.parar().await;
}

#[tokio::test]
async fn los_carriles_de_quien_se_calla_pasan_a_otra_instancia() {
    let base = BaseDePrueba::nueva().await;
    let id = cosas::crear(&base).await;
    let una = Instancia::sobre(&base, true).await;
    let todos = "SELECT count(*) FROM carriles WHERE dueno IS NOT NULL";
    hasta("que alguien los tome", async || base.contar(todos).await == 16).await;
    // Como kill -9: nadie late ni suelta nada.
    una.matar();
    let otra = Instancia::sobre(&base, true).await;
    otra.despachar(id, 7).await;
    terminados(&base, 1).await;
    assert_eq!(numeros(&base, id).await, [7]);
    otra.parar().await;
    assert_eq!(base.contar("SELECT count(*) FROM carriles WHERE dueno IS NOT NULL").await, 0);
}

#[tokio::test]
async fn dos_instancias_se_reparten_los_carriles() {
    let base = BaseDePrueba::nueva().await;
    let (una, otra) = (Instancia::sobre(&base, true).await, Instancia::sobre(&base, true).await);
    let mitades = "SELECT count(*) FROM (SELECT dueno FROM carriles WHERE dueno IS NOT NULL GROUP BY dueno HAVING count(*) = 8) x";
    hasta("que cada una tenga la mitad", async || base.contar(mitades).await == 2).await;
    una.parar().await;
    hasta("que la otra los tenga todos", async || {
        base.contar("SELECT count(DISTINCT dueno) * 100 + count(*) FROM carriles WHERE dueno IS NOT NULL").await == 116
    })
    .await;
    otra.parar().await;
}
