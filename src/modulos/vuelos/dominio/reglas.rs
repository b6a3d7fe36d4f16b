//! Reglas de negocio de los itinerarios, con el nombre y el mensaje del sistema original donde los tiene.

use time::OffsetDateTime;

use super::itinerario::{Itinerario, Leg, Odo, Segmento};
use crate::seedwork::dominio::reglas::ReglaNegocio;

macro_rules! lista_no_vacia {
    ($(#[$doc:meta])* $tipo:ident = $nombre:literal, $elemento:ty, $mensaje:literal) => {
        $(#[$doc])*
        pub struct $tipo<'a>(pub &'a [$elemento]);

        impl ReglaNegocio for $tipo<'_> {
            const NOMBRE: &'static str = $nombre;

            fn mensaje(&self) -> String {
                $mensaje.into()
            }

            fn es_valida(&self) -> bool {
                !self.0.is_empty()
            }
        }
    };
}

lista_no_vacia!(
    /// Una reserva lleva a alguna parte.
    MinimoUnItinerario = "MinimoUnItinerario", Itinerario, "La lista de itinerarios debe tener al menos un itinerario"
);
lista_no_vacia!(
    /// Un itinerario tiene al menos un trayecto de origen a destino (odo).
    MinimoUnOdo = "MinimoUnOdo", Odo, "La lista de odos debe tener al menos un odo"
);
lista_no_vacia!(
    /// Un odo tiene al menos un segmento.
    MinimoUnSegmento = "MinimoUnSegmento", Segmento, "La lista de segmentos debe tener al menos un segmento"
);
lista_no_vacia!(
    /// Un segmento tiene al menos un vuelo (leg).
    MinimoUnLeg = "MinimoUnLeg", Leg, "La lista de legs debe tener al menos un leg"
);

/// Un vuelo va a otro aeropuerto y llega después de salir.
pub struct RutaValida<'a>(pub &'a Leg);

impl ReglaNegocio for RutaValida<'_> {
    const NOMBRE: &'static str = "RutaValida";

    fn mensaje(&self) -> String {
        "La ruta propuesta es incorrecta".into()
    }

    fn es_valida(&self) -> bool {
        let leg = self.0;
        leg.origen().codigo() != leg.destino().codigo() && leg.fecha_llegada() > leg.fecha_salida()
    }
}

/// Cada vuelo de un segmento sale de donde llegó el anterior.
pub struct LegsConectados<'a>(pub &'a [Leg]);

impl ReglaNegocio for LegsConectados<'_> {
    const NOMBRE: &'static str = "LegsConectados";

    fn mensaje(&self) -> String {
        "Cada leg de un segmento debe salir del aeropuerto al que llegó el anterior".into()
    }

    fn es_valida(&self) -> bool {
        self.0.array_windows().all(|[uno, otro]| uno.destino().codigo() == otro.origen().codigo())
    }
}

/// Cada vuelo de un segmento sale cuando el anterior ya llegó.
pub struct LegsSucesivos<'a>(pub &'a [Leg]);

impl ReglaNegocio for LegsSucesivos<'_> {
    const NOMBRE: &'static str = "LegsSucesivos";

    fn mensaje(&self) -> String {
        "Cada leg de un segmento debe salir después de que llegue el anterior".into()
    }

    fn es_valida(&self) -> bool {
        self.0.array_windows().all(|[uno, otro]| uno.fecha_llegada() <= otro.fecha_salida())
    }
}

/// Un código de aeropuerto es IATA (3 letras) u OACI (4 letras).
pub struct CodigoAeropuertoValido<'a>(pub &'a str);

impl ReglaNegocio for CodigoAeropuertoValido<'_> {
    const NOMBRE: &'static str = "CodigoAeropuertoValido";

    fn mensaje(&self) -> String {
        "El código de aeropuerto debe ser IATA (3 letras) u OACI (4 letras)".into()
    }

    fn es_valida(&self) -> bool {
        matches!(self.0.len(), 3 | 4) && self.0.bytes().all(|b| b.is_ascii_alphabetic())
    }
}

/// Las fechas se guardan y se muestran con años de cuatro cifras.
pub struct FechaRepresentable(pub OffsetDateTime);

impl ReglaNegocio for FechaRepresentable {
    const NOMBRE: &'static str = "FechaRepresentable";

    fn mensaje(&self) -> String {
        "La fecha, en UTC, debe estar entre los años 1 y 9999".into()
    }

    fn es_valida(&self) -> bool {
        (1..=9999).contains(&self.0.year())
    }
}
