//! El SQL de lectura de las reservas.

use sqlx::types::Json;
use sqlx::{FromRow, Postgres, QueryBuilder};
use time::OffsetDateTime;
use uuid::Uuid;

use super::documento::Documento;
use super::repositorios::estado;
use super::schema::v1::eventos::TOPICO;
use crate::modulos::vuelos::aplicacion::dto::{ReservaDetalle, ReservaResumen};
use crate::modulos::vuelos::aplicacion::puertos::ConsultasReservas;
use crate::modulos::vuelos::aplicacion::queries::{EventoEnHistoria, FiltroReservas};
use crate::modulos::vuelos::dominio::reserva::{IdCliente, IdReserva};
use crate::seedwork::aplicacion::paginas::Pedido;
use crate::seedwork::dominio::repositorios::Falla;
use crate::seedwork::infraestructura::lector_pg::LectorPg;
use crate::seedwork::infraestructura::mensajeria::historia::Paso;

const COLUMNAS: &str = "SELECT id, id_cliente, estado, fecha_creacion, fecha_actualizacion FROM reservas";

#[derive(FromRow)]
struct FilaResumen {
    id: Uuid,
    id_cliente: Option<Uuid>,
    estado: String,
    fecha_creacion: OffsetDateTime,
    fecha_actualizacion: OffsetDateTime,
}

#[derive(FromRow)]
struct FilaDetalle {
    #[sqlx(flatten)]
    resumen: FilaResumen,
    itinerarios: Json<Documento>,
}

impl TryFrom<FilaResumen> for ReservaResumen {
    type Error = Falla;

    fn try_from(fila: FilaResumen) -> Result<Self, Falla> {
        Ok(Self {
            id: IdReserva(fila.id),
            id_cliente: fila.id_cliente.map(IdCliente),
            estado: estado(&fila.estado)?,
            fecha_creacion: fila.fecha_creacion,
            fecha_actualizacion: fila.fecha_actualizacion,
        })
    }
}

impl TryFrom<FilaDetalle> for ReservaDetalle {
    type Error = Falla;

    fn try_from(fila: FilaDetalle) -> Result<Self, Falla> {
        let itinerarios = fila.itinerarios.0.try_into().map_err(Falla::interna)?;
        Ok(Self { resumen: fila.resumen.try_into()?, itinerarios })
    }
}

impl<S: Send + Sync> ConsultasReservas for LectorPg<S> {
    async fn detalle(&self, id: IdReserva) -> Result<Option<ReservaDetalle>, Falla> {
        let sql = "SELECT id, id_cliente, estado, fecha_creacion, fecha_actualizacion, itinerarios \
                   FROM reservas WHERE id = ANY($1)";
        let fila: Option<FilaDetalle> = self.leer_por_id(sql, id.0).await?;
        fila.map(ReservaDetalle::try_from).transpose()
    }

    async fn lista(&self, filtro: FiltroReservas, pedido: Pedido) -> Result<Vec<ReservaResumen>, Falla> {
        let mut sql = consulta_de_lista(filtro, pedido);
        let filas: Vec<FilaResumen> = self.leer(sql.build_query_as()).await?;
        filas.into_iter().map(ReservaResumen::try_from).collect()
    }

    async fn resumenes(&self, ids: Vec<IdReserva>) -> Result<Vec<ReservaResumen>, Falla> {
        let mut sql = QueryBuilder::<Postgres>::new(COLUMNAS);
        sql.push(" WHERE id = ANY(").push_bind(ids.into_iter().map(Uuid::from).collect::<Vec<_>>()).push(")");
        let filas: Vec<FilaResumen> = self.leer(sql.build_query_as()).await?;
        filas.into_iter().map(ReservaResumen::try_from).collect()
    }

    async fn historia(&self, id: IdReserva) -> Result<Vec<EventoEnHistoria>, Falla> {
        let pasos = LectorPg::historia(self, TOPICO, id.into()).await?;
        let evento = |paso: Paso| EventoEnHistoria {
            tipo: paso.tipo,
            ocurrido_en: paso.ocurrido_en,
            publicado_en: paso.publicada_en,
            recibido_en: paso.recibida_en,
        };
        Ok(pasos.into_iter().map(evento).collect())
    }
}

fn consulta_de_lista(filtro: FiltroReservas, pedido: Pedido) -> QueryBuilder<Postgres> {
    let mut sql = QueryBuilder::new(COLUMNAS);
    let mut condiciones = sql.separated(" AND ");
    condiciones.push_unseparated(" WHERE ").push("true");
    if let Some(estado) = filtro.estado {
        condiciones.push("estado = ").push_bind_unseparated(estado.nombre());
    }
    match filtro.pagada {
        Some(true) => condiciones.push("estado IN ('pagada', 'aprobada')"),
        Some(false) => condiciones.push("estado = 'pendiente'"),
        None => &mut condiciones,
    };
    if let Some(cliente) = filtro.id_cliente {
        condiciones.push("id_cliente = ").push_bind_unseparated(cliente.0);
    }
    if let Some(cursor) = pedido.desde {
        condiciones.push("(fecha_creacion, id) < (").push_bind_unseparated(cursor.fecha);
        condiciones.push_unseparated(", ").push_bind_unseparated(cursor.id).push_unseparated(")");
    }
    sql.push(" ORDER BY fecha_creacion DESC, id DESC LIMIT ").push_bind(i64::from(pedido.limite.cantidad()) + 1);
    sql
}
