//! El bus local: la bandeja de salida se reparte en entregas, en PostgreSQL y sin otro servicio que arrancar.

use sqlx::query;
use uuid::Uuid;

use super::carriles::vallada;
use super::enrutador::{SUSCRIPCION_COMANDOS, SUSCRIPCION_EVENTOS};
use crate::carril_propio;
use crate::seedwork::aplicacion::medidas;
use crate::seedwork::dominio::repositorios::Falla;
use crate::seedwork::infraestructura::conexiones::Conexiones;

/// Mensajes que se reparten de una vez.
const LOTE: i64 = 500;

/// El bus sobre la base de datos. Sólo mueve lo de los carriles de la instancia que llama.
#[derive(Clone)]
pub struct BusLocal {
    conexiones: Conexiones,
}

impl BusLocal {
    /// El bus sobre ese fondo de conexiones.
    pub const fn nuevo(conexiones: Conexiones) -> Self {
        Self { conexiones }
    }

    /// Reparte lo que espera en la bandeja de salida: una entrega por mensaje y suscripción, en una sola transacción.
    /// Devuelve si hizo alguna.
    ///
    /// # Errors
    /// Las de la base de datos; con cualquiera, no se repartió nada.
    pub async fn repartir(&self, dueno: Uuid) -> Result<bool, Falla> {
        const SQL: &str = concat!(
            "WITH lote AS (SELECT posicion FROM bandeja_salida WHERE publicada_en IS NULL AND ",
            carril_propio!(),
            " ORDER BY posicion LIMIT $2 FOR UPDATE), ",
            "marcadas AS (UPDATE bandeja_salida b SET publicada_en = clock_timestamp() FROM lote ",
            "WHERE b.posicion = lote.posicion AND b.publicada_en IS NULL RETURNING b.*) ",
            "INSERT INTO entregas (suscripcion, id_mensaje, topico, clave, tipo, datos, correlacion, traceparent, publicado_en) ",
            "SELECT CASE WHEN topico LIKE 'comandos-%' THEN $3 ELSE $4 END, ",
            "id::text, topico, clave, tipo, datos, correlacion, traceparent, ocurrido_en FROM marcadas ",
            "WHERE topico NOT LIKE '%-dlq' ORDER BY posicion ON CONFLICT (suscripcion, id_mensaje) DO NOTHING",
        );
        let sql = query(vallada(SQL)).bind(dueno).bind(LOTE).bind(SUSCRIPCION_COMANDOS).bind(SUSCRIPCION_EVENTOS);
        let filas = self.conexiones.ejecutar(sql).await?;
        medidas::publicados(filas);
        Ok(filas > 0)
    }
}
