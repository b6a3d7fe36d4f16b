//! El tópico `eventos-reserva`: un registro `EventoReservaCreada` para todos los eventos; `type` dice cuál.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::modulos::vuelos::aplicacion::dto::EventoDeReserva;
use crate::modulos::vuelos::dominio::eventos::{
    HechoReserva, ReservaAprobada, ReservaCancelada, ReservaCreada, ReservaPagada,
};
use crate::modulos::vuelos::dominio::reserva::{EstadoReserva, IdCliente, IdReserva};
use crate::seedwork::dominio::eventos::EventoDominio;
use crate::seedwork::infraestructura::despacho::avro::{
    ErrorAvro, Esquema, EsquemaAvro, campo_nuevo, campo_original, escribir, esquema, milisegundos,
};
use crate::seedwork::infraestructura::despacho::{Publicable, Sobre};
use crate::seedwork::infraestructura::mensajeria::comandos::Leido;
use crate::seedwork::infraestructura::mensajeria::sucesos::Mensaje;

/// El tópico de los eventos de reservas.
pub const TOPICO: &str = "eventos-reserva";

static ESQUEMA: EsquemaAvro = LazyLock::new(|| {
    let campos = [
        campo_original("id_reserva", "string"),
        campo_original("id_cliente", "string"),
        campo_original("estado", "string"),
        campo_original("fecha_creacion", "long"),
        campo_nuevo("fecha_actualizacion", "long"),
    ];
    esquema("EventoReservaCreada", "ReservaCreadaPayload", &campos)
});

/// Los cuatro primeros miembros van en todos los eventos (`id_cliente`, nulo si no hay cliente): los lectores del
/// sistema original los usan sin comprobar que estén.
#[derive(Serialize, Deserialize)]
struct Carga {
    id_reserva: Option<String>,
    id_cliente: Option<String>,
    estado: Option<String>,
    fecha_creacion: Option<i64>,
    fecha_actualizacion: Option<i64>,
}

impl From<&HechoReserva> for Carga {
    fn from(hecho: &HechoReserva) -> Self {
        Self {
            id_reserva: Some(hecho.id_reserva.to_string()),
            id_cliente: hecho.id_cliente.map(|id| id.to_string()),
            estado: Some(hecho.estado.nombre().to_uppercase()),
            fecha_creacion: Some(milisegundos(hecho.fecha_creacion)),
            fecha_actualizacion: Some(milisegundos(hecho.fecha_actualizacion)),
        }
    }
}

/// De qué habla un evento de reservas, tal como llega por el bus.
#[derive(Debug, Deserialize)]
pub struct CargaReserva {
    /// La identidad de la reserva.
    pub id_reserva: Option<String>,
    /// La de su cliente, si lo tiene.
    pub id_cliente: Option<String>,
}

/// El tópico de los eventos de reservas y su esquema.
///
/// # Errors
/// [`ErrorAvro`] si el esquema escrito aquí no es válido.
pub fn topico() -> Result<(&'static str, Esquema), ErrorAvro> {
    let esquema = ESQUEMA.as_ref().map_err(|motivo| ErrorAvro::Esquema(motivo.clone()))?;
    Ok((TOPICO, esquema.clone()))
}

/// Lee un evento de la bandeja de salida.
///
/// # Errors
/// [`ErrorAvro`] si su dato no es de este tópico: un defecto, no una situación.
pub fn leer(mensaje: Mensaje) -> Result<EventoDeReserva, ErrorAvro> {
    let (_, esquema) = topico()?;
    let json = Leido::de(&mensaje.datos, &esquema.avro, &esquema.avro)?.json().unwrap_or_default();
    let ilegible = || ErrorAvro::Ilegible("el evento no dice cómo quedó su reserva".into());
    let data = json.get("data").cloned().unwrap_or_default();
    let carga: Carga = serde_json::from_value(data).map_err(|_| ilegible())?;
    let estado = carga.estado.and_then(|estado| EstadoReserva::de_nombre(&estado.to_lowercase()));
    Ok(EventoDeReserva {
        id: mensaje.id,
        tipo: mensaje.tipo,
        id_reserva: IdReserva(mensaje.clave),
        id_cliente: carga.id_cliente.and_then(|id| id.parse().ok()).map(IdCliente),
        estado: estado.ok_or_else(ilegible)?,
        ocurrido_en: mensaje.ocurrido_en,
        publicado_en: mensaje.publicada_en,
    })
}

fn sobre(tipo: &'static str, ocurrido_en: OffsetDateTime, hecho: &HechoReserva) -> Result<Sobre, ErrorAvro> {
    let id = Uuid::now_v7();
    let datos = escribir(&ESQUEMA, id, tipo, ocurrido_en, &Carga::from(hecho))?;
    Ok(Sobre { id, topico: TOPICO, clave: hecho.id_reserva.into(), tipo, ocurrido_en, datos })
}

macro_rules! publicable {
    ($($evento:ident = $tipo:literal),+) => {
        /// Los nombres de los eventos del tópico.
        pub const TIPOS: &[&str] = &[$($tipo),+];

        $(impl Publicable for $evento {
            fn sobre(&self) -> Result<Sobre, ErrorAvro> {
                sobre($tipo, self.ocurrido_en(), &self.0)
            }
        })+
    };
}

publicable!(
    ReservaCreada = "ReservaCreada",
    ReservaPagada = "ReservaPagada",
    ReservaAprobada = "ReservaAprobada",
    ReservaCancelada = "ReservaCancelada"
);

#[cfg(test)]
mod pruebas {
    use apache_avro::reader::datum::GenericDatumReader;
    use apache_avro::types::Value;
    use time::macros::datetime;

    use super::*;

    /// El esquema que registra el sistema original y que sus lectores llevan compilado.
    const ORIGINAL: &str = r#"{"type":"record","name":"EventoReservaCreada","fields":[{"name":"data","type":["null",
        {"type":"record","name":"ReservaCreadaPayload","fields":[
        {"name":"id_reserva","type":["null","string"]},{"name":"id_cliente","type":["null","string"]},
        {"name":"estado","type":["null","string"]},{"name":"fecha_creacion","type":["null","long"]}]}]}]}"#;

    fn opcional(valor: &Value) -> &Value {
        match valor {
            Value::Union(_, dentro) => dentro,
            otro => otro,
        }
    }

    #[test]
    fn los_lectores_del_sistema_original_lo_leen_entero() {
        let id_reserva = IdReserva::nueva();
        let momento = datetime!(2026-11-24 10:00:00.123 UTC);
        let hecho = HechoReserva {
            id_reserva,
            id_cliente: None,
            estado: EstadoReserva::Pendiente,
            fecha_creacion: momento,
            fecha_actualizacion: momento,
        };
        let sobre = ReservaCreada(hecho).sobre().unwrap();
        let original = apache_avro::Schema::parse_str(ORIGINAL).unwrap();
        let lector =
            GenericDatumReader::builder(&ESQUEMA.as_ref().unwrap().avro).reader_schema(&original).build().unwrap();
        let Value::Record(campos) = lector.read_value(&mut sobre.datos.as_slice()).unwrap() else { panic!() };
        let Value::Record(data) = opcional(&campos[0].1) else { panic!() };
        let valores: Vec<_> = data.iter().map(|(nombre, valor)| (nombre.as_str(), opcional(valor).clone())).collect();
        assert_eq!(
            valores,
            [
                ("id_reserva", Value::String(id_reserva.to_string())),
                ("id_cliente", Value::Null),
                ("estado", Value::String("PENDIENTE".into())),
                ("fecha_creacion", Value::Long(1_795_514_400_123)),
            ]
        );
    }

    #[test]
    fn la_envoltura_va_llena_y_su_id_es_el_del_mensaje() {
        let hecho = HechoReserva {
            id_reserva: IdReserva::nueva(),
            id_cliente: None,
            estado: EstadoReserva::Cancelada,
            fecha_creacion: datetime!(2026-11-24 10:00 UTC),
            fecha_actualizacion: datetime!(2026-11-24 11:00 UTC),
        };
        let sobre = ReservaCancelada(hecho).sobre().unwrap();
        let lector = GenericDatumReader::builder(&ESQUEMA.as_ref().unwrap().avro).build().unwrap();
        let Value::Record(campos) = lector.read_value(&mut sobre.datos.as_slice()).unwrap() else { panic!() };
        let texto = |nombre: &str| {
            let (_, valor) = campos.iter().find(|(n, _)| n == nombre).unwrap();
            format!("{:?}", opcional(valor))
        };
        assert_eq!(texto("id"), format!("String(\"{}\")", sobre.id));
        assert_eq!(texto("type"), "String(\"ReservaCancelada\")");
        for miembro in ["time", "ingestion", "specversion", "datacontenttype", "service_name"] {
            assert_ne!(texto(miembro), "Null", "{miembro}");
        }
    }
}
