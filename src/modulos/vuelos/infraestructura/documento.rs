//! Los itinerarios como documento JSON de la fila (ADR 0005). Los nombres de aquí quedan en la base de datos.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::modulos::vuelos::dominio::itinerario::{Aeropuerto, Itinerario, Itinerarios, Leg, Odo, Segmento};
use crate::seedwork::dominio::reglas::ReglaRota;

/// Los itinerarios de una reserva: listas anidadas de itinerarios, odos, segmentos y vuelos.
#[derive(Serialize, Deserialize)]
pub struct Documento(Vec<Vec<Vec<Vec<Vuelo>>>>);

#[derive(Serialize, Deserialize)]
struct Vuelo {
    /// Microsegundos desde el 1 de enero de 1970 (UTC).
    salida: i64,
    llegada: i64,
    origen: Lugar,
    destino: Lugar,
}

#[derive(Serialize, Deserialize)]
struct Lugar {
    codigo: String,
    nombre: String,
}

/// El documento guardado no se deja leer: alguien lo cambió por fuera.
#[derive(Debug, thiserror::Error)]
pub enum DocumentoInvalido {
    /// Una fecha fuera de todo calendario.
    #[error("fecha imposible en el documento de itinerarios")]
    Fecha(#[from] time::error::ComponentRange),
    /// No cumple las reglas con que se guardó.
    #[error("el documento de itinerarios no cumple las reglas: {0}")]
    Regla(#[from] ReglaRota),
}

impl From<&Itinerarios> for Documento {
    fn from(itinerarios: &Itinerarios) -> Self {
        let segmento = |s: &Segmento| s.legs().iter().map(Vuelo::from).collect();
        let odo = |o: &Odo| o.segmentos().iter().map(segmento).collect();
        let itinerario = |i: &Itinerario| i.odos().iter().map(odo).collect();
        Self(itinerarios.lista().iter().map(itinerario).collect())
    }
}

impl From<&Leg> for Vuelo {
    fn from(leg: &Leg) -> Self {
        Self {
            salida: microsegundos(leg.fecha_salida()),
            llegada: microsegundos(leg.fecha_llegada()),
            origen: leg.origen().into(),
            destino: leg.destino().into(),
        }
    }
}

impl From<&Aeropuerto> for Lugar {
    fn from(aeropuerto: &Aeropuerto) -> Self {
        Self { codigo: aeropuerto.codigo().into(), nombre: aeropuerto.nombre().into() }
    }
}

impl TryFrom<Documento> for Itinerarios {
    type Error = DocumentoInvalido;

    fn try_from(documento: Documento) -> Result<Self, DocumentoInvalido> {
        let segmento = |vuelos: Vec<Vuelo>| {
            let legs = vuelos.into_iter().map(Leg::try_from).collect::<Result<_, _>>()?;
            Ok::<_, DocumentoInvalido>(Segmento::nuevo(legs)?)
        };
        let odo = |segmentos: Vec<_>| {
            let segmentos = segmentos.into_iter().map(segmento).collect::<Result<_, _>>()?;
            Ok::<_, DocumentoInvalido>(Odo::nuevo(segmentos)?)
        };
        let itinerario = |odos: Vec<_>| {
            let odos = odos.into_iter().map(odo).collect::<Result<_, _>>()?;
            Ok::<_, DocumentoInvalido>(Itinerario::nuevo(odos)?)
        };
        let itinerarios = documento.0.into_iter().map(itinerario).collect::<Result<_, _>>()?;
        Ok(Self::nuevos(itinerarios)?)
    }
}

impl TryFrom<Vuelo> for Leg {
    type Error = DocumentoInvalido;

    fn try_from(vuelo: Vuelo) -> Result<Self, DocumentoInvalido> {
        let lugar = |lugar: Lugar| Aeropuerto::nuevo(&lugar.codigo, lugar.nombre);
        let (salida, llegada) = (instante(vuelo.salida)?, instante(vuelo.llegada)?);
        Ok(Self::nuevo(salida, llegada, lugar(vuelo.origen)?, lugar(vuelo.destino)?)?)
    }
}

fn microsegundos(fecha: OffsetDateTime) -> i64 {
    fecha.unix_timestamp() * 1_000_000 + i64::from(fecha.microsecond())
}

fn instante(microsegundos: i64) -> Result<OffsetDateTime, time::error::ComponentRange> {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(microsegundos) * 1_000)
}

#[cfg(test)]
mod pruebas {
    use super::*;
    use crate::modulos::vuelos::dominio::itinerario::pruebas::itinerarios;

    #[test]
    fn lo_guardado_se_lee_igual() {
        let json = serde_json::to_string(&Documento::from(&itinerarios())).unwrap();
        let documento: Documento = serde_json::from_str(&json).unwrap();
        assert_eq!(Itinerarios::try_from(documento).unwrap(), itinerarios());
    }

    #[test]
    fn un_documento_cambiado_por_fuera_se_reconoce() {
        let vacio: Documento = serde_json::from_str("[]").unwrap();
        assert!(matches!(Itinerarios::try_from(vacio), Err(DocumentoInvalido::Regla(_))));
        let fecha = r#"[[[[{"salida":9223372036854775807,"llegada":0,
            "origen":{"codigo":"BOG","nombre":""},"destino":{"codigo":"JFK","nombre":""}}]]]]"#;
        let imposible: Documento = serde_json::from_str(fecha).unwrap();
        assert!(matches!(Itinerarios::try_from(imposible), Err(DocumentoInvalido::Fecha(_))));
    }
}
