//! La unidad de trabajo sobre un PostgreSQL de verdad: qué escribe, cuándo, y qué no deja a medias.

mod comun;

use std::time::Duration;

use aeroalpes::seedwork::aplicacion::contexto::Contexto;
use aeroalpes::seedwork::aplicacion::recepcion::{Fin, Recepcion};
use aeroalpes::seedwork::aplicacion::unidad_trabajo::{Fabrica, UnidadTrabajo};
use aeroalpes::seedwork::dominio::repositorios::Falla;
use aeroalpes::seedwork::infraestructura::unidad_trabajo_pg::UnidadTrabajoPg;
use comun::BaseDePrueba;
use comun::cosas::{self, Bloquea, CosaCambiada, Fabrica as FabricaCosas};
use tokio::time::timeout;
use uuid::Uuid;

fn abrir(fabrica: &FabricaCosas) -> UnidadTrabajoPg<()> {
    fabrica.abrir(Contexto::nuevo("correlación".into(), "traza".into()))
}

async fn preparar() -> (BaseDePrueba, FabricaCosas, Uuid) {
    let base = BaseDePrueba::nueva().await;
    let id = cosas::crear(&base).await;
    let fabrica = cosas::fabrica(&base, 4);
    (base, fabrica, id)
}

#[tokio::test]
async fn lo_escrito_y_su_mensaje_quedan_juntos() {
    let (base, fabrica, _) = preparar().await;
    let (mut udt, id) = (abrir(&fabrica), Uuid::now_v7());
    udt.anotar(cosas::insercion(id, 7)).await.unwrap();
    udt.anotar_evento(CosaCambiada { id }).unwrap();
    assert_eq!(cosas::valor(&base, id).await, None, "nada se escribe antes de confirmar");
    udt.confirmar().await.unwrap();
    assert_eq!(cosas::valor(&base, id).await, Some(7));
    let sql = format!(
        "SELECT count(*) FROM bandeja_salida WHERE clave = '{id}' AND correlacion = 'correlación' AND traceparent = 'traza'"
    );
    assert_eq!(base.contar(&sql).await, 1);
}

#[tokio::test]
async fn una_insercion_que_falla_no_deja_ni_su_mensaje() {
    let (base, fabrica, id) = preparar().await;
    let mut udt = abrir(&fabrica);
    udt.anotar(cosas::insercion(id, 7)).await.unwrap();
    udt.anotar_evento(CosaCambiada { id }).unwrap();
    let falla = udt.confirmar().await.unwrap_err();
    assert!(matches!(falla, Falla::Duplicado { restriccion } if restriccion == "cosas_pkey"));
    assert_eq!(base.contar("SELECT count(*) FROM bandeja_salida").await, 0);
}

#[tokio::test]
async fn el_bloqueo_pesimista_hace_esperar_y_deja_ver_lo_ultimo() {
    let (base, fabrica, id) = preparar().await;
    let mut primera = abrir(&fabrica);
    assert_eq!(cosas::leer(&mut primera, id, Bloquea::Si).await.unwrap(), (0, 1));
    let mut segunda = abrir(&fabrica);
    let espera = tokio::spawn(async move {
        let leida = cosas::leer(&mut segunda, id, Bloquea::Si).await;
        segunda.deshacer().await;
        leida
    });
    base.esperar_bloqueadas(1).await;
    primera.anotar(cosas::cambio(id, 5, 1)).await.unwrap();
    primera.confirmar().await.unwrap();
    assert_eq!(espera.await.unwrap().unwrap(), (5, 2));
}

#[tokio::test]
async fn quien_espera_demasiado_por_una_fila_se_entera() {
    let (_base, fabrica, id) = preparar().await;
    let (mut primera, mut segunda) = (abrir(&fabrica), abrir(&fabrica));
    cosas::leer(&mut primera, id, Bloquea::Si).await.unwrap();
    let falla = cosas::leer(&mut segunda, id, Bloquea::Si).await.unwrap_err();
    assert!(matches!(falla, Falla::Bloqueada), "{falla:?}");
    segunda.deshacer().await;
    primera.confirmar().await.unwrap();
}

#[tokio::test]
async fn con_bloqueo_optimista_el_segundo_choca_y_no_deja_nada() {
    let (base, fabrica, id) = preparar().await;
    let (mut primera, mut segunda) = (abrir(&fabrica), abrir(&fabrica));
    for udt in [&mut primera, &mut segunda] {
        assert_eq!(cosas::leer(udt, id, Bloquea::No).await.unwrap(), (0, 1));
    }
    primera.anotar(cosas::cambio(id, 5, 1)).await.unwrap();
    primera.confirmar().await.unwrap();
    segunda.anotar(cosas::cambio(id, 9, 1)).await.unwrap();
    segunda.anotar_evento(CosaCambiada { id }).unwrap();
    let falla = segunda.confirmar().await.unwrap_err();
    assert!(matches!(falla, Falla::Conflicto), "{falla:?}");
    assert_eq!(cosas::valor(&base, id).await, Some(5));
    assert_eq!(base.contar("SELECT count(*) FROM bandeja_salida").await, 0);
}

#[tokio::test]
async fn un_cambio_que_choca_sin_haber_leido_tampoco_deja_su_mensaje() {
    let (base, fabrica, id) = preparar().await;
    let mut udt = abrir(&fabrica);
    udt.anotar(cosas::cambio(id, 9, 77)).await.unwrap();
    udt.anotar_evento(CosaCambiada { id }).unwrap();
    assert!(matches!(udt.confirmar().await, Err(Falla::Conflicto)));
    assert_eq!(base.contar("SELECT count(*) FROM bandeja_salida").await, 0);
}

#[tokio::test]
async fn lo_que_llega_por_el_bus_no_ocupa_todas_las_conexiones() {
    let (base, fabrica, id) = preparar().await;
    let mut del_bus = Vec::new();
    for _ in 0..4 {
        let mut udt = abrir(&fabrica);
        let (suscripcion, id_mensaje) = ("prueba".to_owned(), Uuid::now_v7().to_string());
        let recepcion = Recepcion { suscripcion, id_mensaje, posicion: None, comando: None };
        udt.anotar_recepcion(&recepcion, Fin::Ejecutado).await.unwrap();
        del_bus.push((udt, cosas::crear(&base).await));
    }
    let (cuarta, primeras) = del_bus.split_last_mut().unwrap();
    for (udt, suya) in primeras {
        cosas::leer(udt, *suya, Bloquea::Si).await.unwrap();
    }
    let ocupada = timeout(Duration::from_millis(300), cosas::leer(&mut cuarta.0, cuarta.1, Bloquea::Si)).await;
    assert!(ocupada.is_err(), "la última conexión es para quien pide por HTTP");
    cosas::leer(&mut abrir(&fabrica), id, Bloquea::Si).await.unwrap();
    del_bus.remove(0).0.deshacer().await;
    let (mut cuarta, suya) = del_bus.pop().unwrap();
    cosas::leer(&mut cuarta, suya, Bloquea::Si).await.unwrap();
}

#[tokio::test]
async fn soltarla_la_deshace_y_libera_la_fila() {
    let (base, fabrica, id) = preparar().await;
    let mut udt = abrir(&fabrica);
    cosas::leer(&mut udt, id, Bloquea::Si).await.unwrap();
    udt.anotar(cosas::cambio(id, 5, 1)).await.unwrap();
    cosas::leer(&mut udt, id, Bloquea::No).await.unwrap();
    drop(udt);
    let mut otra = abrir(&fabrica);
    assert_eq!(cosas::leer(&mut otra, id, Bloquea::Si).await.unwrap(), (0, 1));
    otra.deshacer().await;
    assert_eq!(cosas::valor(&base, id).await, Some(0));
}

#[tokio::test]
async fn quien_lee_ve_lo_que_ya_anoto() {
    let (_base, fabrica, id) = preparar().await;
    let mut udt = abrir(&fabrica);
    udt.anotar(cosas::cambio(id, 5, 1)).await.unwrap();
    assert_eq!(cosas::leer(&mut udt, id, Bloquea::No).await.unwrap(), (5, 2));
    udt.confirmar().await.unwrap();
}

#[tokio::test]
async fn dos_cambios_de_la_misma_fila_se_escriben_en_orden() {
    let (base, fabrica, id) = preparar().await;
    let mut udt = abrir(&fabrica);
    udt.anotar(cosas::cambio(id, 5, 1)).await.unwrap();
    udt.anotar(cosas::cambio(id, 6, 2)).await.unwrap();
    udt.confirmar().await.unwrap();
    assert_eq!(cosas::valor(&base, id).await, Some(6));
}

#[tokio::test]
async fn volver_a_un_punto_conserva_lo_anterior() {
    let (base, fabrica, id) = preparar().await;
    let mut udt = abrir(&fabrica);
    udt.anotar(cosas::cambio(id, 5, 1)).await.unwrap();
    udt.anotar_evento(CosaCambiada { id }).unwrap();
    let punto = udt.marcar_punto().await.unwrap();
    let descartada = Uuid::now_v7();
    udt.anotar(cosas::insercion(descartada, 8)).await.unwrap();
    udt.anotar(cosas::cambio(id, 6, 2)).await.unwrap();
    udt.anotar_evento(CosaCambiada { id: descartada }).unwrap();
    assert_eq!(cosas::leer(&mut udt, id, Bloquea::No).await.unwrap(), (6, 3));
    udt.volver_a(punto).await.unwrap();
    assert_eq!(udt.tomar_eventos().len(), 1);
    udt.confirmar().await.unwrap();
    assert_eq!((cosas::valor(&base, id).await, cosas::valor(&base, descartada).await), (Some(5), None));
    assert_eq!(base.contar("SELECT count(*) FROM bandeja_salida").await, 1);
}

#[tokio::test]
async fn tras_un_error_se_puede_volver_al_punto_y_seguir() {
    let (base, fabrica, id) = preparar().await;
    let mut udt = abrir(&fabrica);
    let punto = udt.marcar_punto().await.unwrap();
    udt.anotar(cosas::insercion(id, 8)).await.unwrap();
    assert!(matches!(cosas::leer(&mut udt, id, Bloquea::No).await, Err(Falla::Duplicado { .. })));
    udt.volver_a(punto).await.unwrap();
    udt.anotar(cosas::cambio(id, 6, 1)).await.unwrap();
    udt.confirmar().await.unwrap();
    assert_eq!(cosas::valor(&base, id).await, Some(6));
}

#[tokio::test]
async fn confirmar_sin_nada_anotado_no_ocupa_una_conexion() {
    let (base, fabrica, _) = preparar().await;
    abrir(&fabrica).confirmar().await.unwrap();
    assert_eq!(base.nuestras().await, 0);
}

#[tokio::test]
async fn lo_que_fallo_a_medias_no_se_confirma_aunque_alguien_calle_el_error() {
    let (base, fabrica, id) = preparar().await;
    let mut udt = abrir(&fabrica);
    udt.anotar(cosas::cambio(id, 9, 77)).await.unwrap();
    udt.anotar_evento(CosaCambiada { id }).unwrap();
    assert!(cosas::leer(&mut udt, id, Bloquea::No).await.is_err());
    assert!(matches!(udt.confirmar().await, Err(Falla::Interna(_))));
    assert_eq!(base.contar("SELECT count(*) FROM bandeja_salida").await, 0);
}

#[tokio::test]
async fn lo_anotado_sigue_anotado_si_no_se_pudo_abrir_la_transaccion() {
    let (base, _, otra) = preparar().await;
    let fabrica = cosas::fabrica(&base, 1);
    let mut ocupada = abrir(&fabrica);
    cosas::leer(&mut ocupada, otra, Bloquea::No).await.unwrap();
    let (mut udt, id) = (abrir(&fabrica), Uuid::now_v7());
    udt.anotar(cosas::insercion(id, 7)).await.unwrap();
    assert!(matches!(udt.marcar_punto().await, Err(Falla::Saturada)));
    ocupada.confirmar().await.unwrap();
    udt.confirmar().await.unwrap();
    assert_eq!(cosas::valor(&base, id).await, Some(7));
}

#[tokio::test]
async fn una_conexion_que_murio_ociosa_no_estorba_a_quien_empieza() {
    let (base, fabrica, id) = preparar().await;
    let mut primera = abrir(&fabrica);
    cosas::leer(&mut primera, id, Bloquea::No).await.unwrap();
    primera.confirmar().await.unwrap();
    base.cortar_las_nuestras().await;
    let mut segunda = abrir(&fabrica);
    assert_eq!(cosas::leer(&mut segunda, id, Bloquea::Si).await.unwrap(), (0, 1));
    segunda.confirmar().await.unwrap();
}
