//! El bus local: la bandeja de salida se reparte en entregas, en PostgreSQL y sin otro servicio que arrancar.

use std::sync::Arc;
use std::time::Duration;

use sqlx::query_as;
use tokio::sync::Notify;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::carriles::{Carriles, vallada};
use super::enrutador::{Provocadores, SUSCRIPCION_COMANDOS, SUSCRIPCION_EVENTOS};
use super::llegadas::nuevas;
use super::racha::Racha;
use crate::carril_propio;
use crate::seedwork::aplicacion::medidas;
use crate::seedwork::dominio::repositorios::Falla;
use crate::seedwork::infraestructura::conexiones::Conexiones;

/// Mensajes que se reparten de una vez.
const LOTE: i64 = 500;
/// Cada cuánto se mira si otra instancia dejó algo, cuando nadie avisa.
const VISTAZO: Duration = Duration::from_millis(100);

/// El bus sobre la base de datos. Sólo reparte lo de los carriles que releva esta instancia.
pub struct BusLocal {
    /// De dónde se lee y dónde se reparte.
    pub conexiones: Conexiones,
    /// Qué claves releva esta instancia.
    pub carriles: Carriles,
    /// Avisa de que hay algo en la bandeja de salida.
    pub aviso: Arc<Notify>,
    /// A quién se avisa de que hay entregas nuevas.
    pub llegadas: Arc<Notify>,
    /// De qué eventos no basta anotar que llegaron.
    pub provocadores: Provocadores,
}

impl BusLocal {
    /// Reparte hasta que se pida parar.
    pub async fn correr(self, parar: CancellationToken) {
        let mut racha = Racha::default();
        while !parar.is_cancelled() {
            match self.repartir().await {
                Ok(true) => {
                    racha.bien();
                    self.llegadas.notify_one();
                    continue;
                }
                Ok(false) => {
                    racha.bien();
                }
                Err(falla) => {
                    if racha.fallo() {
                        warn!(%falla, "el reparto de la bandeja de salida espera a la base de datos");
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

    /// Reparte lo que espera en la bandeja de salida: una entrega por mensaje y suscripción, en una sola transacción. El
    /// evento que no provoca nada, y de cuya clave nada espera, queda anotado como recibido sin pasar por las entregas.
    /// Devuelve si repartió algo.
    /// Con cualquier falla, no se repartió nada.
    async fn repartir(&self) -> Result<bool, Falla> {
        const SQL: &str = concat!(
            "WITH lote AS (SELECT posicion FROM bandeja_salida WHERE publicada_en IS NULL AND ",
            carril_propio!(relevo),
            " ORDER BY posicion LIMIT $2 FOR UPDATE), ",
            "marcadas AS (UPDATE bandeja_salida b SET publicada_en = clock_timestamp() FROM lote ",
            "WHERE b.posicion = lote.posicion AND b.publicada_en IS NULL RETURNING b.*), ",
            "dirigidas AS (SELECT *, CASE WHEN topico LIKE 'comandos-%' THEN $3 ELSE $4 END AS suscripcion FROM marcadas ",
            "WHERE topico NOT LIKE '%-dlq'), ",
            "clasificadas AS (SELECT *, bool_or(suscripcion = $3 OR topico || '/' || tipo = ANY($5)) OVER ",
            "(PARTITION BY suscripcion, clave ORDER BY posicion) OR EXISTS (SELECT 1 FROM entregas e ",
            "WHERE e.clave = d.clave AND e.suscripcion IS NOT DISTINCT FROM d.suscripcion) AS se_atiende FROM dirigidas d), ",
            "anotadas AS (INSERT INTO bandeja_entrada (suscripcion, id_mensaje) SELECT suscripcion, id::text ",
            "FROM clasificadas WHERE NOT se_atiende ORDER BY posicion ON CONFLICT DO NOTHING RETURNING 1), ",
            "guardadas AS (INSERT INTO entregas ",
            "(suscripcion, id_mensaje, topico, clave, tipo, datos, correlacion, traceparent, publicado_en) ",
            "SELECT suscripcion, id::text, topico, clave, tipo, datos, correlacion, traceparent, ocurrido_en ",
            "FROM clasificadas WHERE se_atiende ORDER BY posicion ON CONFLICT (suscripcion, id_mensaje) DO NOTHING RETURNING 1) ",
            "SELECT (SELECT count(*) FROM anotadas), (SELECT count(*) FROM guardadas)",
        );
        let sql = query_as(vallada(SQL)).bind(self.carriles.id()).bind(LOTE).bind(SUSCRIPCION_COMANDOS);
        let sql = sql.bind(SUSCRIPCION_EVENTOS).bind(self.provocadores.nombres());
        let filas: Vec<(i64, i64)> = self.conexiones.leer(sql).await?;
        let repartidas = nuevas(&filas);
        medidas::publicados(repartidas);
        Ok(repartidas > 0)
    }
}
