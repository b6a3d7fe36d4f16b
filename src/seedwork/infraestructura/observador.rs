//! Lo que se mide en PostgreSQL cuando alguien recoge las métricas: atrasos, letras muertas y bloqueos.

use std::sync::Arc;
use std::time::Duration;

use metrics::Label;
use sqlx::query_as;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};
use tracing::debug;

use super::conexiones::{Conexiones, PlazosPg};
use crate::seedwork::aplicacion::medidas::{
    BASE, BLOQUEADAS, CORREOS, CORREOS_PERDIDOS, EDAD_CORREO, EDAD_PENDIENTE, EDAD_SALIENTE, FONDO, FONDO_ESPERA,
    FONDO_MAXIMO, LETRAS, OTRO, PENDIENTES, SALIENTES, medir,
};
use crate::seedwork::dominio::repositorios::Falla;

/// Cuánto vale una lectura: quien recoge más a menudo recibe la misma.
const VIGENCIA: Duration = Duration::from_secs(2);
/// Cuánto se espera a PostgreSQL, conexión incluida; la mitad de lo que suele esperar Prometheus.
const PLAZO: Duration = Duration::from_secs(5);
/// Cuánto puede durar la consulta: después la corta el propio PostgreSQL.
const SENTENCIA: Duration = Duration::from_secs(3);

/// Cada fila: qué es, de qué tópico si es de alguno, y cuánto. Se cuenta hasta cien mil: con atrasos mayores, contar
/// costaría más que lo que dice. Las edades salen de la primera fila de su índice.
const SQL: &str = "SELECT 'outbox_pending' AS que, NULL AS topico, count(*)::float8 AS valor FROM \
     (SELECT 1 FROM bandeja_salida WHERE publicada_en IS NULL LIMIT 100000) salientes \
     UNION ALL SELECT 'outbox_oldest_age_seconds', NULL, coalesce((SELECT greatest(extract(epoch FROM clock_timestamp() - ocurrido_en), 0) \
     FROM bandeja_salida WHERE publicada_en IS NULL ORDER BY posicion LIMIT 1), 0)::float8 \
     UNION ALL SELECT 'deliveries_oldest_age_seconds', NULL, coalesce((SELECT greatest(extract(epoch FROM clock_timestamp() - publicado_en), 0) \
     FROM entregas ORDER BY posicion LIMIT 1), 0)::float8 \
     UNION ALL SELECT 'deliveries_pending', topico, count(*)::float8 FROM (SELECT topico FROM entregas LIMIT 100000) pendientes GROUP BY topico \
     UNION ALL SELECT 'dead_letters', topico, count(*)::float8 FROM \
     (SELECT topico FROM letras_muertas WHERE descartada_en IS NULL LIMIT 100000) muertas GROUP BY topico \
     UNION ALL SELECT 'emails_pending', NULL, count(*)::float8 FROM (SELECT 1 FROM correos WHERE terminado_en IS NULL LIMIT 100000) por_enviar \
     UNION ALL SELECT 'emails_oldest_age_seconds', NULL, coalesce(max(extract(epoch FROM clock_timestamp() - anotado_en)), 0)::float8 \
     FROM (SELECT anotado_en FROM correos WHERE terminado_en IS NULL LIMIT 100000) por_enviar \
     UNION ALL SELECT 'emails_undeliverable', NULL, count(*)::float8 FROM \
     (SELECT 1 FROM correos WHERE desenlace = 'no-entregable' LIMIT 100000) imposibles \
     UNION ALL SELECT 'db_lock_waiting_sessions', NULL, count(*)::float8 FROM pg_stat_activity \
     WHERE datname = current_database() AND wait_event_type = 'Lock'";

/// Las que se leen de PostgreSQL y no son de ningún tópico.
const SUELTAS: [&str; 7] =
    [SALIENTES, EDAD_SALIENTE, EDAD_PENDIENTE, CORREOS, EDAD_CORREO, CORREOS_PERDIDOS, BLOQUEADAS];

/// Lo que dijo PostgreSQL: qué, de qué tópico y cuánto.
pub type Lectura = Arc<Vec<(String, Option<String>, f64)>>;

type Recordada = Option<(Instant, Option<Lectura>)>;

/// Mide lo que sólo sabe PostgreSQL y los fondos de conexiones.
pub struct Observador {
    conexiones: Conexiones,
    fondos: Vec<(&'static str, Conexiones)>,
    topicos: Vec<&'static str>,
    ultima: Arc<Mutex<Recordada>>,
}

impl Observador {
    /// Mide por esas conexiones, que no deben ser de nadie más, esos fondos y lo de esos tópicos.
    pub fn nuevo(conexiones: Conexiones, fondos: Vec<(&'static str, Conexiones)>, topicos: Vec<&'static str>) -> Self {
        Self { conexiones, fondos, topicos, ultima: Arc::default() }
    }

    /// Los plazos de sus conexiones: medir nunca ocupa a PostgreSQL mucho rato.
    #[must_use]
    pub fn plazos(plazos: PlazosPg) -> PlazosPg {
        PlazosPg { sentencia: SENTENCIA.min(plazos.sentencia), ..plazos }
    }

    /// Lo que dice PostgreSQL ahora, o hace un momento; nada si no contesta. Nunca hay más de una consulta a la vez.
    pub async fn leer(&self) -> Option<Lectura> {
        let (conexiones, ultima) = (self.conexiones.clone(), Arc::clone(&self.ultima));
        // En una tarea propia: si quien recoge se va, la consulta termina y le sirve al siguiente.
        let lectura = tokio::spawn(async move {
            let mut ultima = ultima.lock().await;
            match &*ultima {
                Some((cuando, lectura)) if cuando.elapsed() < VIGENCIA => lectura.clone(),
                _ => {
                    let lectura = consultar(&conexiones).await;
                    *ultima = Some((Instant::now(), lectura.clone()));
                    lectura
                }
            }
        });
        lectura.await.ok().flatten()
    }

    /// Anota los fondos y lo que se leyó; sin lectura, sólo que no la hay.
    pub fn anotar(&self, lectura: Option<&Lectura>) {
        for (nombre, fondo) in &self.fondos {
            let uso = fondo.uso();
            let pool = || Label::from_static_parts("pool", nombre);
            let estado = |estado| vec![pool(), Label::from_static_parts("state", estado)];
            medir(FONDO, estado("idle"), numero(uso.libres));
            medir(FONDO, estado("used"), numero(uso.abiertas.saturating_sub(uso.libres)));
            medir(FONDO_MAXIMO, vec![pool()], numero(uso.maximo));
            medir(FONDO_ESPERA, vec![pool()], numero(uso.esperan));
        }
        medir(BASE, Vec::new(), f64::from(u8::from(lectura.is_some())));
        for (que, _, valor) in lectura.iter().flat_map(|lectura| lectura.iter()) {
            if let Some(nombre) = SUELTAS.into_iter().find(|n| n == que) {
                medir(nombre, Vec::new(), *valor);
            }
        }
        if let Some(lectura) = lectura {
            self.anotar_por_topico(PENDIENTES, lectura);
            self.anotar_por_topico(LETRAS, lectura);
        }
    }

    /// Una por tópico, también de los que no tienen nada; lo que no es de ninguno conocido va junto.
    fn anotar_por_topico(&self, nombre: &'static str, lectura: &Lectura) {
        let mut sin_nombre = 0.0;
        let mut de_cada_uno = vec![0.0; self.topicos.len()];
        for (_, topico, valor) in lectura.iter().filter(|(que, ..)| que == nombre) {
            let lugar = self.topicos.iter().position(|conocido| topico.as_deref() == Some(*conocido));
            *lugar.and_then(|lugar| de_cada_uno.get_mut(lugar)).unwrap_or(&mut sin_nombre) += valor;
        }
        let nombres = self.topicos.iter().copied().chain([OTRO]);
        for (topico, valor) in nombres.zip(de_cada_uno.into_iter().chain([sin_nombre])) {
            medir(nombre, vec![Label::from_static_parts("topic", topico)], valor);
        }
    }
}

async fn consultar(conexiones: &Conexiones) -> Option<Lectura> {
    let leida = timeout(PLAZO, conexiones.leer(query_as(SQL))).await.unwrap_or(Err(Falla::PlazoVencido));
    // Sin avisar más alto: quien recoge ya lo ve en db_up, y las órdenes que fallan ya lo dicen.
    leida.inspect_err(|falla| debug!(%falla, "no se pudo medir en la base de datos")).ok().map(Arc::new)
}

fn numero(cuenta: usize) -> f64 {
    u32::try_from(cuenta).map_or(f64::INFINITY, f64::from)
}
