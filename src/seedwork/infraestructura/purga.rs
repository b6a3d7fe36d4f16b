//! La purga: lo que ya pasó su edad se borra en pasos pequeños, sin que nadie espere por ella.

use std::time::Duration;

use sqlx::query;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::conexiones::Conexiones;
use super::mensajeria::enrutador::{SUSCRIPCION_COMANDOS, SUSCRIPCION_EVENTOS};
use super::mensajeria::racha::Racha;
use crate::seedwork::dominio::repositorios::Falla;

/// Filas que se borran de una vez, como mucho.
const PASO: i32 = 500;
/// Cuánto se descansa entre dos pasos.
const PAUSA: Duration = Duration::from_millis(50);
/// Cada cuánto se da una pasada por todas las tablas.
const CADA: Duration = Duration::from_mins(10);

/// Cuántos días se guarda cada cosa después de terminada.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Guardar {
    /// Qué comandos se recibieron: lo que impide que uno repetido corra dos veces.
    pub recibidos: i32,
    /// Cómo terminaron los comandos.
    pub resultados: i32,
    /// Los eventos ya publicados y recibidos, que son la historia de cada agregación.
    pub historias: i32,
    /// Los demás mensajes ya publicados: comandos y copias de letras muertas.
    pub publicados: i32,
    /// Las letras muertas que alguien descartó.
    pub descartadas: i32,
    /// Los correos ya terminados: a quién se le envió algo y cuándo, por su identidad.
    pub correos: i32,
    /// Las claves de idempotencia, con la respuesta o el comando de su solicitud.
    pub claves: i32,
}

/// Borra de una tabla las filas más viejas que `$1` días según una columna, y si cumplen la condición; `$2` a lo sumo.
/// Lo que otro tiene bloqueado se deja para otra vez: así tampoco se estorban dos instancias.
macro_rules! viejas {
    ($tabla:literal, $edad:literal $(, $condicion:literal)?) => {
        concat!(
            "DELETE FROM ", $tabla, " WHERE ctid = ANY (ARRAY(SELECT ctid FROM ", $tabla, " t WHERE ", $edad,
            " < now() - make_interval(days => $1) ", $("AND ", $condicion,)?
            " ORDER BY ", $edad, " LIMIT $2 FOR UPDATE SKIP LOCKED))"
        )
    };
}

/// Un evento y la constancia de que lo recibimos se van juntos, y sólo si se publicó y lo recibimos: así la historia no
/// dice nunca que falta por volver algo que volvió. Uno que está en letras muertas tampoco se toca.
const HISTORIAS: &str = "WITH viejos AS (SELECT posicion, id::text AS id_mensaje FROM bandeja_salida s \
     WHERE publicada_en < now() - make_interval(days => $1) AND topico LIKE 'eventos-%' AND topico NOT LIKE '%-dlq' \
     AND EXISTS (SELECT 1 FROM bandeja_entrada e WHERE e.suscripcion = $3 AND e.id_mensaje = s.id::text) \
     AND NOT EXISTS (SELECT 1 FROM letras_muertas l WHERE l.suscripcion = $3 AND l.id_mensaje = s.id::text) \
     ORDER BY publicada_en LIMIT $2 FOR UPDATE SKIP LOCKED), \
     recibidos AS (DELETE FROM bandeja_entrada e USING viejos v WHERE e.suscripcion = $3 AND e.id_mensaje = v.id_mensaje) \
     DELETE FROM bandeja_salida s USING viejos v WHERE s.posicion = v.posicion";

/// Lo que se purga, en orden. Añadir una tabla es añadir aquí una línea, con un índice por la columna de su edad.
const TABLAS: [Tabla; 11] = [
    Tabla::nueva("resultados de comandos", viejas!("resultados_comando", "terminado_en"), &[], |g| g.resultados),
    Tabla::nueva("historias", HISTORIAS, &[SUSCRIPCION_EVENTOS], |g| g.historias),
    Tabla::nueva(
        "mensajes publicados",
        viejas!("bandeja_salida", "publicada_en", "(topico NOT LIKE 'eventos-%' OR topico LIKE '%-dlq')"),
        &[],
        |g| g.publicados,
    ),
    // Mientras una letra muerta viva, un mensaje repetido tiene que seguir pareciéndolo.
    Tabla::nueva(
        "comandos recibidos",
        viejas!(
            "bandeja_entrada",
            "recibida_en",
            "suscripcion = $3 AND NOT EXISTS (SELECT 1 FROM letras_muertas l \
             WHERE l.suscripcion = t.suscripcion AND l.id_mensaje = t.id_mensaje)"
        ),
        &[SUSCRIPCION_COMANDOS],
        |g| g.recibidos,
    ),
    // Los eventos propios se van con su historia; estos son los que publicó otro. A los propios que siguen guardados aun
    // siendo tan viejos los delata que son los pocos que no se han podido borrar.
    Tabla::nueva(
        "eventos ajenos recibidos",
        viejas!(
            "bandeja_entrada",
            "recibida_en",
            "suscripcion = $3 AND recibida_en < now() - make_interval(days => 2 * $1) AND NOT EXISTS (SELECT 1 \
             FROM letras_muertas l WHERE l.suscripcion = t.suscripcion AND l.id_mensaje = t.id_mensaje) \
             AND NOT EXISTS (SELECT 1 FROM bandeja_salida s WHERE s.id::text = t.id_mensaje \
             AND (s.publicada_en IS NULL OR (s.publicada_en < now() - make_interval(days => $1) \
             AND s.topico LIKE 'eventos-%' AND s.topico NOT LIKE '%-dlq')))"
        ),
        &[SUSCRIPCION_EVENTOS],
        |g| g.historias,
    ),
    Tabla::nueva("letras muertas descartadas", viejas!("letras_muertas", "descartada_en"), &[], |g| g.descartadas),
    Tabla::nueva("correos terminados", viejas!("correos", "terminado_en"), &[], |g| g.correos),
    Tabla::nueva("claves de idempotencia", viejas!("idempotencia", "creada_en"), &[], |g| g.claves),
    // Más que sus resultados, que se escriben hasta 7 días después: quien pregunte por uno suyo tiene que poder verlo.
    Tabla::nueva("dueños de comandos", viejas!("comandos_de_usuarios", "aceptado_en"), &[], |g| {
        g.resultados.saturating_add(8)
    }),
    // Una instancia viva late cada segundo.
    Tabla::nueva("instancias que ya no están", viejas!("instancias", "latido"), &[], |_| 1),
    Tabla::nueva("instancias de relevo que ya no están", viejas!("instancias_relevo", "latido"), &[], |_| 1),
];

/// Cómo se purga una tabla.
struct Tabla {
    nombre: &'static str,
    sql: &'static str,
    otros: &'static [&'static str],
    dias: fn(&Guardar) -> i32,
}

impl Tabla {
    /// `sql` recibe los días, el tamaño del paso y los `otros`, en ese orden.
    const fn nueva(
        nombre: &'static str,
        sql: &'static str,
        otros: &'static [&'static str],
        dias: fn(&Guardar) -> i32,
    ) -> Self {
        Self { nombre, sql, otros, dias }
    }
}

/// Por dónde va una pasada.
pub struct Paso {
    /// Lo que se está borrando.
    pub tabla: &'static str,
    /// Cuántas filas suyas van.
    pub filas: u64,
    /// Cuántas tablas se terminaron ya.
    pub hechas: usize,
    /// De cuántas.
    pub tablas: usize,
}

/// Borra lo que ya pasó su edad.
pub struct Purga {
    conexiones: Conexiones,
    guardar: Guardar,
}

impl Purga {
    /// Sobre ese fondo de conexiones, de las que usa una, y con esas edades.
    pub const fn nueva(conexiones: Conexiones, guardar: Guardar) -> Self {
        Self { conexiones, guardar }
    }

    /// Da una pasada cada 10 min hasta que se pida parar; entonces termina el paso que empezó.
    pub async fn correr(self, parar: CancellationToken) {
        let mut racha = Racha::default();
        while !parar.is_cancelled() {
            let espera = match self.pasada(&parar, |_| ()).await {
                Ok(cuentas) => {
                    racha.bien();
                    for (que, filas) in cuentas.into_iter().filter(|(_, filas)| *filas > 0) {
                        info!(que, filas, "purga");
                    }
                    CADA
                }
                Err(falla) => {
                    if racha.fallo() {
                        warn!(%falla, "la purga espera a la base de datos");
                    }
                    racha.pausa()
                }
            };
            parar.run_until_cancelled(sleep(espera)).await;
        }
    }

    /// Borra ahora todo lo que ya pasó su edad, o hasta que se pida parar, y dice cuántas filas de cada cosa. A `avanzar`
    /// se le dice cómo va, en cada paso.
    ///
    /// # Errors
    /// Las de la base de datos; lo borrado antes, borrado está.
    pub async fn pasada(
        &self,
        parar: &CancellationToken,
        mut avanzar: impl FnMut(Paso),
    ) -> Result<Vec<(&'static str, u64)>, Falla> {
        let (mut cuentas, mut primera) = (Vec::with_capacity(TABLAS.len()), None);
        for (hechas, tabla) in TABLAS.iter().enumerate() {
            let avanzar = |filas| avanzar(Paso { tabla: tabla.nombre, filas, hechas, tablas: TABLAS.len() });
            match self.recorrer(tabla, parar, avanzar).await {
                Ok(filas) => cuentas.push((tabla.nombre, filas)),
                // Una tabla que no se deja no impide que se purguen las demás.
                Err(falla) => primera = primera.or(Some(falla)),
            }
        }
        primera.map_or(Ok(cuentas), Err)
    }

    async fn recorrer(
        &self,
        tabla: &Tabla,
        parar: &CancellationToken,
        mut avanzar: impl FnMut(u64),
    ) -> Result<u64, Falla> {
        let mut filas = 0;
        while !parar.is_cancelled() {
            avanzar(filas);
            let borradas = self.paso(tabla).await?;
            filas += borradas;
            if borradas < PASO.unsigned_abs().into() {
                break;
            }
            parar.run_until_cancelled(sleep(PAUSA)).await;
        }
        Ok(filas)
    }

    async fn paso(&self, tabla: &Tabla) -> Result<u64, Falla> {
        let sql = query(tabla.sql).bind((tabla.dias)(&self.guardar)).bind(PASO);
        self.conexiones.ejecutar(tabla.otros.iter().fold(sql, |sql, otro| sql.bind(*otro))).await
    }
}
