//! Resultados de comandos en PostgreSQL.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use sqlx::FromRow;
use sqlx::types::Json;
use time::OffsetDateTime;
use uuid::Uuid;

use super::enrutador::SUSCRIPCION_COMANDOS;
use super::ids::IdsComando;
use crate::seedwork::aplicacion::recepcion::{ComandoRecibido, Fin, Recepcion};
use crate::seedwork::aplicacion::rechazo::{Clase, Rechazo};
use crate::seedwork::aplicacion::resultados::{
    ConsultasResultados, Procedencia, Resultado, Seguimiento, Terminado, Tiempos,
};
use crate::seedwork::dominio::repositorios::Falla;
use crate::seedwork::infraestructura::averias::{Guarda, quitada};
use crate::seedwork::infraestructura::conexiones::Conexiones;
use crate::seedwork::infraestructura::lector_pg::LectorPg;
use crate::seedwork::infraestructura::sentencias::Escritura;
use crate::seedwork::infraestructura::servicios::ConServicios;
use crate::seedwork::infraestructura::valores::documento;

/// Un rechazo tal como se guarda. Los nombres de aquí quedan en la base de datos.
#[derive(Serialize, Deserialize)]
pub struct RechazoGuardado {
    clase: String,
    codigo: String,
    regla: Option<String>,
    mensaje: String,
    puntero: Option<String>,
}

impl From<Rechazo> for RechazoGuardado {
    fn from(rechazo: Rechazo) -> Self {
        Self {
            clase: rechazo.clase.nombre().into(),
            codigo: rechazo.codigo.into_owned(),
            regla: rechazo.regla.map(Cow::into_owned),
            mensaje: rechazo.mensaje,
            puntero: rechazo.puntero,
        }
    }
}

impl From<RechazoGuardado> for Rechazo {
    fn from(guardado: RechazoGuardado) -> Self {
        Self {
            clase: Clase::de_nombre(&guardado.clase),
            codigo: guardado.codigo.into(),
            regla: guardado.regla.map(Cow::Owned),
            mensaje: guardado.mensaje,
            puntero: guardado.puntero,
            espera: None,
        }
    }
}

/// Un rechazo, listo para guardarse como JSON.
pub fn guardado(rechazo: Rechazo) -> Json<impl Serialize> {
    Json(RechazoGuardado::from(rechazo))
}

/// La fila de la bandeja de entrada (*inbox*): una segunda vez, la transacción entera falla.
pub fn entrada(recepcion: &Recepcion) -> Escritura {
    let columnas = vec![
        ("suscripcion", recepcion.suscripcion.clone().into()),
        ("id_mensaje", recepcion.id_mensaje.clone().into()),
    ];
    let entrada = Escritura::insercion("bandeja_entrada", Uuid::now_v7(), columnas);
    if quitada(Guarda::BandejaEntrada) {
        return entrada
            .si_choca("ON CONFLICT (suscripcion, id_mensaje) DO UPDATE SET recibida_en = excluded.recibida_en");
    }
    entrada
}

/// La entrega deja de estar pendiente en la misma transacción que su efecto: nadie puede hallarla ya cumplida. Lo que se
/// atiende al llegar no la tiene.
pub fn atendida(recepcion: &Recepcion) -> Option<Escritura> {
    let posicion = recepcion.posicion?;
    Some(Escritura::borrado("entregas", Uuid::now_v7(), ("posicion", posicion.into())))
}

/// La fila del resultado de un comando.
///
/// # Errors
/// [`Falla::Interna`] si el rechazo no se deja escribir.
pub fn resultado(comando: &ComandoRecibido, fin: Fin) -> Result<Escritura, Falla> {
    let ComandoRecibido { id, nombre, recurso, recibido_en } = comando.clone();
    let rechazo = match fin {
        Fin::Ejecutado => None,
        Fin::Rechazado(rechazo) => Some(documento(&RechazoGuardado::from(rechazo))?),
    };
    let columnas = vec![
        ("id", id.into()),
        ("comando", nombre.into()),
        ("recurso", recurso.into()),
        ("rechazo", rechazo.into()),
        ("recibido_en", recibido_en.into()),
    ];
    let resultado = Escritura::insercion("resultados_comando", id, columnas);
    if quitada(Guarda::BandejaEntrada) {
        return Ok(resultado.si_choca("ON CONFLICT (id) DO UPDATE SET rechazo = excluded.rechazo"));
    }
    Ok(resultado)
}

/// Anota de quién es un comando que se va a aceptar. El de una solicitud que se repite ya estaba anotado.
///
/// # Errors
/// Las de la base de datos.
pub async fn anotar_dueno(conexiones: &Conexiones, id: Uuid, usuario: Uuid) -> Result<(), Falla> {
    let sql = "INSERT INTO comandos_de_usuarios (id, id_usuario) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING";
    conexiones.ejecutar(sqlx::query(sql).bind(id).bind(usuario)).await.map(drop)
}

/// Lo que hay guardado de unos comandos, terminados o no, en una sola mirada. Cada uno se busca por su identidad: sin
/// `OFFSET 0` PostgreSQL juntaría las tablas de otra forma, y el plan dependería de cuánto hubiera al hacerlo.
macro_rules! seguimiento {
    ($pedidos:literal) => {
        concat!(
            "SELECT p.id, r.comando, r.recurso, r.rechazo, r.terminado_en, ",
            "coalesce(r.recibido_en, e.recibida_en) AS recibido_en FROM ",
            $pedidos,
            " AS p (id) LEFT JOIN LATERAL (SELECT * FROM resultados_comando WHERE id = p.id OFFSET 0) r ON true ",
            "LEFT JOIN LATERAL (SELECT recibida_en FROM entregas ",
            "WHERE suscripcion = $2 AND id_mensaje = p.id::text OFFSET 0) e ON true"
        )
    };
}

#[derive(FromRow)]
struct Fila {
    id: Uuid,
    comando: Option<String>,
    recurso: Option<String>,
    rechazo: Option<Json<RechazoGuardado>>,
    terminado_en: Option<OffsetDateTime>,
    recibido_en: Option<OffsetDateTime>,
}

impl Fila {
    fn seguimiento(self, ids: &IdsComando) -> Seguimiento {
        let tiempos = Tiempos {
            aceptado_en: ids.aceptado_en(self.id),
            recibido_en: self.recibido_en,
            cumplido_en: self.terminado_en,
        };
        let fin = self.rechazo.map_or(Fin::Ejecutado, |Json(rechazo)| Fin::Rechazado(rechazo.into()));
        let terminado = |comando| Resultado::Terminado(Terminado { comando, recurso: self.recurso, fin });
        Seguimiento { resultado: self.comando.map_or(Resultado::Pendiente, terminado), tiempos }
    }
}

/// Cómo van esos comandos, que se dan por aceptados.
///
/// # Errors
/// Las de la base de datos.
pub async fn seguimientos(
    conexiones: &Conexiones,
    ids: &IdsComando,
    pedidos: &[Uuid],
) -> Result<Vec<(Uuid, Seguimiento)>, Falla> {
    let sql = sqlx::query_as(seguimiento!("unnest($1::uuid[])")).bind(pedidos).bind(SUSCRIPCION_COMANDOS);
    let filas: Vec<Fila> = conexiones.leer(sql).await?;
    Ok(filas.into_iter().map(|fila| (fila.id, fila.seguimiento(ids))).collect())
}

impl<S: AsRef<IdsComando> + Send + Sync> ConsultasResultados for LectorPg<S> {
    fn procedencia(&self, id: Uuid) -> Procedencia {
        self.servicios().as_ref().procedencia(id, OffsetDateTime::now_utc())
    }

    async fn dueno(&self, id: Uuid) -> Result<Option<Uuid>, Falla> {
        let sql = "SELECT id_usuario FROM comandos_de_usuarios WHERE id = $1";
        let fila: Option<(Uuid,)> = self.leer_una(sqlx::query_as(sql).bind(id)).await?;
        Ok(fila.map(|(dueno,)| dueno))
    }

    async fn seguimiento(&self, id: Uuid) -> Result<Seguimiento, Falla> {
        // Con una sola no hace falta una lista, que obliga a PostgreSQL a hacer otro plan cada vez.
        let sql = sqlx::query_as(seguimiento!("(SELECT $1::uuid)")).bind(id).bind(SUSCRIPCION_COMANDOS);
        let fila: Option<Fila> = self.leer_una(sql).await?;
        let fila = fila.ok_or_else(|| Falla::interna("PostgreSQL no respondió por el comando"))?;
        Ok(fila.seguimiento(self.servicios().as_ref()))
    }
}
