//! El fondo de conexiones: cuántas hay, cuáles se devuelven y qué pasa cuando PostgreSQL las corta.

mod comun;

use aeroalpes::seedwork::dominio::repositorios::Falla;
use aeroalpes::seedwork::infraestructura::conexiones::{Arriendo, Conexiones};
use comun::BaseDePrueba;

async fn pid(arriendo: &mut Arriendo) -> Result<i32, Falla> {
    let leido = sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(arriendo.conexion()?).await;
    arriendo.acabar(leido)
}

async fn usar(conexiones: &Conexiones) -> Result<i32, Falla> {
    let mut arriendo = conexiones.arrendar().await?;
    let leido = pid(&mut arriendo).await;
    arriendo.devolver();
    leido
}

#[tokio::test]
async fn lo_devuelto_se_vuelve_a_dar() {
    let base = BaseDePrueba::nueva().await;
    let conexiones = base.conexiones(4);
    assert_eq!(usar(&conexiones).await.unwrap(), usar(&conexiones).await.unwrap());
}

#[tokio::test]
async fn lo_soltado_sin_devolver_se_cierra() {
    let base = BaseDePrueba::nueva().await;
    let conexiones = base.conexiones(4);
    let mut arriendo = conexiones.arrendar().await.unwrap();
    let primero = pid(&mut arriendo).await.unwrap();
    drop(arriendo);
    assert_ne!(usar(&conexiones).await.unwrap(), primero);
    comun::hasta("que se cierre la soltada", async || base.nuestras().await == 1).await;
}

#[tokio::test]
async fn sin_conexiones_libres_se_espera_y_luego_se_dice() {
    let base = BaseDePrueba::nueva().await;
    let conexiones = base.conexiones(1);
    let arriendo = conexiones.arrendar().await.unwrap();
    assert!(matches!(conexiones.arrendar().await, Err(Falla::Saturada)));
    arriendo.devolver();
    usar(&conexiones).await.unwrap();
}

#[tokio::test]
async fn tras_un_corte_la_primera_falla_y_las_demas_se_reponen() {
    let base = BaseDePrueba::nueva().await;
    let conexiones = base.conexiones(4);
    let mut arriendos = Vec::new();
    for _ in 0..4 {
        let mut arriendo = conexiones.arrendar().await.unwrap();
        pid(&mut arriendo).await.unwrap();
        arriendos.push(arriendo);
    }
    arriendos.into_iter().for_each(Arriendo::devolver);
    base.cortar_las_nuestras().await;
    let falla = usar(&conexiones).await.unwrap_err();
    assert!(matches!(falla, Falla::Desconectada(_)), "{falla:?}");
    for _ in 0..4 {
        usar(&conexiones).await.unwrap();
    }
}
