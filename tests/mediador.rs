//! El mediador sobre un PostgreSQL de verdad: reacciones, reintentos, plazos y órdenes que nadie espera.

mod comun;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aeroalpes::seedwork::aplicacion::contexto::Contexto;
use aeroalpes::seedwork::aplicacion::mediador::Mediador;
use aeroalpes::seedwork::aplicacion::mensajes::{Comando, ErrorModulo, Handler, HandlerQuery, Query};
use aeroalpes::seedwork::aplicacion::reacciones::{Negativa, Reaccion, Reacciones};
use aeroalpes::seedwork::aplicacion::rechazo::{Clase, Rechazo};
use aeroalpes::seedwork::dominio::repositorios::Falla;
use aeroalpes::seedwork::infraestructura::lector_pg::LectorPg;
use aeroalpes::seedwork::infraestructura::unidad_trabajo_pg::UnidadTrabajoPg;
use comun::BaseDePrueba;
use comun::cosas::{self, Bloquea, CosaCambiada, ErrorCosas, Fabrica};
use tokio::sync::Barrier;
use uuid::Uuid;

type Udt = UnidadTrabajoPg<()>;

fn mediador(base: &BaseDePrueba, reacciones: Reacciones<Udt>, plazo: Duration) -> Arc<Mediador<Fabrica>> {
    Arc::new(Mediador::nuevo(cosas::fabrica(base, 4), reacciones, plazo))
}

fn contexto() -> Contexto {
    Contexto::nuevo("correlación".into(), "traza".into())
}

/// Suma uno a dos cosas, en orden; la barrera hace que la primera vez otra orden las tome al revés.
#[derive(Clone)]
struct SumarADos {
    ids: [Uuid; 2],
    barrera: Arc<Barrier>,
    intentos: Arc<AtomicUsize>,
}

impl Comando for SumarADos {
    const NOMBRE: &'static str = "SumarADos";
    type Salida = ();
    type Error = ErrorCosas;
}

impl Handler<Udt> for SumarADos {
    async fn manejar(self, udt: &mut Udt) -> Result<(), ErrorCosas> {
        let primer_intento = self.intentos.fetch_add(1, Ordering::SeqCst) < 2;
        for (vuelta, id) in self.ids.into_iter().enumerate() {
            let (valor, version) = cosas::leer(udt, id, Bloquea::Si).await?;
            udt.anotar(cosas::cambio(id, valor + 1, version)).await?;
            if vuelta == 0 && primer_intento {
                self.barrera.wait().await;
            }
        }
        Ok(())
    }
}

#[tokio::test]
async fn un_interbloqueo_repite_la_orden_entera() {
    let base = BaseDePrueba::nueva().await;
    let (a, b) = (cosas::crear(&base).await, cosas::crear(&base).await);
    let mediador = mediador(&base, Reacciones::default(), Duration::from_secs(20));
    let (barrera, intentos) = (Arc::new(Barrier::new(2)), Arc::new(AtomicUsize::new(0)));
    let orden = |ids| SumarADos { ids, barrera: Arc::clone(&barrera), intentos: Arc::clone(&intentos) };
    let (una, otra) =
        tokio::join!(mediador.ejecutar(contexto(), orden([a, b])), mediador.ejecutar(contexto(), orden([b, a])),);
    una.unwrap();
    otra.unwrap();
    assert_eq!((cosas::valor(&base, a).await, cosas::valor(&base, b).await), (Some(2), Some(2)));
    assert!(intentos.load(Ordering::SeqCst) >= 3, "nadie chocó: la prueba no probó nada");
}

/// Toma una cosa y la cambia.
#[derive(Clone)]
struct Cambiar {
    id: Uuid,
}

impl Comando for Cambiar {
    const NOMBRE: &'static str = "Cambiar";
    type Salida = ();
    type Error = ErrorCosas;
}

impl Handler<Udt> for Cambiar {
    async fn manejar(self, udt: &mut Udt) -> Result<(), ErrorCosas> {
        let (valor, version) = cosas::leer(udt, self.id, Bloquea::Si).await?;
        udt.anotar(cosas::cambio(self.id, valor + 1, version)).await?;
        Ok(udt.anotar_evento(CosaCambiada { id: self.id })?)
    }
}

#[tokio::test]
async fn quien_espera_una_orden_no_la_lleva_dentro() {
    let base = BaseDePrueba::nueva().await;
    let mediador = mediador(&base, Reacciones::default(), Duration::from_secs(20));
    let espera = mediador.ejecutar(contexto(), Cambiar { id: Uuid::nil() });
    // Lo que ocupa se copia de futuro en futuro hasta la ruta; con la tarea dentro pasaría de 6 KiB.
    let ocupa = size_of_val(&espera);
    assert!(ocupa < 2 * 1024, "ocupa {ocupa} bytes");
}

#[tokio::test]
async fn vencido_el_plazo_no_queda_nada_ni_nadie_esperando() {
    let base = BaseDePrueba::nueva().await;
    let id = cosas::crear(&base).await;
    let mediador = mediador(&base, Reacciones::default(), Duration::from_millis(300));
    let mut ajena = base.conectar().await;
    sqlx::raw_sql("BEGIN").execute(&mut ajena).await.unwrap();
    sqlx::query("SELECT 1 FROM cosas WHERE id = $1 FOR UPDATE").bind(id).execute(&mut ajena).await.unwrap();
    let error = mediador.ejecutar(contexto(), Cambiar { id }).await.unwrap_err();
    assert!(matches!(error.falla(), Some(Falla::PlazoVencido)), "{error:?}");
    sqlx::raw_sql("COMMIT").execute(&mut ajena).await.unwrap();
    base.esperar_bloqueadas(0).await;
    assert_eq!(cosas::valor(&base, id).await, Some(0));
    mediador.ejecutar(contexto(), Cambiar { id }).await.unwrap();
    assert_eq!(cosas::valor(&base, id).await, Some(1));
}

#[tokio::test]
async fn una_orden_sigue_aunque_nadie_espere_su_respuesta() {
    let base = BaseDePrueba::nueva().await;
    let id = cosas::crear(&base).await;
    let mediador = mediador(&base, Reacciones::default(), Duration::from_secs(20));
    let mut ajena = base.conectar().await;
    sqlx::raw_sql("BEGIN").execute(&mut ajena).await.unwrap();
    sqlx::query("SELECT 1 FROM cosas WHERE id = $1 FOR UPDATE").bind(id).execute(&mut ajena).await.unwrap();
    let quien_se_va = tokio::spawn({
        let mediador = Arc::clone(&mediador);
        async move { mediador.ejecutar(contexto(), Cambiar { id }).await }
    });
    base.esperar_bloqueadas(1).await;
    quien_se_va.abort();
    assert!(quien_se_va.await.unwrap_err().is_cancelled());
    sqlx::raw_sql("COMMIT").execute(&mut ajena).await.unwrap();
    mediador.esperar_ordenes().await;
    assert_eq!(cosas::valor(&base, id).await, Some(1));
}

/// Inserta otra cosa a raíz de una cambiada, y lo cuenta como otro evento.
struct Copiar;

impl Reaccion<CosaCambiada, Udt> for Copiar {
    async fn reaccionar(evento: &CosaCambiada, udt: &mut Udt) -> Result<(), Negativa> {
        let (valor, _) = cosas::leer(udt, evento.id, Bloquea::No).await?;
        if valor < 3 {
            let id = Uuid::now_v7();
            udt.anotar(cosas::insercion(id, valor + 1)).await?;
            udt.anotar_evento(CosaCambiada { id })?;
        }
        Ok(())
    }
}

/// Siempre se niega.
struct Negarse;

impl Reaccion<CosaCambiada, Udt> for Negarse {
    async fn reaccionar(_: &CosaCambiada, _: &mut Udt) -> Result<(), Negativa> {
        Err(Rechazo::nuevo(Clase::Conflicto, "no-quiero", "No quiero").into())
    }
}

#[tokio::test]
async fn las_reacciones_ven_lo_anotado_y_provocan_otras_en_la_misma_transaccion() {
    let base = BaseDePrueba::nueva().await;
    let id = cosas::crear(&base).await;
    let reacciones = Reacciones::default().reacciona::<CosaCambiada, Copiar>();
    mediador(&base, reacciones, Duration::from_secs(20)).ejecutar(contexto(), Cambiar { id }).await.unwrap();
    assert_eq!(base.contar("SELECT count(*) FROM cosas WHERE valor IN (1, 2, 3)").await, 3);
    assert_eq!(base.contar("SELECT count(*) FROM bandeja_salida").await, 3);
    assert_eq!(base.contar("SELECT count(DISTINCT xmin::text) FROM cosas").await, 1);
}

#[tokio::test]
async fn una_reaccion_que_se_niega_deshace_la_orden_entera() {
    let base = BaseDePrueba::nueva().await;
    let id = cosas::crear(&base).await;
    let reacciones = Reacciones::default()
        .reacciona::<CosaCambiada, Copiar>()
        .y(Reacciones::default().reacciona::<CosaCambiada, Negarse>());
    let mediador = mediador(&base, reacciones, Duration::from_secs(20));
    let error = mediador.ejecutar(contexto(), Cambiar { id }).await.unwrap_err();
    assert_eq!(error.rechazo().codigo, "no-quiero");
    assert_eq!((base.contar("SELECT count(*) FROM cosas").await, cosas::valor(&base, id).await), (1, Some(0)));
    assert_eq!(base.contar("SELECT count(*) FROM bandeja_salida").await, 0);
}

/// Toma una cosa y se rompe.
#[derive(Clone)]
struct Romperse {
    id: Uuid,
}

impl Comando for Romperse {
    const NOMBRE: &'static str = "Romperse";
    type Salida = ();
    type Error = ErrorCosas;
}

impl Handler<Udt> for Romperse {
    async fn manejar(self, udt: &mut Udt) -> Result<(), ErrorCosas> {
        cosas::leer(udt, self.id, Bloquea::Si).await?;
        panic!("a propósito");
    }
}

#[tokio::test]
async fn un_panico_en_una_orden_es_un_error_interno_y_libera_la_fila() {
    let base = BaseDePrueba::nueva().await;
    let id = cosas::crear(&base).await;
    let mediador = mediador(&base, Reacciones::default(), Duration::from_secs(20));
    let error = mediador.ejecutar(contexto(), Romperse { id }).await.unwrap_err();
    assert!(matches!(error.falla(), Some(Falla::Interna(_))), "{error:?}");
    mediador.ejecutar(contexto(), Cambiar { id }).await.unwrap();
}

/// Una consulta que tarda demasiado.
struct Dormirse;

impl Query for Dormirse {
    const NOMBRE: &'static str = "Dormirse";
    type Resultado = ();
    type Error = ErrorCosas;
}

impl HandlerQuery<LectorPg<()>> for Dormirse {
    async fn responder(self, lector: &mut LectorPg<()>) -> Result<(), ErrorCosas> {
        lector.leer_una::<(String,)>(sqlx::query_as("SELECT pg_sleep(60)::text")).await?;
        Ok(())
    }
}

#[tokio::test]
async fn una_consulta_tambien_tiene_plazo() {
    let base = BaseDePrueba::nueva().await;
    let error =
        mediador(&base, Reacciones::default(), Duration::from_millis(200)).consultar(Dormirse).await.unwrap_err();
    assert!(matches!(error.falla(), Some(Falla::PlazoVencido)), "{error:?}");
}
