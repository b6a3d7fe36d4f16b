//! Los cuerpos de las reservas: lo que se recibe y lo que se responde.

use serde::{Deserialize, Serialize, Serializer};
use utoipa::ToSchema;
use uuid::Uuid;

use super::fechas::Fecha;
use super::objeto::Objeto;
use super::opcional;
use super::problema::Problema;
use crate::modulos::vuelos::{
    Aeropuerto, CrearReserva, IdCliente, IdReserva, Itinerario, Itinerarios, Leg, Odo, ReservaDetalle, ReservaResumen,
    Segmento,
};
use crate::seedwork::aplicacion::actor::Actor;
use crate::seedwork::dominio::reglas::{ReglaRota, construir_lista};

/// Una reserva por crear. Lo que no esté aquí (`id`, fechas, otros miembros) se ignora.
#[derive(Deserialize, ToSchema)]
#[schema(example = json!({"itinerarios": [{"odos": [{"segmentos": [{"legs": [{
    "fecha_salida": "2022-11-22T13:10:00Z", "fecha_llegada": "2022-11-22T15:10:00Z",
    "origen": {"codigo": "BOG", "nombre": "El Dorado - Bogotá International Airport (BOG)"},
    "destino": {"codigo": "JFK", "nombre": "John F. Kennedy International Airport"}}]}]}]}]}))]
pub struct CuerpoReserva {
    /// Para quién es: un usuario registrado y activo.
    #[serde(default, deserialize_with = "opcional::id")]
    id_cliente: Option<Uuid>,
    /// Los itinerarios, en el orden en que se quieren; al menos uno.
    #[serde(default)]
    #[schema(value_type = Vec<CuerpoItinerario>)]
    itinerarios: Vec<Objeto<CuerpoItinerario>>,
}

/// Un viaje completo.
#[derive(Deserialize, ToSchema)]
pub struct CuerpoItinerario {
    #[schema(value_type = Vec<CuerpoOdo>)]
    odos: Vec<Objeto<CuerpoOdo>>,
}

/// Un trayecto de origen a destino.
#[derive(Deserialize, ToSchema)]
pub struct CuerpoOdo {
    #[schema(value_type = Vec<CuerpoSegmento>)]
    segmentos: Vec<Objeto<CuerpoSegmento>>,
}

/// Vuelos seguidos, cada uno desde donde llegó el anterior.
#[derive(Deserialize, ToSchema)]
pub struct CuerpoSegmento {
    #[schema(value_type = Vec<CuerpoLeg>)]
    legs: Vec<Objeto<CuerpoLeg>>,
}

/// Un vuelo.
#[derive(Deserialize, ToSchema)]
pub struct CuerpoLeg {
    fecha_salida: Fecha,
    fecha_llegada: Fecha,
    #[schema(value_type = CuerpoAeropuerto)]
    origen: Objeto<CuerpoAeropuerto>,
    #[schema(value_type = CuerpoAeropuerto)]
    destino: Objeto<CuerpoAeropuerto>,
}

/// Un aeropuerto.
#[derive(Deserialize, ToSchema)]
pub struct CuerpoAeropuerto {
    /// Código IATA (3 letras) u OACI (4 letras).
    #[schema(example = "BOG", min_length = 3, max_length = 4)]
    codigo: String,
    /// Nombre; puede faltar.
    #[schema(example = "El Dorado - Bogotá International Airport (BOG)", max_length = 255)]
    #[serde(default, deserialize_with = "opcional::texto")]
    nombre: Option<String>,
}

impl CuerpoReserva {
    /// El comando que crea la reserva, con una identidad nueva y a nombre de quien puede estar.
    ///
    /// # Errors
    /// La primera regla rota, con el puntero del dato; 403 si es a nombre de otro.
    pub fn comando(self, actor: Actor) -> Result<CrearReserva, Problema> {
        let id_cliente = actor.a_nombre_de(self.id_cliente)?.map(IdCliente);
        let itinerarios = Itinerarios::nuevos(construir_lista("itinerarios", self.itinerarios, itinerario)?)?;
        Ok(CrearReserva { id: IdReserva::nueva(), id_cliente, itinerarios })
    }
}

fn itinerario(Objeto(cuerpo): Objeto<CuerpoItinerario>) -> Result<Itinerario, ReglaRota> {
    Itinerario::nuevo(construir_lista("odos", cuerpo.odos, odo)?)
}

fn odo(Objeto(cuerpo): Objeto<CuerpoOdo>) -> Result<Odo, ReglaRota> {
    Odo::nuevo(construir_lista("segmentos", cuerpo.segmentos, segmento)?)
}

fn segmento(Objeto(cuerpo): Objeto<CuerpoSegmento>) -> Result<Segmento, ReglaRota> {
    Segmento::nuevo(construir_lista("legs", cuerpo.legs, leg)?)
}

fn leg(Objeto(cuerpo): Objeto<CuerpoLeg>) -> Result<Leg, ReglaRota> {
    let origen = aeropuerto(cuerpo.origen).map_err(|rota| rota.en("origen"))?;
    let destino = aeropuerto(cuerpo.destino).map_err(|rota| rota.en("destino"))?;
    Leg::nuevo(cuerpo.fecha_salida.0, cuerpo.fecha_llegada.0, origen, destino)
}

fn aeropuerto(Objeto(cuerpo): Objeto<CuerpoAeropuerto>) -> Result<Aeropuerto, ReglaRota> {
    Aeropuerto::nuevo(&cuerpo.codigo, cuerpo.nombre.unwrap_or_default())
}

/// Una reserva completa.
#[derive(Serialize, ToSchema)]
pub struct RespuestaReserva {
    #[serde(flatten)]
    resumen: RespuestaResumen,
    #[serde(serialize_with = "escribir_itinerarios")]
    #[schema(value_type = Vec<RespuestaItinerario>)]
    itinerarios: Itinerarios,
}

fn escribir_itinerarios<S: Serializer>(itinerarios: &Itinerarios, destino: S) -> Result<S::Ok, S::Error> {
    destino.collect_seq(itinerarios.lista().iter().map(RespuestaItinerario::from))
}

/// Una reserva como aparece en las listas.
#[derive(Serialize, ToSchema)]
pub struct RespuestaResumen {
    id: Uuid,
    /// Para quién es.
    id_cliente: Option<Uuid>,
    /// El mismo que `id_cliente`: los clientes son los usuarios.
    id_usuario: Option<Uuid>,
    #[schema(value_type = EstadoDeReserva)]
    estado: &'static str,
    fecha_creacion: Fecha,
    fecha_actualizacion: Fecha,
}

/// En qué punto de su vida está una reserva.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "sólo existe para la especificación; los nombres los da el dominio")]
pub enum EstadoDeReserva {
    Pendiente,
    Pagada,
    Aprobada,
    Cancelada,
}

/// Un viaje completo.
#[derive(Serialize, ToSchema)]
pub struct RespuestaItinerario<'a> {
    odos: Vec<RespuestaOdo<'a>>,
}

/// Un trayecto de origen a destino.
#[derive(Serialize, ToSchema)]
pub struct RespuestaOdo<'a> {
    segmentos: Vec<RespuestaSegmento<'a>>,
}

/// Vuelos seguidos.
#[derive(Serialize, ToSchema)]
pub struct RespuestaSegmento<'a> {
    legs: Vec<RespuestaLeg<'a>>,
}

/// Un vuelo.
#[derive(Serialize, ToSchema)]
pub struct RespuestaLeg<'a> {
    fecha_salida: Fecha,
    fecha_llegada: Fecha,
    origen: RespuestaAeropuerto<'a>,
    destino: RespuestaAeropuerto<'a>,
}

/// Un aeropuerto. Las fechas van siempre nulas, como en el sistema original.
#[derive(Serialize, ToSchema)]
pub struct RespuestaAeropuerto<'a> {
    #[schema(example = "BOG")]
    codigo: &'a str,
    nombre: &'a str,
    fecha_creacion: Option<Fecha>,
    fecha_actualizacion: Option<Fecha>,
}

impl From<ReservaDetalle> for RespuestaReserva {
    fn from(reserva: ReservaDetalle) -> Self {
        Self { resumen: reserva.resumen.into(), itinerarios: reserva.itinerarios }
    }
}

impl From<ReservaResumen> for RespuestaResumen {
    fn from(reserva: ReservaResumen) -> Self {
        let id_cliente = reserva.id_cliente.map(Uuid::from);
        Self {
            id: reserva.id.into(),
            id_cliente,
            id_usuario: id_cliente,
            estado: reserva.estado.nombre(),
            fecha_creacion: Fecha(reserva.fecha_creacion),
            fecha_actualizacion: Fecha(reserva.fecha_actualizacion),
        }
    }
}

impl<'a> From<&'a Itinerario> for RespuestaItinerario<'a> {
    fn from(itinerario: &'a Itinerario) -> Self {
        Self { odos: itinerario.odos().iter().map(RespuestaOdo::from).collect() }
    }
}

impl<'a> From<&'a Odo> for RespuestaOdo<'a> {
    fn from(odo: &'a Odo) -> Self {
        Self { segmentos: odo.segmentos().iter().map(RespuestaSegmento::from).collect() }
    }
}

impl<'a> From<&'a Segmento> for RespuestaSegmento<'a> {
    fn from(segmento: &'a Segmento) -> Self {
        Self { legs: segmento.legs().iter().map(RespuestaLeg::from).collect() }
    }
}

impl<'a> From<&'a Leg> for RespuestaLeg<'a> {
    fn from(leg: &'a Leg) -> Self {
        Self {
            fecha_salida: Fecha(leg.fecha_salida()),
            fecha_llegada: Fecha(leg.fecha_llegada()),
            origen: leg.origen().into(),
            destino: leg.destino().into(),
        }
    }
}

impl<'a> From<&'a Aeropuerto> for RespuestaAeropuerto<'a> {
    fn from(aeropuerto: &'a Aeropuerto) -> Self {
        let (codigo, nombre) = (aeropuerto.codigo(), aeropuerto.nombre());
        Self { codigo, nombre, fecha_creacion: None, fecha_actualizacion: None }
    }
}
