//! Resultados de comandos en PostgreSQL.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use sqlx::FromRow;
use sqlx::types::Json;
use time::OffsetDateTime;
use uuid::Uuid;

use super::ids::IdsComando;
use crate::seedwork::aplicacion::recepcion::{ComandoRecibido, Fin, Recepcion};
use crate::seedwork::aplicacion::rechazo::{Clase, Rechazo};
use crate::seedwork::aplicacion::resultados::{ConsultasResultados, Procedencia, Terminado};
use crate::seedwork::dominio::repositorios::Falla;
use crate::seedwork::infraestructura::averias::{Guarda, quitada};
use crate::seedwork::infraestructura::conexiones::Conexiones;
use crate::seedwork::infraestructura::lector_pg::LectorPg;
use crate::seedwork::infraestructura::sentencias::Escritura;
use crate::seedwork::infraestructura::servicios::ConServicios;

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
    let (suscripcion, id) = (recepcion.suscripcion.clone(), recepcion.id_mensaje.clone());
    Escritura::insercion("bandeja_entrada", Uuid::now_v7(), move |sql| {
        sql.push("INSERT INTO bandeja_entrada (suscripcion, id_mensaje) VALUES (").push_bind(suscripcion);
        sql.push(", ").push_bind(id).push(")");
        if quitada(Guarda::BandejaEntrada) {
            sql.push(" ON CONFLICT (suscripcion, id_mensaje) DO UPDATE SET recibida_en = excluded.recibida_en");
        }
    })
}

/// La fila del resultado de un comando.
pub fn resultado(comando: &ComandoRecibido, fin: Fin) -> Escritura {
    let ComandoRecibido { id, nombre, recurso } = comando.clone();
    let rechazo = match fin {
        Fin::Ejecutado => None,
        Fin::Rechazado(rechazo) => Some(Json(RechazoGuardado::from(rechazo))),
    };
    Escritura::insercion("resultados_comando", id, move |sql| {
        sql.push("INSERT INTO resultados_comando (id, comando, recurso, rechazo) VALUES (");
        let mut valores = sql.separated(", ");
        valores.push_bind(id).push_bind(nombre).push_bind(recurso).push_bind(rechazo);
        sql.push(")");
        if quitada(Guarda::BandejaEntrada) {
            sql.push(" ON CONFLICT (id) DO UPDATE SET rechazo = excluded.rechazo");
        }
    })
}

/// Anota de quién es un comando que se va a aceptar. El de una solicitud que se repite ya estaba anotado.
///
/// # Errors
/// Las de la base de datos.
pub async fn anotar_dueno(conexiones: &Conexiones, id: Uuid, usuario: Uuid) -> Result<(), Falla> {
    let sql = "INSERT INTO comandos_de_usuarios (id, id_usuario) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING";
    conexiones.ejecutar(sqlx::query(sql).bind(id).bind(usuario)).await.map(drop)
}

#[derive(FromRow)]
struct Fila {
    comando: String,
    recurso: Option<String>,
    rechazo: Option<Json<RechazoGuardado>>,
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

    async fn terminado(&self, id: Uuid) -> Result<Option<Terminado>, Falla> {
        let sql = "SELECT comando, recurso, rechazo FROM resultados_comando WHERE id = $1";
        let fila: Option<Fila> = self.leer_una(sqlx::query_as(sql).bind(id)).await?;
        Ok(fila.map(|Fila { comando, recurso, rechazo }| {
            let fin = rechazo.map_or(Fin::Ejecutado, |Json(rechazo)| Fin::Rechazado(rechazo.into()));
            Terminado { comando, recurso, fin }
        }))
    }
}
