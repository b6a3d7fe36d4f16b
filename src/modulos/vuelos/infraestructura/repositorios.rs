//! El repositorio de reservas sobre la unidad de trabajo de PostgreSQL.

use sqlx::FromRow;
use sqlx::types::Json;
use time::OffsetDateTime;
use uuid::Uuid;

use super::documento::Documento;
use crate::modulos::vuelos::dominio::eventos::EventoReserva;
use crate::modulos::vuelos::dominio::reserva::{EstadoReserva, IdCliente, IdReserva, Reserva, ReservaGuardada};
use crate::seedwork::dominio::bloqueo::Bloqueo;
use crate::seedwork::dominio::entidades::{AgregacionRaiz, Version};
use crate::seedwork::dominio::repositorios::{Falla, Repositorio};
use crate::seedwork::infraestructura::averias::{Guarda, quitada};
use crate::seedwork::infraestructura::sentencias::Escritura;
use crate::seedwork::infraestructura::unidad_trabajo_pg::UnidadTrabajoPg;
use crate::seedwork::infraestructura::valores::documento;

const TABLA: &str = "reservas";

macro_rules! leer_reserva {
    () => {
        "SELECT id, id_cliente, estado, itinerarios, fecha_creacion, fecha_actualizacion, version \
         FROM reservas WHERE id = $1"
    };
}

/// Una fila de `reservas`.
#[derive(FromRow)]
pub struct Fila {
    id: Uuid,
    id_cliente: Option<Uuid>,
    estado: String,
    itinerarios: Json<Documento>,
    fecha_creacion: OffsetDateTime,
    fecha_actualizacion: OffsetDateTime,
    version: i64,
}

impl TryFrom<Fila> for Reserva {
    type Error = Falla;

    fn try_from(fila: Fila) -> Result<Self, Falla> {
        Ok(Self::reconstituir(ReservaGuardada {
            id: IdReserva(fila.id),
            id_cliente: fila.id_cliente.map(IdCliente),
            estado: estado(&fila.estado)?,
            itinerarios: fila.itinerarios.0.try_into().map_err(Falla::interna)?,
            fecha_creacion: fila.fecha_creacion,
            fecha_actualizacion: fila.fecha_actualizacion,
            version: Version::guardada(fila.version),
        }))
    }
}

/// El estado que dice una columna.
pub fn estado(nombre: &str) -> Result<EstadoReserva, Falla> {
    EstadoReserva::de_nombre(nombre).ok_or_else(|| Falla::interna(format!("estado de reserva desconocido: {nombre}")))
}

impl<S: Send + Sync + 'static> Repositorio<Reserva> for UnidadTrabajoPg<S> {
    async fn obtener(&mut self, id: IdReserva, bloqueo: Bloqueo) -> Result<Option<Reserva>, Falla> {
        let sql = match bloqueo {
            Bloqueo::Pesimista if !quitada(Guarda::ForUpdate) => concat!(leer_reserva!(), " FOR UPDATE"),
            Bloqueo::Pesimista | Bloqueo::Optimista => leer_reserva!(),
        };
        let fila: Option<Fila> = self.leer_una(TABLA, sqlx::query_as(sql).bind(id.0)).await?;
        fila.map(Reserva::try_from).transpose()
    }

    async fn guardar(&mut self, reserva: &mut Reserva) -> Result<(), Falla> {
        let escritura = if reserva.version().es_nueva() { insercion(reserva)? } else { cambio(reserva) };
        self.anotar(escritura).await?;
        reserva.marcar_guardada();
        for evento in reserva.tomar_eventos() {
            match evento {
                EventoReserva::Creada(evento) => self.anotar_evento(evento)?,
                EventoReserva::Pagada(evento) => self.anotar_evento(evento)?,
                EventoReserva::Aprobada(evento) => self.anotar_evento(evento)?,
                EventoReserva::Cancelada(evento) => self.anotar_evento(evento)?,
            }
        }
        Ok(())
    }
}

fn insercion(reserva: &Reserva) -> Result<Escritura, Falla> {
    let id = reserva.id().0;
    let columnas = vec![
        ("id", id.into()),
        ("id_cliente", reserva.id_cliente().map(Uuid::from).into()),
        ("estado", reserva.estado().nombre().into()),
        ("itinerarios", documento(&Documento::from(reserva.itinerarios()))?.into()),
        ("fecha_creacion", reserva.fecha_creacion().into()),
        ("fecha_actualizacion", reserva.fecha_actualizacion().into()),
        ("version", reserva.version().siguiente().numero().into()),
    ];
    Ok(Escritura::insercion(TABLA, id, columnas))
}

/// Los itinerarios no cambian después de crear la reserva: no se vuelven a escribir.
fn cambio(reserva: &Reserva) -> Escritura {
    let (id, estado, actualizada) = (reserva.id().0, reserva.estado().nombre(), reserva.fecha_actualizacion());
    let version = reserva.version();
    Escritura::cambio(TABLA, id, move |sql| {
        sql.push("UPDATE reservas SET estado = ").push_bind(estado);
        sql.push(", fecha_actualizacion = ").push_bind(actualizada);
        sql.push(", version = ").push_bind(version.siguiente().numero());
        sql.push(" WHERE id = ").push_bind(id);
        if !quitada(Guarda::ForUpdate) {
            sql.push(" AND version = ").push_bind(version.numero());
        }
    })
}
