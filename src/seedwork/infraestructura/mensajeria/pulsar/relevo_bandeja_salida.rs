//! El relevo: publica la bandeja de salida en Pulsar y la marca después del recibo.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use sqlx::{query, query_as};
use time::OffsetDateTime;
use tokio::sync::Notify;
use tokio::time::{MissedTickBehavior, interval, sleep};
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use super::publicador::Publicador;
use super::ventana::{Envio, Fila, Pedido, Recibo, Ventana};
use crate::carril_propio;
use crate::seedwork::aplicacion::medidas;
use crate::seedwork::dominio::repositorios::Falla;
use crate::seedwork::infraestructura::conexiones::Conexiones;
use crate::seedwork::infraestructura::mensajeria::carriles::{Carriles, vallada};
use crate::seedwork::infraestructura::mensajeria::racha::Racha;
use crate::seedwork::infraestructura::trazas::{Clase, Tramo};

/// Cada cuánto se mira si otra instancia dejó algo, cuando nadie avisa.
const VISTAZO: Duration = Duration::from_millis(100);

/// Lo que pasa, como mínimo, de una lectura a la siguiente cuando no hay atraso. Un evento solo no espera; los que siguen se
/// juntan, y con carga se leen, se publican y se marcan más de una vez.
const RITMO: Duration = Duration::from_millis(20);

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
        let (mut racha, mut ventana, mut ritmo) = (Racha::default(), Ventana::default(), interval(RITMO));
        ritmo.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while parar.run_until_cancelled(ritmo.tick()).await.is_some() {
            match self.vaciar(&mut ventana, &parar).await {
                Ok(publico) => {
                    racha.bien();
                    if publico {
                        continue;
                    }
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

    /// Publica lo que espera; dice si conviene seguir enseguida. Con atraso, lee el lote siguiente y marca el anterior
    /// mientras envía; sin él acaba con lo que tiene antes de volver a leer, y así lo que llega entretanto se junta.
    async fn vaciar(&self, ventana: &mut Ventana, parar: &CancellationToken) -> Result<bool, Falla> {
        let (mut lecturas, mut marcas) = (FuturesUnordered::new(), FuturesUnordered::new());
        let mut envios = FuturesUnordered::new();
        let (mut atraso, mut publico, mut falla) = (true, false, None);
        loop {
            if falla.is_some() || parar.is_cancelled() {
                atraso = false;
                ventana.soltar();
            }
            if atraso && lecturas.is_empty() {
                lecturas.extend(ventana.pedido().map(|pedido| self.leer(pedido)));
            }
            envios.extend(std::iter::from_fn(|| ventana.por_enviar()).map(|fila| self.enviar(fila)));
            if marcas.is_empty() {
                marcas.extend(ventana.por_marcar().map(|recibos| self.marcar(recibos)));
            }
            tokio::select! {
                Some(envio) = envios.next() => {
                    publico |= envio.recibo.is_some();
                    ventana.terminado(envio);
                }
                Some(leidas) = lecturas.next() => match leidas {
                    Ok((filas, lleno)) => {
                        atraso = lleno;
                        ventana.recibir(filas);
                    }
                    Err(error) => falla = Some(error),
                },
                Some((recibos, marcados)) = marcas.next() => {
                    ventana.marcados(&recibos);
                    falla = falla.or(marcados.err());
                }
                else => return falla.map_or(Ok(publico), Err),
            }
        }
    }

    /// Lee un lote, y dice si queda más.
    async fn leer(&self, pedido: Pedido) -> Result<(Vec<Fila>, bool), Falla> {
        if self.carriles.en_pausa() || !self.publicador.preparado().await {
            return Ok((Vec::new(), false));
        }
        let filas = self.pendientes(&pedido).await?;
        let lleno = pedido.lleno(&filas);
        Ok((filas, lleno))
    }

    /// Lo primero que no está publicado ni leído. La subconsulta de `NOT IN` se resume una vez, y el índice se recorre en
    /// orden; con una lista, cada fila se compararía con cada posición.
    async fn pendientes(&self, pedido: &Pedido) -> Result<Vec<Fila>, Falla> {
        const SQL: &str = concat!(
            "SELECT posicion, id, topico, clave, tipo, datos, ocurrido_en, correlacion, causa, traceparent, propiedades FROM ",
            "(SELECT *, sum(octet_length(datos)) OVER (ORDER BY posicion) - octet_length(datos) AS antes FROM ",
            "(SELECT * FROM bandeja_salida WHERE publicada_en IS NULL AND clave <> ALL($3) AND ",
            "posicion NOT IN (SELECT unnest($5::bigint[])) AND ",
            carril_propio!(relevo),
            " ORDER BY posicion LIMIT $2) lote) medido WHERE antes <= $4 ORDER BY posicion",
        );
        let (filas, bytes) = (i64::try_from(pedido.filas), i64::try_from(pedido.bytes));
        let sql = query_as(vallada(SQL))
            .bind(self.carriles.id())
            .bind(filas.map_err(Falla::interna)?)
            .bind(&pedido.castigadas)
            .bind(bytes.map_err(Falla::interna)?)
            .bind(&pedido.leidas);
        self.conexiones.leer(sql).await
    }

    /// Publica un mensaje y espera su recibo. Un pánico al hacerlo es una falla más de su clave.
    async fn enviar(&self, fila: Fila) -> Envio {
        let (clave, posicion, bytes) = (fila.clave, fila.posicion, fila.bytes());
        let mut tramo = tramo(&fila);
        let publicado = AssertUnwindSafe(self.publicador.publicar(fila.into())).catch_unwind().await;
        if publicado.is_err() {
            error!(%clave, "publicar un mensaje terminó en pánico");
        }
        let recibo = matches!(publicado, Ok(Ok(()))).then(OffsetDateTime::now_utc);
        if recibo.is_some() {
            medidas::publicados(1);
        } else {
            tramo.fallar();
            medidas::fallo_al_publicar();
        }
        Envio { clave, posicion, bytes, recibo }
    }

    /// Marca lo que tuvo recibo, con su momento, si el carril sigue siendo de esta instancia: quien lo perdió no marca nada.
    async fn marcar(&self, recibos: Vec<Recibo>) -> (Vec<Recibo>, Result<(), Falla>) {
        const SQL: &str = concat!(
            "UPDATE bandeja_salida SET publicada_en = momento ",
            "FROM unnest($2::bigint[], $3::timestamptz[]) AS recibo(lugar, momento) ",
            "WHERE posicion = lugar AND publicada_en IS NULL AND ",
            carril_propio!(relevo),
        );
        let (lugares, momentos): (Vec<_>, Vec<_>) = recibos.iter().copied().unzip();
        let sql = query(vallada(SQL)).bind(self.carriles.id()).bind(lugares).bind(momentos);
        let marcados = self.conexiones.ejecutar(sql).await.map(drop);
        (recibos, marcados)
    }
}

/// El mensaje lleva el tramo de quien lo dejó en la bandeja; este cuelga de él y dice cuándo llegó al bróker.
fn tramo(fila: &Fila) -> Tramo {
    let nombre = || format!("publish {}", fila.topico).into();
    let mut tramo = Tramo::abrir(Clase::Cliente, nombre, Some(&fila.traceparent));
    tramo.atributo("messaging.system", || "pulsar");
    tramo.atributo("messaging.destination.name", || fila.topico.clone());
    tramo
}
