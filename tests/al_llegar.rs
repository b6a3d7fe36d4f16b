//! Lo que se atiende al llegar del bróker, sobre un PostgreSQL de verdad: qué se atiende, qué se guarda y en qué orden.

#[path = "comun/mod.rs"]
mod comun;

use std::sync::Arc;

use aeroalpes::seedwork::aplicacion::mediador::Mediador;
use aeroalpes::seedwork::aplicacion::reacciones::Reacciones;
use aeroalpes::seedwork::infraestructura::claves::clave;
use aeroalpes::seedwork::infraestructura::conexiones::{Conexiones, PlazosPg};
use aeroalpes::seedwork::infraestructura::mensajeria::al_llegar::{AlLlegar, ClavesAlLlegar};
use aeroalpes::seedwork::infraestructura::mensajeria::atencion::Atencion;
use aeroalpes::seedwork::infraestructura::mensajeria::carriles::{Carriles, Trabajo};
use aeroalpes::seedwork::infraestructura::mensajeria::comandos::{Leido, escribir};
use aeroalpes::seedwork::infraestructura::mensajeria::consumo::Consumo;
use aeroalpes::seedwork::infraestructura::mensajeria::enrutador::{
    Enrutador, Rutas, SUSCRIPCION_COMANDOS, SUSCRIPCION_EVENTOS,
};
use aeroalpes::seedwork::infraestructura::mensajeria::entregas::Entregas;
use aeroalpes::seedwork::infraestructura::mensajeria::ids::IdsComando;
use aeroalpes::seedwork::infraestructura::mensajeria::llegadas::Llegada;
use apache_avro::Schema;
use comun::anotar::{Anotar, numeros};
use comun::cosas::{self, Fabrica};
use comun::{BaseDePrueba, PLAZO, hasta};
use futures_util::FutureExt;
use futures_util::future::join;
use sqlx::{AssertSqlSafe, PgConnection};
use time::OffsetDateTime;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

struct Prueba {
    base: BaseDePrueba,
    esquema: Schema,
    entregas: Entregas,
    claves: ClavesAlLlegar,
    atencion: Arc<Atencion<Fabrica>>,
    al_llegar: AlLlegar<Fabrica>,
}

/// Conexiones que esperan una fila más de lo que dura una prueba.
fn pacientes(base: &BaseDePrueba) -> Conexiones {
    let plazos = PlazosPg { bloqueo: PLAZO, sentencia: 2 * PLAZO, transaccion_ociosa: PLAZO };
    Conexiones::nuevas(base.opciones(), plazos, 4, PLAZO).unwrap()
}

impl Prueba {
    async fn nueva() -> Self {
        let base = BaseDePrueba::nueva().await;
        let conexiones = base.conexiones(4);
        let ids = IdsComando::nuevos(&clave(&conexiones, "ids").await.unwrap()).unwrap();
        let enrutador = Arc::new(Enrutador::nuevo(Rutas::default().ruta::<Anotar>()).unwrap());
        let entregas = Entregas::nuevas(conexiones, true, enrutador.provocadores());
        let (fabrica, plazo) = (Fabrica::nueva(pacientes(&base), base.conexiones(2), (), Arc::default()), 2 * PLAZO);
        let mediador = Arc::new(Mediador::nuevo(fabrica, Reacciones::default(), plazo));
        let (esquema, claves) = (enrutador.esquema("comandos-cosa").unwrap().clone(), ClavesAlLlegar::default());
        let atencion = Arc::new(Atencion { ids, enrutador, mediador });
        let al_llegar = AlLlegar::nuevo(Arc::clone(&atencion), entregas.clone(), claves.clone());
        Self { base, esquema, entregas, claves, atencion, al_llegar }
    }

    fn comando(&self, id: Uuid, numero: i64) -> Arc<Llegada> {
        let (mensaje, momento) = (Uuid::now_v7(), OffsetDateTime::now_utc());
        let datos = escribir(&self.esquema, mensaje, momento, &Anotar { id, numero }).unwrap();
        Arc::new(Llegada {
            suscripcion: SUSCRIPCION_COMANDOS.to_owned(),
            id_mensaje: mensaje.to_string(),
            topico: "comandos-cosa".to_owned(),
            clave: id,
            tipo: "Anotar".to_owned(),
            leido: Leido::de(&datos, &self.esquema, &self.esquema).ok(),
            datos,
            correlacion: "c".to_owned(),
            traceparent: String::new(),
            publicado_en: momento,
            ilegible: None,
            reintentada_en: None,
            recibida_en: momento,
        })
    }

    /// Los números de los que quedan por guardar, y guardarlos.
    async fn atender(&self, llegadas: &[Arc<Llegada>]) -> Vec<usize> {
        let quedan = self.al_llegar.atender(llegadas.to_vec()).await;
        self.entregas.recibir(&quedan).await.unwrap();
        let lugar = |llegada: &Arc<Llegada>| llegadas.iter().position(|otra| Arc::ptr_eq(otra, llegada)).unwrap();
        quedan.iter().map(lugar).collect()
    }

    /// Atiende lo guardado, hasta que se pida parar.
    fn consumir(&self, parar: &CancellationToken) -> impl Future<Output = ()> + use<> {
        let carriles = Carriles::nuevos(self.base.conexiones(1), Trabajo::Atender);
        let consumo = Consumo {
            atencion: Arc::clone(&self.atencion),
            entregas: self.entregas.clone(),
            carriles: carriles.clone(),
            al_llegar: self.claves.clone(),
            aviso: Arc::default(),
        };
        join(consumo.correr(parar.clone()), carriles.mantener(parar.clone())).map(drop)
    }

    /// Deja esperando a quien quiera cambiar esa cosa, hasta que se suelte.
    async fn bloquear(&self, id: Uuid) -> PgConnection {
        let mut ajena = self.base.conectar().await;
        let bloquear = format!("BEGIN; SELECT 1 FROM cosas WHERE id = '{id}' FOR UPDATE");
        sqlx::raw_sql(AssertSqlSafe(bloquear)).execute(&mut ajena).await.unwrap();
        ajena
    }

    async fn filas(&self, de: &str) -> i64 {
        self.base.contar(&format!("SELECT count(*) FROM {de}")).await
    }
}

#[tokio::test]
async fn lo_que_llega_se_cumple_y_consta_sin_pasar_por_las_entregas() {
    let prueba = Prueba::nueva().await;
    let (una, otra) = (cosas::crear(&prueba.base).await, cosas::crear(&prueba.base).await);
    let llegadas = [prueba.comando(una, 7), prueba.comando(otra, 8)];
    assert!(prueba.atender(&llegadas).await.is_empty());
    assert_eq!((numeros(&prueba.base, una).await, numeros(&prueba.base, otra).await), (vec![7], vec![8]));
    for llegada in llegadas {
        let id = &llegada.id_mensaje;
        assert_eq!(prueba.filas(&format!("bandeja_entrada WHERE id_mensaje = '{id}'")).await, 1);
        let cumplido = "rechazo IS NULL AND recibido_en BETWEEN now() - interval '1 minute' AND terminado_en";
        assert_eq!(prueba.filas(&format!("resultados_comando WHERE id = '{id}' AND {cumplido}")).await, 1);
    }
    assert_eq!((prueba.filas("entregas").await, prueba.filas("bandeja_salida").await), (0, 2));
    assert!(prueba.claves.ahora().is_empty());
}

#[tokio::test]
async fn de_cada_clave_se_atiende_el_primero_y_los_demas_se_guardan_detras() {
    let prueba = Prueba::nueva().await;
    let (una, otra) = (cosas::crear(&prueba.base).await, cosas::crear(&prueba.base).await);
    let llegadas = [1, 2, 3].map(|numero| prueba.comando(una, numero));
    let llegadas = [&llegadas[..], &[prueba.comando(otra, 4)]].concat();
    assert_eq!(prueba.atender(&llegadas).await, [1, 2]);
    assert_eq!((numeros(&prueba.base, una).await, numeros(&prueba.base, otra).await), (vec![1], vec![4]));
    assert_eq!(prueba.filas(&format!("entregas WHERE clave = '{una}'")).await, 2);
}

#[tokio::test]
async fn lo_que_va_detras_de_algo_que_espera_tambien_espera() {
    let prueba = Prueba::nueva().await;
    let (una, otra) = (cosas::crear(&prueba.base).await, cosas::crear(&prueba.base).await);
    prueba.entregas.recibir(&[prueba.comando(una, 1)]).await.unwrap();
    assert_eq!(prueba.atender(&[prueba.comando(una, 2), prueba.comando(otra, 3)]).await, [0]);
    assert_eq!((numeros(&prueba.base, una).await, numeros(&prueba.base, otra).await), (vec![], vec![3]));
}

#[tokio::test]
async fn un_evento_de_su_clave_que_espera_no_lo_detiene_y_los_eventos_se_guardan() {
    let prueba = Prueba::nueva().await;
    let id = cosas::crear(&prueba.base).await;
    let evento = Llegada { suscripcion: SUSCRIPCION_EVENTOS.to_owned(), ..(*prueba.comando(id, 0)).clone() };
    let evento = Arc::new(Llegada { ilegible: Some("para que espere".to_owned()), ..evento });
    assert_eq!(prueba.atender(&[evento, prueba.comando(id, 1)]).await, [0]);
    assert_eq!(numeros(&prueba.base, id).await, [1]);
    assert!(prueba.atender(&[prueba.comando(id, 2)]).await.is_empty());
    assert_eq!(prueba.filas("entregas").await, 1);
}

#[tokio::test]
async fn lo_que_llega_otra_vez_no_tiene_otro_efecto() {
    let prueba = Prueba::nueva().await;
    let id = cosas::crear(&prueba.base).await;
    let llegada = prueba.comando(id, 7);
    assert!(prueba.atender(&[Arc::clone(&llegada)]).await.is_empty());
    // Ni se intenta: el intento fallaría, y con él los que se confirman a la vez.
    assert_eq!(prueba.atender(&[Arc::clone(&llegada), prueba.comando(id, 8)]).await, [0, 1]);
    assert_eq!(numeros(&prueba.base, id).await, [7]);
    assert_eq!((prueba.filas("resultados_comando").await, prueba.filas("entregas").await), (1, 1));
}

#[tokio::test]
async fn el_no_del_modulo_es_el_resultado() {
    let prueba = Prueba::nueva().await;
    let id = cosas::crear(&prueba.base).await;
    assert!(prueba.atender(&[prueba.comando(id, -1)]).await.is_empty());
    assert_eq!(prueba.filas("resultados_comando WHERE rechazo ->> 'codigo' = 'negativo'").await, 1);
    assert_eq!(prueba.filas("bandeja_entrada").await, 1);
}

#[tokio::test]
async fn lo_que_no_se_puede_leer_o_falla_se_guarda_y_no_detiene_a_los_demas() {
    let prueba = Prueba::nueva().await;
    let (una, otra) = (cosas::crear(&prueba.base).await, cosas::crear(&prueba.base).await);
    let roto = Llegada { datos: vec![1, 2, 3], ..(*prueba.comando(Uuid::now_v7(), 0)).clone() };
    let llegadas = [prueba.comando(una, 13), Arc::new(roto), prueba.comando(otra, 1)];
    assert_eq!(prueba.atender(&llegadas).await, [0, 1]);
    assert_eq!(numeros(&prueba.base, otra).await, [1]);
    assert_eq!((prueba.filas("resultados_comando").await, prueba.filas("entregas").await), (1, 2));
}

#[tokio::test]
async fn lo_que_tarda_se_guarda_y_nadie_mas_lo_atiende_mientras_tanto() {
    let prueba = Prueba::nueva().await;
    let (lenta, otra) = (cosas::crear(&prueba.base).await, cosas::crear(&prueba.base).await);
    let ajena = prueba.bloquear(lenta).await;
    let llegadas = [prueba.comando(lenta, 1), prueba.comando(otra, 2)];
    assert_eq!(prueba.atender(&llegadas).await, [0]);
    assert_eq!(numeros(&prueba.base, otra).await, [2]);
    assert_eq!(prueba.claves.ahora(), [lenta]);
    assert_eq!(prueba.atender(&[prueba.comando(lenta, 3)]).await, [0], "va detrás de la que tarda");
    prueba.entregas.recibir(&[prueba.comando(otra, 4)]).await.unwrap();
    let parar = CancellationToken::new();
    let consumo = tokio::spawn(prueba.consumir(&parar));
    hasta("que el consumo atienda lo demás", async || numeros(&prueba.base, otra).await == [2, 4]).await;
    let esperando =
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    assert_eq!(prueba.base.contar(esperando).await, 1, "sólo espera la fila quien ya la esperaba");
    drop(ajena);
    hasta("que todo se atienda", async || prueba.filas("entregas").await == 0).await;
    assert_eq!(numeros(&prueba.base, lenta).await, [1, 3]);
    assert!(prueba.claves.ahora().is_empty());
    parar.cancel();
    consumo.await.unwrap();
}

#[tokio::test]
async fn lo_que_ya_no_se_espera_ocupa_su_lugar_hasta_que_acaba_y_lo_que_no_halla_lugar_se_guarda() {
    let prueba = Prueba::nueva().await;
    let (lentas, otra): (Vec<_>, _) = ((0..200).map(|_| Uuid::now_v7()).collect(), cosas::crear(&prueba.base).await);
    let valores: Vec<_> = lentas.iter().map(|id| format!("('{id}', 0, 1)")).collect();
    prueba.base.ordenar(&format!("INSERT INTO cosas VALUES {}", valores.join(", "))).await;
    let mut ajena = prueba.base.conectar().await;
    let bloquear = format!("BEGIN; SELECT 1 FROM cosas WHERE id <> '{otra}' FOR UPDATE");
    sqlx::raw_sql(AssertSqlSafe(bloquear)).execute(&mut ajena).await.unwrap();
    for lote in lentas.chunks(100) {
        let llegadas: Vec<_> = lote.iter().map(|id| prueba.comando(*id, 1)).collect();
        assert_eq!(prueba.atender(&llegadas).await.len(), 100);
    }
    assert_eq!(prueba.claves.ahora().len(), 200);
    assert_eq!(prueba.atender(&[prueba.comando(otra, 2)]).await, [0]);
    assert!(!prueba.claves.ahora().contains(&otra), "ni se empieza");
    drop(ajena);
    hasta("que acaben", async || prueba.claves.ahora().is_empty()).await;
    let ultima = cosas::crear(&prueba.base).await;
    assert!(prueba.atender(&[prueba.comando(ultima, 3)]).await.is_empty(), "y dejan su lugar");
}

#[tokio::test]
async fn sin_base_de_datos_no_se_atiende_nada() {
    let prueba = Prueba::nueva().await;
    let id = cosas::crear(&prueba.base).await;
    let llegada = prueba.comando(id, 1);
    prueba.base.cerrar().await;
    assert_eq!(prueba.al_llegar.atender(vec![Arc::clone(&llegada)]).await.len(), 1);
    prueba.base.abrir().await;
    assert!(prueba.atender(&[llegada]).await.is_empty());
    assert_eq!(numeros(&prueba.base, id).await, [1]);
}
