//! Los itinerarios como documento JSON de la fila (ADR 0005). Los nombres de aquí quedan en la base de datos.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::error::ComponentRange;

use crate::modulos::vuelos::dominio::itinerario::{Aeropuerto, Itinerario, Itinerarios, Leg, Odo, Segmento};

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
    type Error = ComponentRange;

    fn try_from(documento: Documento) -> Result<Self, ComponentRange> {
        let itinerarios = documento.0.into_iter().map(itinerario).collect::<Result<_, _>>()?;
        Ok(Self::reconstituir(itinerarios))
    }
}

fn itinerario(odos: Vec<Vec<Vec<Vuelo>>>) -> Result<Itinerario, ComponentRange> {
    Ok(Itinerario::reconstituir(odos.into_iter().map(odo).collect::<Result<_, _>>()?))
}

fn odo(segmentos: Vec<Vec<Vuelo>>) -> Result<Odo, ComponentRange> {
    Ok(Odo::reconstituir(segmentos.into_iter().map(segmento).collect::<Result<_, _>>()?))
}

fn segmento(vuelos: Vec<Vuelo>) -> Result<Segmento, ComponentRange> {
    Ok(Segmento::reconstituir(vuelos.into_iter().map(leg).collect::<Result<_, _>>()?))
}

fn leg(vuelo: Vuelo) -> Result<Leg, ComponentRange> {
    let lugar = |Lugar { codigo, nombre }| Aeropuerto::reconstituir(codigo, nombre);
    Ok(Leg::reconstituir(instante(vuelo.salida)?, instante(vuelo.llegada)?, lugar(vuelo.origen), lugar(vuelo.destino)))
}

fn microsegundos(fecha: OffsetDateTime) -> i64 {
    fecha.unix_timestamp() * 1_000_000 + i64::from(fecha.microsecond())
}

fn instante(microsegundos: i64) -> Result<OffsetDateTime, ComponentRange> {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(microsegundos) * 1_000)
}

#[cfg(test)]
mod pruebas {
    use proptest::prelude::*;

    use super::*;
    use crate::modulos::vuelos::dominio::itinerario::pruebas::itinerarios;

    #[test]
    fn lo_guardado_se_lee_igual() {
        let json = serde_json::to_string(&Documento::from(&itinerarios())).unwrap();
        let documento: Documento = serde_json::from_str(&json).unwrap();
        assert_eq!(Itinerarios::try_from(documento).unwrap(), itinerarios());
    }

    #[test]
    fn lo_que_ya_estaba_guardado_se_lee_aunque_hoy_no_se_aceptara() {
        let antiguo: Documento = serde_json::from_str("[[[[]]]]").unwrap();
        assert_eq!(Itinerarios::try_from(antiguo).unwrap().lista().len(), 1);
    }

    #[test]
    fn una_fecha_imposible_se_reconoce() {
        let fecha = r#"[[[[{"salida":9223372036854775807,"llegada":0,
            "origen":{"codigo":"BOG","nombre":""},"destino":{"codigo":"JFK","nombre":""}}]]]]"#;
        let imposible: Documento = serde_json::from_str(fecha).unwrap();
        assert!(Itinerarios::try_from(imposible).is_err());
    }

    proptest! {
        #[test]
        fn un_vuelo_cualquiera_se_guarda_y_se_lee_o_es_imposible(
            salida in any::<i64>(), llegada in -62_135_596_800_000_000_i64..253_402_300_800_000_000,
            nombre in ".{0,10}", listas in 0_usize..4,
        ) {
            let lugar = serde_json::json!({"codigo": "BOG", "nombre": nombre});
            let vuelo = serde_json::json!({"salida": salida, "llegada": llegada, "origen": lugar, "destino": lugar});
            let json = serde_json::json!([[[vec![vuelo; listas]]]]);
            let documento: Documento = serde_json::from_value(json.clone()).unwrap();
            if let Ok(itinerarios) = Itinerarios::try_from(documento) {
                prop_assert_eq!(serde_json::to_value(Documento::from(&itinerarios)).unwrap(), json);
            }
        }

        #[test]
        fn un_texto_cualquiera_no_es_un_documento_o_lo_es_sin_panico(texto in "[\\[\\]{}\",:a-z0-9-]{0,60}") {
            let _ = serde_json::from_str::<Documento>(&texto).map(Itinerarios::try_from);
        }
    }
}
