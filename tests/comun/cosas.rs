//! Una tabla de juguete para probar la unidad de trabajo y el mediador sin ningún módulo del negocio.

use aeroalpes::seedwork::aplicacion::mensajes::ErrorModulo;
use aeroalpes::seedwork::aplicacion::rechazo::Rechazo;
use aeroalpes::seedwork::dominio::eventos::EventoDominio;
use aeroalpes::seedwork::dominio::repositorios::Falla;
use aeroalpes::seedwork::infraestructura::despacho::avro::ErrorAvro;
use aeroalpes::seedwork::infraestructura::despacho::{Publicable, Sobre};
use aeroalpes::seedwork::infraestructura::fabrica_pg::FabricaPg;
use aeroalpes::seedwork::infraestructura::sentencias::Escritura;
use aeroalpes::seedwork::infraestructura::unidad_trabajo_pg::UnidadTrabajoPg;
use sqlx::AssertSqlSafe;
use time::OffsetDateTime;
use uuid::Uuid;

use super::BaseDePrueba;

/// Una fábrica sin servicios.
pub type Fabrica = FabricaPg<()>;

/// Una fábrica con su propio fondo de conexiones.
pub fn fabrica(base: &BaseDePrueba, conexiones: usize) -> Fabrica {
    FabricaPg::nueva(base.conexiones(conexiones), base.conexiones(2), (), std::sync::Arc::default())
}

/// Crea la tabla, si falta, y una cosa con valor 0 y versión 1.
pub async fn crear(base: &BaseDePrueba) -> Uuid {
    let id = Uuid::now_v7();
    base.ordenar("CREATE TABLE IF NOT EXISTS cosas (id uuid PRIMARY KEY, valor int NOT NULL, version bigint NOT NULL)")
        .await;
    base.ordenar("CREATE TABLE IF NOT EXISTS numeros (id uuid, numero bigint, orden bigserial)").await;
    base.ordenar(&format!("INSERT INTO cosas VALUES ('{id}', 0, 1)")).await;
    id
}

/// El valor guardado, visto desde fuera.
pub async fn valor(base: &BaseDePrueba, id: Uuid) -> Option<i32> {
    let sql = AssertSqlSafe(format!("SELECT valor FROM cosas WHERE id = '{id}'"));
    sqlx::query_scalar(sql).fetch_optional(&mut base.conectar().await).await.unwrap()
}

/// Si la lectura bloquea la fila.
#[derive(Clone, Copy)]
pub enum Bloquea {
    Si,
    No,
}

/// El valor y la versión, leídos dentro de la unidad de trabajo.
pub async fn leer(udt: &mut UnidadTrabajoPg<()>, id: Uuid, bloquea: Bloquea) -> Result<(i32, i64), Falla> {
    let sql = match bloquea {
        Bloquea::Si => "SELECT valor, version FROM cosas WHERE id = $1 FOR UPDATE",
        Bloquea::No => "SELECT valor, version FROM cosas WHERE id = $1",
    };
    udt.leer_una("cosas", sqlx::query_as(sql).bind(id)).await.map(Option::unwrap)
}

pub fn insercion(id: Uuid, valor: i32) -> Escritura {
    Escritura::insercion(
        "cosas",
        id,
        vec![("id", id.into()), ("valor", i64::from(valor).into()), ("version", 1.into())],
    )
}

/// Añade un número a la lista de una cosa.
pub fn numero(id: Uuid, numero: i64) -> Escritura {
    Escritura::insercion("numeros", Uuid::now_v7(), vec![("id", id.into()), ("numero", numero.into())])
}

pub fn cambio(id: Uuid, valor: i32, version: i64) -> Escritura {
    Escritura::cambio("cosas", id, move |sql| {
        sql.push("UPDATE cosas SET version = version + 1, valor = ").push_bind(valor);
        sql.push(" WHERE id = ").push_bind(id).push(" AND version = ").push_bind(version);
    })
}

/// Un evento de una cosa.
#[derive(Debug)]
pub struct CosaCambiada {
    pub id: Uuid,
}

impl EventoDominio for CosaCambiada {
    fn ocurrido_en(&self) -> OffsetDateTime {
        OffsetDateTime::UNIX_EPOCH
    }
}

impl Publicable for CosaCambiada {
    fn sobre(&self) -> Result<Sobre, ErrorAvro> {
        Ok(Sobre {
            id: Uuid::now_v7(),
            topico: "eventos-cosa",
            clave: self.id,
            tipo: "CosaCambiada",
            ocurrido_en: self.ocurrido_en(),
            datos: vec![],
        })
    }
}

/// El error de este módulo de juguete.
#[derive(Debug, thiserror::Error)]
pub enum ErrorCosas {
    #[error(transparent)]
    Falla(#[from] Falla),
    #[error(transparent)]
    Rechazo(#[from] Rechazo),
}

impl ErrorModulo for ErrorCosas {
    fn falla(&self) -> Option<&Falla> {
        match self {
            Self::Falla(falla) => Some(falla),
            Self::Rechazo(_) => None,
        }
    }

    fn en_falla(self) -> Result<Falla, Rechazo> {
        match self {
            Self::Falla(falla) => Ok(falla),
            Self::Rechazo(rechazo) => Err(rechazo),
        }
    }

    fn rechazo(&self) -> Rechazo {
        match self {
            Self::Falla(falla) => falla.into(),
            Self::Rechazo(rechazo) => rechazo.clone(),
        }
    }
}
