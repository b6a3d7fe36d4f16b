//! Lo que un operador quiere saber de un vistazo, leído de la base de datos sin cambiar nada.

use serde::Serialize;
use sqlx::{FromRow, query_as};
use uuid::Uuid;

use super::conexiones::Conexiones;
use super::migraciones::{Esquema, esquema};
use crate::seedwork::dominio::repositorios::Falla;

/// Desde cuándo es preocupante que algo siga esperando, en segundos: más que cualquier recuperación prometida.
const ESPERA_LARGA: f64 = 60.0;

/// Las dos consultas de un reparto: quién late con qué carriles, y cuáles no tiene nadie.
macro_rules! reparto {
    ($instancias:literal, $carriles:literal) => {
        (
            concat!(
                "SELECT i.id, extract(epoch FROM clock_timestamp() - i.latido)::float8 AS latido, ",
                "array_remove(array_agg(c.carril ORDER BY c.carril), NULL) AS carriles FROM ",
                $instancias,
                " i LEFT JOIN ",
                $carriles,
                " c ON c.dueno = i.id AND c.latido > clock_timestamp() - interval '3 seconds' ",
                "WHERE i.latido > clock_timestamp() - interval '3 seconds' GROUP BY i.id, i.latido ORDER BY i.id",
            ),
            concat!(
                "SELECT carril FROM ",
                $carriles,
                " WHERE dueno IS NULL OR latido < clock_timestamp() - interval '3 seconds' ",
                "ORDER BY carril",
            ),
        )
    };
}

/// Cómo está todo. Las edades son segundos.
#[derive(Debug, Serialize)]
pub struct Estado {
    /// La versión de este programa.
    pub programa: &'static str,
    /// Las sesiones y la versión de PostgreSQL.
    pub servidor: Servidor,
    /// Qué migraciones tiene el esquema.
    pub esquema: Esquema,
    /// Lo demás, si el esquema está al día.
    pub trabajo: Option<Trabajo>,
}

/// PostgreSQL y las sesiones que el servicio tiene en él.
#[derive(Debug, Serialize, FromRow)]
pub struct Servidor {
    /// Su versión.
    pub version: String,
    /// Cuántas sesiones admite.
    pub admite: i64,
    /// Cuántas hay, de todos sus clientes.
    pub sesiones: i64,
    /// Cuántas son de este servicio, sin contar la que pregunta.
    pub nuestras: i64,
    /// De las nuestras, cuántas están trabajando.
    pub activas: i64,
    /// De las nuestras, cuántas tienen una transacción abierta sin hacer nada.
    pub ociosas_en_transaccion: i64,
    /// De las nuestras, cuántas esperan un bloqueo.
    pub bloqueadas: i64,
    /// Cuánto lleva abierta nuestra transacción más vieja.
    pub transaccion_mas_vieja: Option<f64>,
}

/// Lo que el servicio tiene entre manos.
#[derive(Debug, Serialize)]
pub struct Trabajo {
    /// Quién atiende lo que llega (el rol `consumidor`).
    pub atender: Reparto,
    /// Quién saca la bandeja de salida (el rol `relevo`).
    pub relevar: Reparto,
    /// Lo que espera por publicarse o por repartirse.
    pub bandeja_salida: Cola,
    /// Lo que espera por atenderse, por suscripción.
    pub entregas: Vec<Entregas>,
    /// Lo apartado que espera a que alguien decida, por tópico.
    pub letras_muertas: Vec<Letras>,
    /// Los correos que se intentan.
    pub correos: Correos,
    /// Cómo terminaron los comandos de la última hora.
    pub comandos: Comandos,
}

/// Cómo se reparten un trabajo las instancias.
#[derive(Debug, Serialize)]
pub struct Reparto {
    /// Las que laten.
    pub instancias: Vec<Instancia>,
    /// Los carriles que no tiene ninguna.
    pub carriles_sueltos: Vec<i16>,
}

/// Los correos anotados y no terminados, y los que no se pudieron entregar.
#[derive(Debug, Default, Serialize, FromRow)]
pub struct Correos {
    /// Cuántos quedan por enviar.
    pub por_enviar: i64,
    /// Cuántos se dieron por imposibles y siguen guardados.
    pub no_entregables: i64,
}

/// Una instancia que mueve mensajes, y lo que tiene arrendado.
#[derive(Debug, Serialize, FromRow)]
pub struct Instancia {
    /// Su identidad; cambia en cada arranque.
    pub id: Uuid,
    /// Hace cuánto latió.
    pub latido: f64,
    /// Sus carriles.
    pub carriles: Vec<i16>,
}

/// Cuántos esperan, y cuánto lleva el primero.
#[derive(Debug, Default, Serialize, FromRow)]
pub struct Cola {
    /// Cuántos.
    pub pendientes: i64,
    /// La edad del más viejo.
    pub mas_viejo: Option<f64>,
}

/// Lo que espera en una suscripción.
#[derive(Debug, Serialize, FromRow)]
pub struct Entregas {
    /// La suscripción.
    pub suscripcion: String,
    /// Cuántas entregas y desde cuándo.
    #[sqlx(flatten)]
    #[serde(flatten)]
    pub cola: Cola,
    /// Cuántas de ellas ya fallaron alguna vez.
    pub reintentandose: i64,
}

/// Las letras muertas de un tópico.
#[derive(Debug, Serialize, FromRow)]
pub struct Letras {
    /// El tópico.
    pub topico: String,
    /// Cuántas.
    pub cuantas: i64,
}

/// Cómo terminaron unos comandos.
#[derive(Debug, Default, Serialize, FromRow)]
pub struct Comandos {
    /// Los que se cumplieron.
    pub ejecutados: i64,
    /// Los que se rechazaron.
    pub rechazados: i64,
}

impl Estado {
    /// Lo lee todo. No cambia nada, tampoco el esquema.
    ///
    /// # Errors
    /// Las de la base de datos.
    pub async fn leer(conexiones: &Conexiones) -> Result<Self, Falla> {
        let servidor =
            una(conexiones, SERVIDOR).await?.ok_or_else(|| Falla::interna("PostgreSQL no dice cómo está"))?;
        let esquema = esquema(conexiones).await?;
        let trabajo = if esquema.al_dia() { Some(Trabajo::leer(conexiones).await?) } else { None };
        Ok(Self { programa: env!("CARGO_PKG_VERSION"), servidor, esquema, trabajo })
    }

    /// Lo que pide que alguien lo mire, en palabras; vacío si todo va bien.
    pub fn avisos(&self) -> Vec<String> {
        let mut avisos = self.servidor.avisos();
        match &self.trabajo {
            Some(trabajo) => avisos.extend(trabajo.avisos()),
            None => avisos.push("el esquema no está al día: «aeroalpes migrar», o arrancar el servicio".into()),
        }
        avisos
    }
}

impl Servidor {
    fn avisos(&self) -> Vec<String> {
        let mut avisos = Vec::new();
        if self.sesiones * 10 >= self.admite * 9 {
            avisos.push(format!("PostgreSQL tiene {} sesiones de {}", self.sesiones, self.admite));
        }
        if let Some(edad) = self.transaccion_mas_vieja.filter(|edad| *edad >= ESPERA_LARGA) {
            avisos.push(format!("una transacción lleva abierta {edad:.0} s"));
        }
        avisos
    }
}

impl Trabajo {
    async fn leer(conexiones: &Conexiones) -> Result<Self, Falla> {
        Ok(Self {
            atender: Reparto::leer(conexiones, reparto!("instancias", "carriles")).await?,
            relevar: Reparto::leer(conexiones, reparto!("instancias_relevo", "carriles_relevo")).await?,
            bandeja_salida: una(conexiones, BANDEJA_SALIDA).await?.unwrap_or_default(),
            entregas: conexiones.leer(query_as(ENTREGAS)).await?,
            letras_muertas: conexiones.leer(query_as(LETRAS)).await?,
            correos: una(conexiones, CORREOS).await?.unwrap_or_default(),
            comandos: una(conexiones, COMANDOS).await?.unwrap_or_default(),
        })
    }

    fn avisos(&self) -> Vec<String> {
        let mut avisos = Vec::new();
        avisos.extend(self.atender.aviso("atiende lo que llega"));
        avisos.extend(self.relevar.aviso("saca la bandeja de salida"));
        if let Some(edad) = self.bandeja_salida.demasiado() {
            avisos.push(format!("la bandeja de salida no avanza: el primero espera hace {edad:.0} s"));
        }
        for entregas in &self.entregas {
            if let Some(edad) = entregas.cola.demasiado() {
                avisos.push(format!("{}: la primera entrega espera hace {edad:.0} s", entregas.suscripcion));
            }
        }
        if self.correos.no_entregables > 0 {
            avisos.push(format!("{} correos no se pudieron entregar", self.correos.no_entregables));
        }
        let letras: i64 = self.letras_muertas.iter().map(|letras| letras.cuantas).sum();
        if letras > 0 {
            avisos.push(format!("{letras} letras muertas esperan: «aeroalpes letras-muertas listar»"));
        }
        avisos
    }
}

impl Reparto {
    async fn leer(conexiones: &Conexiones, (instancias, sueltos): (&'static str, &'static str)) -> Result<Self, Falla> {
        let sueltos: Vec<(i16,)> = conexiones.leer(query_as(sueltos)).await?;
        let carriles_sueltos = sueltos.into_iter().map(|(carril,)| carril).collect();
        Ok(Self { instancias: conexiones.leer(query_as(instancias)).await?, carriles_sueltos })
    }

    fn aviso(&self, que: &str) -> Option<String> {
        match self.carriles_sueltos.len() {
            _ if self.instancias.is_empty() => Some(format!("ninguna instancia {que}")),
            0 => None,
            sueltos => Some(format!("nadie {que} en {sueltos} carriles")),
        }
    }
}

impl Cola {
    /// La edad del más viejo, si es para preocuparse.
    fn demasiado(&self) -> Option<f64> {
        self.mas_viejo.filter(|edad| *edad >= ESPERA_LARGA)
    }
}

async fn una<T>(conexiones: &Conexiones, sql: &'static str) -> Result<Option<T>, Falla>
where
    T: for<'r> FromRow<'r, sqlx::postgres::PgRow> + Send + Unpin,
{
    Ok(conexiones.leer(query_as(sql)).await?.into_iter().next())
}

const SERVIDOR: &str = "WITH todas AS (SELECT *, datname = current_database() AND application_name = 'aeroalpes' \
     AND pid <> pg_backend_pid() AS nuestra FROM pg_stat_activity WHERE backend_type = 'client backend') \
     SELECT current_setting('server_version') AS version, current_setting('max_connections')::bigint AS admite, \
     count(*) AS sesiones, count(*) FILTER (WHERE nuestra) AS nuestras, \
     count(*) FILTER (WHERE nuestra AND state = 'active') AS activas, \
     count(*) FILTER (WHERE nuestra AND state LIKE 'idle in transaction%') AS ociosas_en_transaccion, \
     count(*) FILTER (WHERE nuestra AND wait_event_type = 'Lock') AS bloqueadas, \
     extract(epoch FROM clock_timestamp() - min(xact_start) FILTER (WHERE nuestra))::float8 AS transaccion_mas_vieja \
     FROM todas";

const BANDEJA_SALIDA: &str = "SELECT count(*) AS pendientes, \
     extract(epoch FROM clock_timestamp() - min(ocurrido_en))::float8 AS mas_viejo \
     FROM bandeja_salida WHERE publicada_en IS NULL";

const ENTREGAS: &str = "SELECT suscripcion, count(*) AS pendientes, \
     extract(epoch FROM clock_timestamp() - min(publicado_en))::float8 AS mas_viejo, \
     count(*) FILTER (WHERE intentos > 0 OR esperas > 0) AS reintentandose \
     FROM entregas GROUP BY suscripcion ORDER BY suscripcion";

const LETRAS: &str = "SELECT topico, count(*) AS cuantas FROM letras_muertas \
     WHERE descartada_en IS NULL GROUP BY topico ORDER BY topico";

const COMANDOS: &str = "SELECT count(*) FILTER (WHERE rechazo IS NULL) AS ejecutados, \
     count(*) FILTER (WHERE rechazo IS NOT NULL) AS rechazados FROM resultados_comando \
     WHERE terminado_en > now() - interval '1 hour'";

const CORREOS: &str = "SELECT count(*) FILTER (WHERE terminado_en IS NULL) AS por_enviar, \
     count(*) FILTER (WHERE terminado_en IS NOT NULL) AS no_entregables FROM correos \
     WHERE terminado_en IS NULL OR desenlace = 'no-entregable'";
