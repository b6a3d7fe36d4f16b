//! El SQL de lectura de los usuarios.

use sqlx::{FromRow, Postgres, QueryBuilder};
use time::OffsetDateTime;
use uuid::Uuid;

use super::repositorios::{codigo_emitido, estado};
use crate::modulos::clientes::aplicacion::dto::UsuarioVista;
use crate::modulos::clientes::aplicacion::puertos::{ConsultasUsuarios, Credencial, PorValidar};
use crate::modulos::clientes::aplicacion::queries::{ClaveUsuario, Portador, ReservaDeUsuario};
use crate::modulos::clientes::dominio::contrasena::ContrasenaCifrada;
use crate::modulos::clientes::dominio::email::Email;
use crate::modulos::clientes::dominio::estado::EstadoUsuario;
use crate::modulos::clientes::dominio::usuario::IdUsuario;
use crate::seedwork::aplicacion::paginas::{Cursor, Pedido};
use crate::seedwork::dominio::repositorios::Falla;
use crate::seedwork::infraestructura::lector_pg::LectorPg;

const COLUMNAS: &str = "SELECT id, nombres, apellidos, email, es_empresarial, estado, fecha_creacion, \
                        fecha_actualizacion FROM usuarios";

#[derive(FromRow)]
struct Fila {
    id: Uuid,
    nombres: String,
    apellidos: String,
    email: String,
    es_empresarial: bool,
    estado: String,
    fecha_creacion: OffsetDateTime,
    fecha_actualizacion: OffsetDateTime,
}

impl TryFrom<Fila> for UsuarioVista {
    type Error = Falla;

    fn try_from(fila: Fila) -> Result<Self, Falla> {
        Ok(Self {
            id: IdUsuario(fila.id),
            nombres: fila.nombres,
            apellidos: fila.apellidos,
            email: fila.email,
            es_empresarial: fila.es_empresarial,
            estado: estado(&fila.estado)?,
            fecha_creacion: fila.fecha_creacion,
            fecha_actualizacion: fila.fecha_actualizacion,
        })
    }
}

impl<S: Send + Sync> ConsultasUsuarios for LectorPg<S> {
    async fn usuario(&self, clave: &ClaveUsuario) -> Result<Option<UsuarioVista>, Falla> {
        let mut sql = QueryBuilder::<Postgres>::new(COLUMNAS);
        match clave {
            ClaveUsuario::Id(id) => sql.push(" WHERE id = ").push_bind(id.0),
            ClaveUsuario::Email(email) => sql.push(" WHERE email_clave = ").push_bind(email.clave()),
        };
        let fila: Option<Fila> = self.leer_una(sql.build_query_as()).await?;
        fila.map(UsuarioVista::try_from).transpose()
    }

    async fn usuarios(&self, estado: Option<EstadoUsuario>, pedido: Pedido) -> Result<Vec<UsuarioVista>, Falla> {
        let mut sql = QueryBuilder::new(COLUMNAS);
        sql.push(" WHERE true");
        if let Some(estado) = estado {
            sql.push(" AND estado = ").push_bind(estado.nombre());
        }
        paginar(&mut sql, "id", pedido);
        let filas: Vec<Fila> = self.leer(sql.build_query_as()).await?;
        filas.into_iter().map(UsuarioVista::try_from).collect()
    }

    async fn reservas(&self, id: IdUsuario, pedido: Pedido) -> Result<Vec<ReservaDeUsuario>, Falla> {
        let mut sql = QueryBuilder::new("SELECT id_reserva, fecha_creacion FROM usuarios_reservas WHERE id_usuario = ");
        sql.push_bind(id.0);
        paginar(&mut sql, "id_reserva", pedido);
        let filas: Vec<(Uuid, OffsetDateTime)> = self.leer(sql.build_query_as()).await?;
        Ok(filas
            .into_iter()
            .map(|(id_reserva, fecha_creacion)| ReservaDeUsuario { id_reserva, fecha_creacion })
            .collect())
    }

    async fn activo(&self, id: IdUsuario) -> Result<Option<Portador>, Falla> {
        let sql = "SELECT EXISTS (SELECT FROM administradores WHERE id_usuario = id) FROM usuarios \
                   WHERE id = $1 AND estado IN ('registrado', 'validado')";
        let fila: Option<(bool,)> = self.leer_una(sqlx::query_as(sql).bind(id.0)).await?;
        Ok(fila.map(|(administra,)| Portador { id, administra }))
    }

    async fn por_validar(&self, id: IdUsuario) -> Result<Option<PorValidar>, Falla> {
        let sql = "SELECT email, estado, coalesce(codigo_emitido_en, fecha_creacion), codigo_fallos FROM usuarios \
                   WHERE id = $1";
        let fila: Option<(String, String, OffsetDateTime, i64)> = self.leer_una(sqlx::query_as(sql).bind(id.0)).await?;
        fila.map(|(email, nombre, emitido_en, fallos)| {
            let codigo = codigo_emitido(emitido_en, fallos)?;
            Ok(PorValidar { email, codigo, estado: estado(&nombre)? })
        })
        .transpose()
    }

    async fn credencial(&self, email: &Email) -> Result<Option<Credencial>, Falla> {
        let sql = "SELECT id, contrasena FROM usuarios WHERE email_clave = $1 AND estado <> 'desactivado'";
        let fila: Option<(Uuid, String)> = self.leer_una(sqlx::query_as(sql).bind(email.clave())).await?;
        Ok(fila.map(|(id, phc)| Credencial { id: IdUsuario(id), contrasena: ContrasenaCifrada::nueva(phc) }))
    }
}

fn paginar(sql: &mut QueryBuilder<Postgres>, id: &'static str, pedido: Pedido) {
    if let Some(Cursor { fecha, id: ultimo }) = pedido.desde {
        sql.push(format_args!(" AND (fecha_creacion, {id}) < (")).push_bind(fecha);
        sql.push(", ").push_bind(ultimo).push(")");
    }
    sql.push(format_args!(" ORDER BY fecha_creacion DESC, {id} DESC LIMIT "));
    sql.push_bind(i64::from(pedido.limite.cantidad()) + 1);
}
