//! Lo que coincide en el tiempo, junto: las unidades de trabajo que sólo insertan y las lecturas por identidad, sobre un
//! PostgreSQL de verdad.

mod comun;

use std::sync::Arc;
use std::time::Duration;

use aeroalpes::seedwork::aplicacion::contexto::Contexto;
use aeroalpes::seedwork::aplicacion::unidad_trabajo::{Fabrica, UnidadTrabajo};
use aeroalpes::seedwork::dominio::repositorios::Falla;
use aeroalpes::seedwork::infraestructura::sentencias::Escritura;
use comun::BaseDePrueba;
use comun::cosas::{self, CosaCambiada, Fabrica as FabricaCosas};
use futures_util::future::join_all;
use sqlx::{Executor, PgConnection};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use uuid::Uuid;

/// Lo más que se espera a lo que debe terminar.
const PLAZO: Duration = Duration::from_mins(1);

/// Una base cuya tabla `cosas` no admite inserciones hasta que se suelte la conexión, y una cosa que ya existe.
async fn con_la_tabla_cerrada() -> (BaseDePrueba, Arc<FabricaCosas>, Uuid, PgConnection) {
    let base = BaseDePrueba::nueva().await;
    let existe = cosas::crear(&base).await;
    let fabrica = Arc::new(cosas::fabrica(&base, 4));
    let mut cerrojo = base.conectar().await;
    cerrojo.execute("BEGIN; LOCK TABLE cosas IN SHARE MODE").await.unwrap();
    (base, fabrica, existe, cerrojo)
}

/// Crea una cosa, con su evento, en una unidad de trabajo propia.
fn crear(fabrica: &Arc<FabricaCosas>, id: Uuid) -> JoinHandle<Result<(), Falla>> {
    let fabrica = Arc::clone(fabrica);
    tokio::spawn(async move {
        let mut udt = fabrica.abrir(Contexto::nuevo("correlación".into(), "traza".into()));
        udt.anotar(cosas::insercion(id, 7)).await?;
        udt.anotar_evento(CosaCambiada { id }).unwrap();
        udt.confirmar().await
    })
}

async fn terminan(unidades: Vec<JoinHandle<Result<(), Falla>>>) -> Vec<Result<(), Falla>> {
    let todas = timeout(PLAZO, join_all(unidades)).await.expect("no terminaron");
    todas.into_iter().map(Result::unwrap).collect()
}

#[tokio::test]
async fn las_que_coinciden_se_confirman_en_pocas_transacciones() {
    let (base, fabrica, _, cerrojo) = con_la_tabla_cerrada().await;
    let ids: Vec<_> = (0..40).map(|_| Uuid::now_v7()).collect();
    let unidades: Vec<_> = ids.iter().map(|id| crear(&fabrica, *id)).collect();
    base.esperar_bloqueadas(1).await;
    drop(cerrojo);
    assert!(terminan(unidades).await.iter().all(Result::is_ok));
    let sql =
        "SELECT count(*) FROM cosas c JOIN bandeja_salida s ON s.clave = c.id WHERE c.valor = 7 AND c.xmin = s.xmin";
    assert_eq!(base.contar(sql).await, 40, "cada una con su mensaje, en la misma transacción");
    let transacciones = base.contar("SELECT count(DISTINCT xmin::text) FROM cosas WHERE valor = 7").await;
    assert!(transacciones <= 5, "{transacciones} transacciones para 40 unidades");
}

#[tokio::test]
async fn la_que_choca_no_arrastra_a_las_que_iban_con_ella() {
    let (base, fabrica, existe, cerrojo) = con_la_tabla_cerrada().await;
    let ids: Vec<_> = (0..12).map(|n| if n == 5 { existe } else { Uuid::now_v7() }).collect();
    let unidades: Vec<_> = ids.iter().map(|id| crear(&fabrica, *id)).collect();
    base.esperar_bloqueadas(1).await;
    drop(cerrojo);
    for (id, fin) in ids.iter().zip(terminan(unidades).await) {
        match fin {
            Ok(()) => assert_ne!(*id, existe),
            Err(Falla::Duplicado { restriccion }) => assert!(*id == existe && restriccion == "cosas_pkey"),
            Err(otra) => panic!("{otra:?}"),
        }
    }
    assert_eq!(base.contar("SELECT count(*) FROM cosas WHERE valor = 7").await, 11);
    assert_eq!(base.contar("SELECT count(*) FROM bandeja_salida").await, 11);
}

#[tokio::test]
async fn la_que_se_detiene_no_detiene_a_las_demas() {
    let (base, fabrica, _, cerrojo) = con_la_tabla_cerrada().await;
    let detenida = crear(&fabrica, Uuid::now_v7());
    base.esperar_bloqueadas(1).await;
    let mut otra = fabrica.abrir(Contexto::nuevo("correlación".into(), "traza".into()));
    otra.anotar(cosas::numero(Uuid::now_v7(), 1)).await.unwrap();
    timeout(PLAZO, otra.confirmar()).await.expect("esperó a la que estaba detenida").unwrap();
    assert!(!detenida.is_finished());
    drop(cerrojo);
    assert!(terminan(vec![detenida]).await[0].is_ok());
}

#[tokio::test]
async fn sin_base_lo_saben_todas() {
    let (base, fabrica, _, cerrojo) = con_la_tabla_cerrada().await;
    drop(cerrojo);
    base.cerrar().await;
    let unidades: Vec<_> = (0..6).map(|_| crear(&fabrica, Uuid::now_v7())).collect();
    for fin in terminan(unidades).await {
        assert!(matches!(fin, Err(Falla::Inaccesible(_) | Falla::Desconectada(_))), "{fin:?}");
    }
    base.abrir().await;
    assert_eq!(base.contar("SELECT count(*) FROM cosas WHERE valor = 7").await, 0);
}

#[tokio::test]
async fn un_plan_hecho_con_la_tabla_vacia_sirve_con_ella_llena() {
    let base = BaseDePrueba::nueva().await;
    cosas::crear(&base).await;
    base.ordenar("ALTER TABLE cosas SET (autovacuum_enabled = off)").await;
    base.ordenar("DELETE FROM cosas").await;
    base.ordenar("VACUUM ANALYZE cosas").await;
    let fabrica = cosas::fabrica(&base, 1);
    // Después de unas cuantas, PostgreSQL se queda con un plan para todas.
    for _ in 0..10 {
        borrar(&fabrica, Uuid::now_v7()).await;
    }
    base.ordenar("INSERT INTO cosas SELECT gen_random_uuid(), 3, 1 FROM generate_series(1, 10000)").await;
    let id = Uuid::now_v7();
    base.ordenar(&format!("INSERT INTO cosas VALUES ('{id}', 3, 1)")).await;
    // Lo mirado en la tabla y en su índice por esta sesión y las que ya terminaron.
    let mirado = "SELECT (SELECT seq_tup_read FROM pg_stat_user_tables WHERE relname = 'cosas') \
                  + (SELECT sum(idx_tup_read) FROM pg_stat_user_indexes WHERE relname = 'cosas')::bigint";
    let antes = base.contar(mirado).await;
    borrar(&fabrica, id).await;
    drop(fabrica);
    comun::hasta("que conste", async || base.contar(mirado).await > antes).await;
    let mirado = base.contar(mirado).await - antes;
    assert!(mirado < 100, "para borrar una fila se miraron {mirado}");
}

/// Borra una cosa por su identidad, esté o no.
async fn borrar(fabrica: &FabricaCosas, id: Uuid) {
    let mut udt = fabrica.abrir(Contexto::nuevo("correlación".into(), "traza".into()));
    udt.anotar(Escritura::borrado("cosas", id, ("id", id.into()))).await.unwrap();
    udt.confirmar().await.unwrap();
}

#[tokio::test]
async fn las_lecturas_que_coinciden_responden_cada_una_lo_suyo() {
    const SQL: &str = "SELECT id, valor FROM cosas WHERE id = ANY($1)";
    let base = BaseDePrueba::nueva().await;
    let (una, otra, ninguna) = (cosas::crear(&base).await, cosas::crear(&base).await, Uuid::now_v7());
    base.ordenar(&format!("UPDATE cosas SET valor = 9 WHERE id = '{otra}'")).await;
    let lector = cosas::fabrica(&base, 1).lector();
    let pedidas = [una, otra, ninguna, una, otra, una].into_iter().cycle().take(60);
    let leidas = join_all(pedidas.clone().map(|id| lector.leer_por_id::<(Uuid, i32)>(SQL, id))).await;
    for (id, leida) in pedidas.zip(leidas) {
        let valor = if id == otra { 9 } else { 0 };
        assert_eq!(leida.unwrap(), (id != ninguna).then_some((id, valor)));
    }
    let sin_tabla = lector.leer_por_id::<(Uuid, i32)>("SELECT id FROM no_hay WHERE id = ANY($1)", una).await;
    assert!(matches!(sin_tabla, Err(Falla::Interna(_))));
}
