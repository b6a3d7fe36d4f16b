//! El buzón en PostgreSQL: quien toma un correo lo arrienda, y el que muere con él lo suelta al vencer el arriendo.

use std::time::Duration;

use sqlx::{FromRow, query, query_as};
use time::OffsetDateTime;
use uuid::Uuid;

use super::repositorios::asunto;
use crate::modulos::notificaciones::aplicacion::puertos::Buzon;
use crate::modulos::notificaciones::dominio::correo::{CorreoPendiente, Desenlace, IdCorreo};
use crate::seedwork::dominio::repositorios::Falla;
use crate::seedwork::infraestructura::conexiones::Conexiones;

/// El buzón sobre un fondo de conexiones.
pub struct BuzonPg {
    /// Las conexiones.
    pub conexiones: Conexiones,
    /// Cuánto dura el arriendo: más que llevar un correo y anotarlo.
    pub arriendo: Duration,
}

#[derive(FromRow)]
struct Fila {
    id: Uuid,
    asunto: String,
    id_recurso: Uuid,
    anotado_en: OffsetDateTime,
    intentos: i32,
}

impl TryFrom<Fila> for CorreoPendiente {
    type Error = Falla;

    fn try_from(fila: Fila) -> Result<Self, Falla> {
        Ok(Self {
            id: IdCorreo(fila.id),
            asunto: asunto(&fila.asunto, fila.id_recurso)?,
            anotado_en: fila.anotado_en,
            intentos: u32::try_from(fila.intentos).map_err(Falla::interna)?,
        })
    }
}

impl Buzon for BuzonPg {
    async fn tomar(&self, cuantos: usize) -> Result<Vec<CorreoPendiente>, Falla> {
        // Un asunto que este programa no conoce es de otro más nuevo.
        let sql = "WITH libres AS (SELECT id FROM correos WHERE terminado_en IS NULL \
                   AND proximo_intento <= clock_timestamp() AND asunto IN ('codigo', 'reserva') \
                   ORDER BY proximo_intento LIMIT $1 FOR UPDATE SKIP LOCKED) \
                   UPDATE correos c SET intentos = intentos + 1, \
                   proximo_intento = clock_timestamp() + make_interval(secs => $2) \
                   FROM libres WHERE c.id = libres.id \
                   RETURNING c.id, c.asunto, c.id_recurso, c.anotado_en, c.intentos";
        let cuantos = i64::try_from(cuantos).map_err(Falla::interna)?;
        let filas: Vec<Fila> =
            self.conexiones.leer(query_as(sql).bind(cuantos).bind(self.arriendo.as_secs_f64())).await?;
        filas.into_iter().map(CorreoPendiente::try_from).collect()
    }

    async fn terminar(&self, correo: &CorreoPendiente, desenlace: Desenlace) -> Result<(), Falla> {
        let (nombre, respuesta) = match desenlace {
            Desenlace::Enviado => ("enviado", None),
            Desenlace::Descartado => ("descartado", None),
            Desenlace::NoEntregable(respuesta) => ("no-entregable", respuesta),
        };
        let respuesta = respuesta.map(i16::try_from).transpose().map_err(Falla::interna)?;
        // Lo enviado, enviado está; lo demás sólo lo decide quien tiene el arriendo, y la cuenta de intentos hace de valla.
        let sql = "UPDATE correos SET terminado_en = clock_timestamp(), desenlace = $2, respuesta_smtp = $3 \
                   WHERE id = $1 AND terminado_en IS NULL AND ($2 = 'enviado' OR intentos = $4)";
        let intentos = i32::try_from(correo.intentos).map_err(Falla::interna)?;
        let sql = query(sql).bind(correo.id.0).bind(nombre).bind(respuesta).bind(intentos);
        self.conexiones.ejecutar(sql).await.map(drop)
    }

    async fn aplazar(&self, correo: &CorreoPendiente, espera: Duration) -> Result<(), Falla> {
        // La cuenta de intentos hace de valla: si otro ya lo tomó, el arriendo es suyo.
        let sql = "UPDATE correos SET proximo_intento = clock_timestamp() + make_interval(secs => $3) \
                   WHERE id = $1 AND intentos = $2 AND terminado_en IS NULL";
        let intentos = i32::try_from(correo.intentos).map_err(Falla::interna)?;
        self.conexiones.ejecutar(query(sql).bind(correo.id.0).bind(intentos).bind(espera.as_secs_f64())).await.map(drop)
    }
}
