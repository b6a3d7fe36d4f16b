//! Qué fue de los mensajes de una clave: cuándo ocurrieron, salieron y volvieron.

use sqlx::FromRow;
use time::OffsetDateTime;
use uuid::Uuid;

use super::enrutador::SUSCRIPCION_EVENTOS;
use crate::seedwork::dominio::repositorios::Falla;
use crate::seedwork::infraestructura::lector_pg::LectorPg;

/// Un mensaje y sus momentos.
#[derive(Debug, Clone, FromRow)]
pub struct Paso {
    /// El nombre del evento.
    pub tipo: String,
    /// Cuándo ocurrió.
    pub ocurrido_en: OffsetDateTime,
    /// Cuándo confirmó el bus que lo tenía.
    pub publicada_en: Option<OffsetDateTime>,
    /// Cuándo lo recibió nuestro propio consumidor.
    pub recibida_en: Option<OffsetDateTime>,
}

impl<S> LectorPg<S> {
    /// Los mensajes de una clave en un tópico, en orden.
    ///
    /// # Errors
    /// Las de la base de datos.
    pub async fn historia(&self, topico: &str, clave: Uuid) -> Result<Vec<Paso>, Falla> {
        let sql = "SELECT s.tipo, s.ocurrido_en, s.publicada_en, e.recibida_en FROM bandeja_salida s \
                   LEFT JOIN bandeja_entrada e ON e.suscripcion = $3 AND e.id_mensaje = s.id::text \
                   WHERE s.topico = $1 AND s.clave = $2 ORDER BY s.posicion";
        self.leer(sqlx::query_as(sql).bind(topico).bind(clave).bind(SUSCRIPCION_EVENTOS)).await
    }
}
