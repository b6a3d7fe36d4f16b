//! El itinerario y sus partes: itinerario → odos → segmentos → legs, siempre en el orden en que llegaron.

use time::OffsetDateTime;

use super::reglas::{
    CodigoAeropuertoValido, FechaRepresentable, LegsConectados, LegsSucesivos, MinimoUnItinerario, MinimoUnLeg,
    MinimoUnOdo, MinimoUnSegmento, RutaValida,
};
use crate::seedwork::dominio::objetos_valor::Texto;
use crate::seedwork::dominio::reglas::{ReglaRota, exigir};

/// Un aeropuerto: su código en mayúsculas y su nombre tal como llegó.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Aeropuerto {
    codigo: String,
    nombre: Texto,
}

impl Aeropuerto {
    /// Un aeropuerto con código IATA u OACI, en mayúsculas o minúsculas.
    ///
    /// # Errors
    /// `CodigoAeropuertoValido` o `TextoValido`, con el puntero del dato.
    pub fn nuevo(codigo: &str, nombre: impl Into<String>) -> Result<Self, ReglaRota> {
        exigir(&CodigoAeropuertoValido(codigo)).map_err(|rota| rota.en("codigo"))?;
        let nombre = Texto::nuevo(nombre).map_err(|rota| rota.en("nombre"))?;
        Ok(Self { codigo: codigo.to_ascii_uppercase(), nombre })
    }

    /// Un aeropuerto que ya se comprobó al guardarlo.
    #[must_use]
    pub const fn reconstituir(codigo: String, nombre: String) -> Self {
        Self { codigo, nombre: Texto::reconstituir(nombre) }
    }

    /// El código, en mayúsculas.
    #[must_use]
    pub fn codigo(&self) -> &str {
        &self.codigo
    }

    /// El nombre; puede estar vacío.
    #[must_use]
    pub fn nombre(&self) -> &str {
        self.nombre.como_str()
    }
}

/// Un vuelo de un aeropuerto a otro.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leg {
    fecha_salida: OffsetDateTime,
    fecha_llegada: OffsetDateTime,
    origen: Aeropuerto,
    destino: Aeropuerto,
}

impl Leg {
    /// Un vuelo. Las fechas son instantes: se comparan en UTC.
    ///
    /// # Errors
    /// `RutaValida` si no cambia de aeropuerto o no llega después de salir; `FechaRepresentable`.
    pub fn nuevo(
        fecha_salida: OffsetDateTime,
        fecha_llegada: OffsetDateTime,
        origen: Aeropuerto,
        destino: Aeropuerto,
    ) -> Result<Self, ReglaRota> {
        exigir(&FechaRepresentable(fecha_salida)).map_err(|rota| rota.en("fecha_salida"))?;
        exigir(&FechaRepresentable(fecha_llegada)).map_err(|rota| rota.en("fecha_llegada"))?;
        let leg = Self { fecha_salida, fecha_llegada, origen, destino };
        exigir(&RutaValida(&leg))?;
        Ok(leg)
    }

    /// Un vuelo que ya se comprobó al guardarlo.
    #[must_use]
    pub const fn reconstituir(
        fecha_salida: OffsetDateTime,
        fecha_llegada: OffsetDateTime,
        origen: Aeropuerto,
        destino: Aeropuerto,
    ) -> Self {
        Self { fecha_salida, fecha_llegada, origen, destino }
    }

    /// Cuándo sale.
    #[must_use]
    pub const fn fecha_salida(&self) -> OffsetDateTime {
        self.fecha_salida
    }

    /// Cuándo llega.
    #[must_use]
    pub const fn fecha_llegada(&self) -> OffsetDateTime {
        self.fecha_llegada
    }

    /// De dónde sale.
    #[must_use]
    pub const fn origen(&self) -> &Aeropuerto {
        &self.origen
    }

    /// Adónde llega.
    #[must_use]
    pub const fn destino(&self) -> &Aeropuerto {
        &self.destino
    }
}

/// Vuelos seguidos, cada uno desde donde llegó el anterior.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segmento(Vec<Leg>);

impl Segmento {
    /// Un segmento con al menos un vuelo.
    ///
    /// # Errors
    /// `MinimoUnLeg`, `LegsConectados` o `LegsSucesivos`, con el puntero `/legs`.
    pub fn nuevo(legs: Vec<Leg>) -> Result<Self, ReglaRota> {
        exigir(&MinimoUnLeg(&legs))
            .and_then(|()| exigir(&LegsConectados(&legs)))
            .and_then(|()| exigir(&LegsSucesivos(&legs)))
            .map_err(|rota| rota.en("legs"))?;
        Ok(Self(legs))
    }

    /// Un segmento que ya se comprobó al guardarlo.
    #[must_use]
    pub const fn reconstituir(legs: Vec<Leg>) -> Self {
        Self(legs)
    }

    /// Sus vuelos, en orden.
    #[must_use]
    pub fn legs(&self) -> &[Leg] {
        &self.0
    }
}

/// Un trayecto de origen a destino.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Odo(Vec<Segmento>);

impl Odo {
    /// Un odo con al menos un segmento.
    ///
    /// # Errors
    /// `MinimoUnSegmento`, con el puntero `/segmentos`.
    pub fn nuevo(segmentos: Vec<Segmento>) -> Result<Self, ReglaRota> {
        exigir(&MinimoUnSegmento(&segmentos)).map_err(|rota| rota.en("segmentos"))?;
        Ok(Self(segmentos))
    }

    /// Un odo que ya se comprobó al guardarlo.
    #[must_use]
    pub const fn reconstituir(segmentos: Vec<Segmento>) -> Self {
        Self(segmentos)
    }

    /// Sus segmentos, en orden.
    #[must_use]
    pub fn segmentos(&self) -> &[Segmento] {
        &self.0
    }
}

/// Un viaje completo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Itinerario(Vec<Odo>);

impl Itinerario {
    /// Un itinerario con al menos un odo.
    ///
    /// # Errors
    /// `MinimoUnOdo`, con el puntero `/odos`.
    pub fn nuevo(odos: Vec<Odo>) -> Result<Self, ReglaRota> {
        exigir(&MinimoUnOdo(&odos)).map_err(|rota| rota.en("odos"))?;
        Ok(Self(odos))
    }

    /// Un itinerario que ya se comprobó al guardarlo.
    #[must_use]
    pub const fn reconstituir(odos: Vec<Odo>) -> Self {
        Self(odos)
    }

    /// Sus odos, en orden.
    #[must_use]
    pub fn odos(&self) -> &[Odo] {
        &self.0
    }
}

/// Los itinerarios de una reserva: al menos uno.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Itinerarios(Vec<Itinerario>);

impl Itinerarios {
    /// Los itinerarios, en el orden en que llegaron.
    ///
    /// # Errors
    /// `MinimoUnItinerario`, con el puntero `/itinerarios`.
    pub fn nuevos(itinerarios: Vec<Itinerario>) -> Result<Self, ReglaRota> {
        exigir(&MinimoUnItinerario(&itinerarios)).map_err(|rota| rota.en("itinerarios"))?;
        Ok(Self(itinerarios))
    }

    /// Unos itinerarios que ya se comprobaron al guardarlos.
    #[must_use]
    pub const fn reconstituir(itinerarios: Vec<Itinerario>) -> Self {
        Self(itinerarios)
    }

    /// Los itinerarios, en orden.
    #[must_use]
    pub fn lista(&self) -> &[Itinerario] {
        &self.0
    }
}

#[cfg(test)]
pub mod pruebas {
    use time::macros::datetime;

    use super::*;

    fn aeropuerto(codigo: &str) -> Aeropuerto {
        Aeropuerto::nuevo(codigo, "").unwrap()
    }

    fn leg(origen: &str, destino: &str, sale: u8, llega: u8) -> Result<Leg, ReglaRota> {
        let a_las = |hora| datetime!(2022-11-22 00:00 UTC).replace_hour(hora).unwrap();
        Leg::nuevo(a_las(sale), a_las(llega), aeropuerto(origen), aeropuerto(destino))
    }

    /// Un itinerario de un solo vuelo, para las pruebas del módulo.
    pub fn itinerarios() -> Itinerarios {
        let segmento = Segmento::nuevo(vec![leg("BOG", "JFK", 8, 14).unwrap()]).unwrap();
        let odo = Odo::nuevo(vec![segmento]).unwrap();
        Itinerarios::nuevos(vec![Itinerario::nuevo(vec![odo]).unwrap()]).unwrap()
    }

    fn regla<T: std::fmt::Debug>(resultado: Result<T, ReglaRota>) -> (&'static str, String) {
        let rota = resultado.unwrap_err();
        (rota.regla, rota.puntero)
    }

    #[test]
    fn ninguna_lista_puede_estar_vacia() {
        assert_eq!(regla(Itinerarios::nuevos(vec![])), ("MinimoUnItinerario", "/itinerarios".into()));
        assert_eq!(regla(Itinerario::nuevo(vec![])), ("MinimoUnOdo", "/odos".into()));
        assert_eq!(regla(Odo::nuevo(vec![])), ("MinimoUnSegmento", "/segmentos".into()));
        assert_eq!(regla(Segmento::nuevo(vec![])), ("MinimoUnLeg", "/legs".into()));
    }

    #[test]
    fn el_mensaje_del_sistema_original_se_conserva() {
        assert_eq!(
            Itinerarios::nuevos(vec![]).unwrap_err().to_string(),
            "MinimoUnItinerario - La lista de itinerarios debe tener al menos un itinerario"
        );
        assert_eq!(leg("BOG", "BOG", 8, 14).unwrap_err().to_string(), "RutaValida - La ruta propuesta es incorrecta");
    }

    #[test]
    fn un_vuelo_cambia_de_aeropuerto_y_llega_despues_de_salir() {
        assert_eq!(regla(leg("BOG", "bog", 8, 14)).0, "RutaValida");
        assert_eq!(regla(leg("BOG", "JFK", 8, 8)).0, "RutaValida");
        assert_eq!(regla(leg("BOG", "JFK", 14, 8)).0, "RutaValida");
        assert!(leg("BOG", "JFK", 8, 9).is_ok());
    }

    #[test]
    fn los_vuelos_de_un_segmento_se_conectan_y_se_suceden() {
        let dos = |primero: (&str, &str, u8, u8), segundo: (&str, &str, u8, u8)| {
            let armar = |(o, d, s, l)| leg(o, d, s, l).unwrap();
            Segmento::nuevo(vec![armar(primero), armar(segundo)])
        };
        assert!(dos(("BOG", "MIA", 1, 4), ("MIA", "JFK", 4, 7)).is_ok());
        assert_eq!(regla(dos(("BOG", "MIA", 1, 4), ("BOG", "JFK", 5, 7))), ("LegsConectados", "/legs".into()));
        assert_eq!(regla(dos(("BOG", "MIA", 1, 4), ("MIA", "JFK", 3, 7))), ("LegsSucesivos", "/legs".into()));
    }

    #[test]
    fn un_codigo_es_iata_u_oaci_y_queda_en_mayusculas() {
        assert_eq!(aeropuerto("bog").codigo(), "BOG");
        assert_eq!(aeropuerto("SKBO").codigo(), "SKBO");
        for malo in ["", "BO", "BOGOT", "B0G", "ÑOG", "B G"] {
            assert_eq!(regla(Aeropuerto::nuevo(malo, "")), ("CodigoAeropuertoValido", "/codigo".into()));
        }
        assert_eq!(regla(Aeropuerto::nuevo("BOG", "a\0")), ("TextoValido", "/nombre".into()));
    }

    #[test]
    fn una_fecha_anterior_al_ano_1_no_se_puede_representar() {
        let antes = datetime!(0000-12-31 23:00 UTC);
        let despues = datetime!(2022-11-22 00:00 UTC);
        let leg = Leg::nuevo(antes, despues, aeropuerto("BOG"), aeropuerto("JFK"));
        assert_eq!(regla(leg), ("FechaRepresentable", "/fecha_salida".into()));
    }
}
