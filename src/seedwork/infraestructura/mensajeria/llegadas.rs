//! Lo que llega: se guarda para atenderlo o, si no provoca nada, se anota que llegó.

use std::collections::HashSet;
use std::sync::Arc;

use sqlx::{FromRow, query_as};
use time::OffsetDateTime;
use uuid::Uuid;

use super::comandos::Leido;
use super::enrutador::{Provocadores, SUSCRIPCION_EVENTOS};
use super::entregas::Entregas;
use crate::seedwork::aplicacion::medidas::{self, Desenlace};
use crate::seedwork::dominio::repositorios::Falla;
use crate::seedwork::infraestructura::averias::{Guarda, quitada};

/// Un mensaje que llegó por un bus.
#[derive(Debug, Clone, FromRow)]
pub struct Llegada {
    /// La suscripción.
    pub suscripcion: String,
    /// La identidad del mensaje.
    pub id_mensaje: String,
    /// El tópico.
    pub topico: String,
    /// La clave de orden.
    pub clave: Uuid,
    /// El nombre del evento o comando.
    pub tipo: String,
    /// El dato de Avro con nuestro esquema o, si no se pudo leer, tal como llegó.
    pub datos: Vec<u8>,
    /// La correlación de la petición que lo causó.
    pub correlacion: String,
    /// La traza de la petición que lo causó.
    pub traceparent: String,
    /// Cuándo se publicó.
    pub publicado_en: OffsetDateTime,
    /// Por qué no se pudo leer al recibirlo, si no se pudo.
    pub ilegible: Option<String>,
    /// Cuándo lo sacó alguien de las letras muertas, si lo sacó.
    pub reintentada_en: Option<OffsetDateTime>,
    /// Cuándo llegó.
    pub recibida_en: OffsetDateTime,
    /// Sus datos ya leídos, si quien lo recibió acaba de hacerlo.
    #[sqlx(skip)]
    pub leido: Option<Leido>,
}

impl Llegada {
    /// La identidad del comando, si trae uno del que se pueda contar el resultado: sin un UUID nadie sabría preguntarlo.
    #[must_use]
    pub fn id_comando(&self) -> Option<Uuid> {
        self.topico.starts_with("comandos-").then(|| Uuid::parse_str(&self.id_mensaje).ok()).flatten()
    }
}

/// Cuántas eran nuevas, dadas las que se anotaron y las que se guardaron para atenderlas; de las primeras ya consta que
/// se recibieron.
pub(super) fn nuevas(filas: &[(i64, i64)]) -> u64 {
    let contar = |filas: i64| u64::try_from(filas).unwrap_or_default();
    let (anotadas, guardadas) =
        filas.first().map_or((0, 0), |(anotadas, guardadas)| (contar(*anotadas), contar(*guardadas)));
    medidas::entregas(SUSCRIPCION_EVENTOS, Desenlace::Ejecutado, anotadas);
    anotadas + guardadas
}

impl Entregas {
    /// Guarda lo que llegó de un bróker, en orden. Lo que ya había llegado se ignora, y se cuenta. El evento que no
    /// provoca nada, y de cuya clave nada espera, queda anotado como recibido sin pasar por las entregas. Dice si quedó
    /// algo por atender.
    ///
    /// # Errors
    /// Las de la base de datos; con cualquiera, no se guardó nada.
    pub async fn recibir(&self, llegadas: &[Arc<Llegada>]) -> Result<bool, Falla> {
        const SQL: &str = "WITH llegadas AS (SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::uuid[], $5::text[], \
            $6::bytea[], $7::text[], $8::text[], $9::timestamptz[], $10::text[], $11::boolean[]) WITH ORDINALITY AS \
            l(suscripcion, id_mensaje, topico, clave, tipo, datos, correlacion, traceparent, publicado_en, ilegible, \
            se_anota, orden) WHERE $12 OR NOT EXISTS (SELECT 1 FROM bandeja_entrada e \
            WHERE e.suscripcion = l.suscripcion AND e.id_mensaje = l.id_mensaje)), \
            clasificadas AS (SELECT *, se_anota AND NOT EXISTS (SELECT 1 FROM entregas e \
            WHERE e.clave = l.clave AND e.suscripcion IS NOT DISTINCT FROM l.suscripcion) AS basta_anotar FROM llegadas l), \
            anotadas AS (INSERT INTO bandeja_entrada (suscripcion, id_mensaje) SELECT suscripcion, id_mensaje \
            FROM clasificadas WHERE basta_anotar ORDER BY orden ON CONFLICT DO NOTHING RETURNING 1), \
            guardadas AS (INSERT INTO entregas (suscripcion, id_mensaje, topico, clave, tipo, datos, correlacion, \
            traceparent, publicado_en, ilegible) SELECT suscripcion, id_mensaje, topico, clave, tipo, datos, correlacion, \
            traceparent, publicado_en, ilegible FROM clasificadas WHERE NOT basta_anotar ORDER BY orden \
            ON CONFLICT (suscripcion, id_mensaje) DO NOTHING RETURNING 1) \
            SELECT (SELECT count(*) FROM anotadas), (SELECT count(*) FROM guardadas)";
        let columna = |dato: fn(&Llegada) -> String| llegadas.iter().map(|llegada| dato(llegada)).collect::<Vec<_>>();
        let sql = query_as(SQL)
            .bind(columna(|l| l.suscripcion.clone()))
            .bind(columna(|l| l.id_mensaje.clone()))
            .bind(columna(|l| l.topico.clone()))
            .bind(llegadas.iter().map(|l| l.clave).collect::<Vec<_>>())
            .bind(columna(|l| l.tipo.clone()))
            .bind(llegadas.iter().map(|l| l.datos.clone()).collect::<Vec<_>>())
            .bind(columna(|l| l.correlacion.clone()))
            .bind(columna(|l| l.traceparent.clone()))
            .bind(llegadas.iter().map(|l| l.publicado_en).collect::<Vec<_>>())
            .bind(llegadas.iter().map(|l| l.ilegible.clone()).collect::<Vec<_>>())
            .bind(se_anotan(&self.provocadores, llegadas))
            .bind(quitada(Guarda::BandejaEntrada));
        let filas: Vec<(i64, i64)> = self.conexiones.leer(sql).await?;
        let llegaron = u64::try_from(llegadas.len()).unwrap_or_default();
        medidas::duplicados(llegaron.saturating_sub(nuevas(&filas)));
        Ok(filas.iter().any(|(_, guardadas)| *guardadas > 0))
    }
}

/// De cuáles basta anotar que llegaron. De la que va detrás de otra de su clave que sí se atiende, no: se adelantaría.
fn se_anotan(provocadores: &Provocadores, llegadas: &[Arc<Llegada>]) -> Vec<bool> {
    let mut atendidas = HashSet::new();
    let se_anota = |llegada: &Arc<Llegada>| {
        let es_evento = llegada.suscripcion == SUSCRIPCION_EVENTOS;
        let basta = es_evento
            && llegada.ilegible.is_none()
            && !provocadores.tienen(&llegada.topico, &llegada.tipo)
            && !atendidas.contains(&llegada.clave);
        if es_evento && !basta {
            atendidas.insert(llegada.clave);
        }
        basta
    };
    llegadas.iter().map(se_anota).collect()
}

#[cfg(test)]
mod pruebas {
    use super::super::enrutador::SUSCRIPCION_COMANDOS;
    use super::*;

    fn llegada(suscripcion: &str, tipo: &str, clave: Uuid) -> Llegada {
        let epoca = OffsetDateTime::UNIX_EPOCH;
        Llegada {
            suscripcion: suscripcion.to_owned(),
            id_mensaje: String::new(),
            topico: "eventos-cosa".to_owned(),
            clave,
            tipo: tipo.to_owned(),
            datos: Vec::new(),
            correlacion: String::new(),
            traceparent: String::new(),
            publicado_en: epoca,
            ilegible: None,
            reintentada_en: None,
            recibida_en: epoca,
            leido: None,
        }
    }

    #[test]
    fn solo_se_anota_el_evento_que_no_provoca_nada_y_no_adelanta_a_nadie() {
        let provocadores = Provocadores(["eventos-cosa/Provoca".to_owned()].into());
        let (una, otra) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let ilegible = Llegada { ilegible: Some("roto".into()), ..llegada(SUSCRIPCION_EVENTOS, "Nada", otra) };
        let llegadas = [
            llegada(SUSCRIPCION_EVENTOS, "Nada", una),
            llegada(SUSCRIPCION_COMANDOS, "Nada", una),
            llegada(SUSCRIPCION_EVENTOS, "Nada", una),
            llegada(SUSCRIPCION_EVENTOS, "Provoca", una),
            llegada(SUSCRIPCION_EVENTOS, "Nada", una),
            llegada(SUSCRIPCION_EVENTOS, "Nada", otra),
            ilegible,
            llegada(SUSCRIPCION_EVENTOS, "Nada", otra),
        ]
        .map(Arc::new);
        assert_eq!(se_anotan(&provocadores, &llegadas), [true, false, true, false, false, true, false, false]);
    }
}
