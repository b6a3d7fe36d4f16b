//! El bus local sobre un PostgreSQL de verdad: un efecto por mensaje, orden por clave y nada que se pierda.

mod comun;

use std::sync::Arc;
use std::time::Duration;

use aeroalpes::seedwork::aplicacion::contexto::Contexto;
use aeroalpes::seedwork::aplicacion::mediador::Mediador;
use aeroalpes::seedwork::aplicacion::mensajes::{Comando, Handler};
use aeroalpes::seedwork::aplicacion::reacciones::Reacciones;
use aeroalpes::seedwork::aplicacion::rechazo::{Clase, Rechazo};
use aeroalpes::seedwork::dominio::repositorios::Falla;
use aeroalpes::seedwork::infraestructura::mensajeria::bus_local::BusLocal;
use aeroalpes::seedwork::infraestructura::mensajeria::carriles::Carriles;
use aeroalpes::seedwork::infraestructura::mensajeria::comandos::ComandoIntegracion;
use aeroalpes::seedwork::infraestructura::mensajeria::consumo::Consumo;
use aeroalpes::seedwork::infraestructura::mensajeria::despachador::{Aceptado, Despachador, Salida};
use aeroalpes::seedwork::infraestructura::mensajeria::enrutador::{Enrutador, Rutas};
use aeroalpes::seedwork::infraestructura::mensajeria::entregas::Entregas;
use aeroalpes::seedwork::infraestructura::mensajeria::ids::IdsComando;
use aeroalpes::seedwork::infraestructura::unidad_trabajo_pg::UnidadTrabajoPg;
use comun::cosas::{self, Bloquea, CosaCambiada, ErrorCosas, Fabrica};
use comun::{BaseDePrueba, hasta};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::sync::Notify;
use tokio::task::{AbortHandle, JoinHandle};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

type Udt = UnidadTrabajoPg<()>;

/// Añade un número a la lista de una cosa, y lo cuenta. Un número negativo se rechaza; el 13 siempre falla.
#[derive(Clone, Serialize, Deserialize)]
struct Anotar {
    id: Uuid,
    numero: i64,
}

impl Comando for Anotar {
    const NOMBRE: &'static str = "Anotar";
    type Salida = ();
    type Error = ErrorCosas;
}

impl Handler<Udt> for Anotar {
    async fn manejar(self, udt: &mut Udt) -> Result<(), ErrorCosas> {
        if self.numero < 0 {
            return Err(Rechazo::nuevo(Clase::Conflicto, "negativo", "Es negativo").into());
        }
        if self.numero == 13 {
            return Err(Falla::interna("el 13 no se puede").into());
        }
        let (valor, version) = cosas::leer(udt, self.id, Bloquea::Si).await?;
        udt.anotar(cosas::cambio(self.id, valor + 1, version)).await?;
        udt.anotar(cosas::numero(self.id, self.numero)).await?;
        Ok(udt.anotar_evento(CosaCambiada { id: self.id })?)
    }
}

#[derive(Serialize, Deserialize)]
struct Carga {
    id: String,
    numero: i64,
}

impl ComandoIntegracion for Anotar {
    const TOPICO: &'static str = "comandos-cosa";
    const REGISTRO: &'static str = "ComandoCosa";
    const MIEMBRO: &'static str = "data";
    type Carga = Carga;

    fn esquema_carga() -> serde_json::Value {
        json!({"type": "record", "name": "Carga", "fields": [{"name": "id", "type": "string"}, {"name": "numero", "type": "long"}]})
    }

    fn carga(&self) -> Carga {
        Carga { id: self.id.to_string(), numero: self.numero }
    }

    fn de_carga(carga: Carga) -> Result<Self, Rechazo> {
        Ok(Self { id: carga.id.parse().unwrap(), numero: carga.numero })
    }

    fn clave(&self) -> Uuid {
        self.id
    }

    fn recurso(&self) -> String {
        format!("/cosas/{}", self.id)
    }
}

/// Detiene los latidos si la tarea se aborta: como en una muerte súbita, nadie late.
struct AbortaAlSalir(AbortHandle);

impl Drop for AbortaAlSalir {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Una instancia del servicio, sin HTTP.
struct Instancia {
    despachador: Despachador<Fabrica>,
    parar: CancellationToken,
    tarea: Option<JoinHandle<()>>,
}

impl Instancia {
    async fn sobre(base: &BaseDePrueba, consume: bool) -> Self {
        let (conexiones, aviso) = (base.conexiones(6), Arc::new(Notify::new()));
        let clave = aeroalpes::seedwork::infraestructura::claves::clave(&conexiones, "ids").await.unwrap();
        let ids = IdsComando::nuevos(&clave).unwrap();
        let enrutador = Arc::new(Enrutador::nuevo(Rutas::default().ruta::<Anotar>()).unwrap());
        let fabrica = Fabrica::nueva(base.conexiones(6), base.conexiones(2), (), Arc::clone(&aviso));
        let mediador = Arc::new(Mediador::nuevo(fabrica, Reacciones::default(), Duration::from_secs(20)));
        let salida = Salida::Local(conexiones.clone(), Arc::clone(&aviso));
        let despachador = Despachador::nuevo(Arc::clone(&enrutador), ids.clone(), salida);
        let (parar, bus) = (CancellationToken::new(), Some(BusLocal::nuevo(conexiones.clone())));
        let (entregas, carriles) = (Entregas::nuevas(conexiones.clone(), false), Carriles::nuevos(conexiones));
        let partes = Consumo { ids, enrutador, mediador, bus, entregas, carriles: carriles.clone(), aviso };
        let tarea = consume.then(|| {
            let latidos = tokio::spawn(carriles.mantener(parar.clone()));
            let trabajo = partes.correr(parar.clone());
            tokio::spawn(async move {
                let _al_salir = AbortaAlSalir(latidos.abort_handle());
                trabajo.await;
                latidos.await.unwrap();
            })
        });
        Self { despachador, parar, tarea }
    }

    async fn despachar(&self, id: Uuid, numero: i64) -> Aceptado {
        let contexto = Contexto::nuevo("correlación".into(), "traza".into());
        self.despachador.despachar(contexto, &Anotar { id, numero }).await.unwrap()
    }

    async fn parar(self) {
        self.parar.cancel();
        self.tarea.unwrap().await.unwrap();
    }
}

async fn numeros(base: &BaseDePrueba, id: Uuid) -> Vec<i64> {
    let sql = sqlx::query_scalar("SELECT numero FROM numeros WHERE id = $1 ORDER BY orden").bind(id);
    sql.fetch_all(&mut base.conectar().await).await.unwrap()
}

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
    una.tarea.as_ref().unwrap().abort();
    una.parar.cancel();
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
