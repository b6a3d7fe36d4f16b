//! El relevo: publica la bandeja de salida en Pulsar y la marca después del recibo.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use sqlx::types::Json;
use sqlx::{FromRow, query, query_as};
use time::OffsetDateTime;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};
use uuid::Uuid;

use super::publicador::{PorPublicar, Publicador};
use crate::carril_propio;
use crate::seedwork::aplicacion::medidas;
use crate::seedwork::dominio::repositorios::Falla;
use crate::seedwork::infraestructura::conexiones::Conexiones;
use crate::seedwork::infraestructura::mensajeria::carriles::{Carriles, vallada};
use crate::seedwork::infraestructura::mensajeria::racha::{Racha, espera};
use crate::seedwork::infraestructura::trazas::{Clase, Tramo};

/// Mensajes que se publican de una vez.
const LOTE: i64 = 1_000;
/// Cada cuánto se mira si otra instancia dejó algo, cuando nadie avisa.
const VISTAZO: Duration = Duration::from_millis(100);
/// Lo que puede ocupar en memoria un lote, en bytes, además de su primer mensaje.
const BYTES_LOTE: i64 = 16 * 1024 * 1024;
/// Cuánto espera, como mucho, una clave cuyo envío no tuvo recibo.
const CASTIGO: Duration = Duration::from_secs(1);

#[derive(FromRow)]
struct Fila {
    posicion: i64,
    id: Uuid,
    topico: String,
    clave: Uuid,
    tipo: String,
    datos: Vec<u8>,
    ocurrido_en: OffsetDateTime,
    correlacion: String,
    causa: Option<Uuid>,
    traceparent: String,
    propiedades: Option<Json<HashMap<String, String>>>,
}

impl From<Fila> for PorPublicar {
    fn from(fila: Fila) -> Self {
        Self {
            topico: fila.topico,
            id: fila.id.to_string(),
            clave: fila.clave.to_string(),
            tipo: fila.tipo,
            datos: fila.datos,
            ocurrido_en: fila.ocurrido_en,
            correlacion: fila.correlacion,
            causa: fila.causa.map(|causa| causa.to_string()),
            traceparent: fila.traceparent,
            propiedades: fila.propiedades.map(|Json(propiedades)| propiedades).unwrap_or_default(),
        }
    }
}

/// Publica lo de los carriles de esta instancia. De cada clave hay como mucho un mensaje sin recibo: si uno falla, los
/// siguientes de su clave esperan, y así las primeras apariciones salen en orden.
pub struct Relevo {
    /// De dónde se lee y dónde se marca.
    pub conexiones: Conexiones,
    /// Qué claves releva esta instancia.
    pub carriles: Carriles,
    /// Por dónde se publica.
    pub publicador: Arc<Publicador>,
    /// Avisa de que hay algo nuevo.
    pub aviso: Arc<Notify>,
}

impl Relevo {
    /// Publica hasta que se pida parar; lo que esté en vuelo espera su recibo.
    pub async fn correr(self, parar: CancellationToken) {
        let (mut racha, mut castigadas) = (Racha::default(), Castigadas::default());
        while !parar.is_cancelled() {
            match self.lote(&mut castigadas).await {
                Ok(true) => {
                    racha.bien();
                    continue;
                }
                Ok(false) => {
                    racha.bien();
                }
                Err(falla) => {
                    if racha.fallo() {
                        warn!(%falla, "el relevo espera a la base de datos");
                    }
                    parar.run_until_cancelled(sleep(racha.pausa())).await;
                }
            }
            tokio::select! {
                () = self.aviso.notified() => {}
                () = sleep(VISTAZO) => {}
                () = parar.cancelled() => {}
            }
        }
    }

    /// Publica un lote; dice si conviene seguir enseguida.
    async fn lote(&self, castigadas: &mut Castigadas) -> Result<bool, Falla> {
        if !self.publicador.preparado().await {
            return Ok(false);
        }
        let mut por_clave = BTreeMap::<Uuid, Vec<Fila>>::new();
        for fila in self.pendientes(&castigadas.vigentes()).await? {
            por_clave.entry(fila.clave).or_default().push(fila);
        }
        let mut claves = JoinSet::new();
        for (clave, filas) in por_clave {
            claves.spawn(publicar_clave(Arc::clone(&self.publicador), clave, filas));
        }
        let mut publicadas = Vec::new();
        while let Some(terminada) = claves.join_next().await {
            match terminada {
                Ok(Publicadas { recibos, fallo }) => {
                    publicadas.extend(recibos);
                    castigadas.castigar(fallo);
                }
                Err(causa) => error!(%causa, "el relevo de una clave terminó en pánico"),
            }
        }
        self.marcar(&publicadas).await?;
        Ok(!publicadas.is_empty())
    }

    async fn pendientes(&self, castigadas: &[Uuid]) -> Result<Vec<Fila>, Falla> {
        const SQL: &str = concat!(
            "SELECT posicion, id, topico, clave, tipo, datos, ocurrido_en, correlacion, causa, traceparent, propiedades FROM ",
            "(SELECT *, sum(octet_length(datos)) OVER (ORDER BY posicion) - octet_length(datos) AS antes FROM ",
            "(SELECT * FROM bandeja_salida WHERE publicada_en IS NULL AND clave <> ALL($3) AND ",
            carril_propio!(relevo),
            " ORDER BY posicion LIMIT $2) lote) medido WHERE antes <= $4 ORDER BY posicion",
        );
        let sql = query_as(vallada(SQL)).bind(self.carriles.id()).bind(LOTE).bind(castigadas).bind(BYTES_LOTE);
        self.conexiones.leer(sql).await
    }

    /// Marca lo que tuvo recibo, con su momento, si el carril sigue siendo de esta instancia: quien lo perdió no marca nada.
    async fn marcar(&self, recibos: &[(i64, OffsetDateTime)]) -> Result<(), Falla> {
        const SQL: &str = concat!(
            "UPDATE bandeja_salida SET publicada_en = momento ",
            "FROM unnest($2::bigint[], $3::timestamptz[]) AS recibo(lugar, momento) ",
            "WHERE posicion = lugar AND publicada_en IS NULL AND ",
            carril_propio!(relevo),
        );
        if recibos.is_empty() {
            return Ok(());
        }
        let (lugares, momentos): (Vec<_>, Vec<_>) = recibos.iter().copied().unzip();
        self.conexiones
            .ejecutar(query(vallada(SQL)).bind(self.carriles.id()).bind(lugares).bind(momentos))
            .await
            .map(drop)
    }
}

/// Las claves cuyo último envío no tuvo recibo: esperan un poco, para no quitarles el lugar a las demás.
#[derive(Default)]
struct Castigadas(HashMap<Uuid, Instant>);

impl Castigadas {
    fn castigar(&mut self, clave: Option<Uuid>) {
        self.0.extend(clave.map(|clave| (clave, Instant::now() + espera(u32::MAX, CASTIGO))));
    }

    fn vigentes(&mut self) -> Vec<Uuid> {
        let ahora = Instant::now();
        self.0.retain(|_, hasta| *hasta > ahora);
        self.0.keys().copied().collect()
    }
}

/// Lo que se publicó de una clave, y la clave misma si algo quedó sin recibo.
struct Publicadas {
    recibos: Vec<(i64, OffsetDateTime)>,
    fallo: Option<Uuid>,
}

/// El mensaje lleva el tramo de quien lo dejó en la bandeja; este cuelga de él y dice cuándo llegó al bróker.
fn tramo(fila: &Fila) -> Tramo {
    let nombre = || format!("publish {}", fila.topico).into();
    let mut tramo = Tramo::abrir(Clase::Cliente, nombre, Some(&fila.traceparent));
    tramo.atributo("messaging.system", || "pulsar");
    tramo.atributo("messaging.destination.name", || fila.topico.clone());
    tramo
}

/// Publica los mensajes de una clave, de uno en uno, hasta el primero sin recibo.
async fn publicar_clave(publicador: Arc<Publicador>, clave: Uuid, filas: Vec<Fila>) -> Publicadas {
    let mut recibos = Vec::with_capacity(filas.len());
    for fila in filas {
        let posicion = fila.posicion;
        let mut tramo = tramo(&fila);
        if publicador.publicar(fila.into()).await.is_err() {
            tramo.fallar();
            medidas::fallo_al_publicar();
            return Publicadas { recibos, fallo: Some(clave) };
        }
        medidas::publicados(1);
        recibos.push((posicion, OffsetDateTime::now_utc()));
    }
    Publicadas { recibos, fallo: None }
}
