//! Qué se rompe y cuándo: un plan que sale entero de la semilla.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{RngExt, SeedableRng};

use super::argumentos::{Argumentos, Bus};

/// Una clase de falla.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Tipo {
    InstanciaKill9,
    InstanciaSigterm,
    InstanciaCongelada,
    PostgresKill9,
    PostgresParada,
    PostgresRechaza,
    PostgresInalcanzable,
    SesionesCortadas,
    RedCortada,
    FondoLleno,
    ConexionesAgotadas,
    Basura,
    Desconocidos,
    Repetidos,
    PulsarKill9,
    PulsarParada,
    BrokerRechaza,
    BrokerInalcanzable,
}

/// Cada tipo, su nombre, y lo que suele durar con su recuperación, en segundos.
const TIPOS: [(Tipo, &str, f64); 18] = [
    (Tipo::InstanciaKill9, "instancia-kill9", 5.0),
    (Tipo::InstanciaSigterm, "instancia-sigterm", 2.5),
    (Tipo::InstanciaCongelada, "instancia-congelada", 8.0),
    (Tipo::PostgresKill9, "postgresql-kill9", 2.5),
    (Tipo::PostgresParada, "postgresql-parada", 3.5),
    (Tipo::PostgresRechaza, "postgresql-rechaza", 2.0),
    (Tipo::PostgresInalcanzable, "postgresql-inalcanzable", 3.0),
    (Tipo::SesionesCortadas, "sesiones-cortadas", 0.7),
    (Tipo::RedCortada, "red-cortada", 0.7),
    (Tipo::FondoLleno, "fondo-lleno", 2.5),
    (Tipo::ConexionesAgotadas, "conexiones-agotadas", 2.5),
    (Tipo::Basura, "basura", 0.6),
    (Tipo::Desconocidos, "mensajes-desconocidos", 0.6),
    (Tipo::Repetidos, "mensajes-repetidos", 0.6),
    (Tipo::PulsarKill9, "pulsar-kill9", 22.0),
    (Tipo::PulsarParada, "pulsar-parada", 24.0),
    (Tipo::BrokerRechaza, "broker-rechaza", 4.0),
    (Tipo::BrokerInalcanzable, "broker-inalcanzable", 25.0),
];

/// Cuánto de la corrida pueden ocupar las fallas, para que quede tiempo de que todo se mueva.
const OCUPACION: f64 = 0.85;
/// Lo que dura una falla que no es para una corrida corta, en segundos.
const LARGA: f64 = 12.0;
/// Lo que dura, como mucho, una falla breve, en segundos.
const BREVE: f64 = 1.0;

impl Tipo {
    /// Los que hay con ese bus.
    pub fn del(bus: Bus) -> Vec<Self> {
        TIPOS.iter().map(|(tipo, ..)| *tipo).filter(|tipo| bus == Bus::Pulsar || !tipo.es_de_pulsar()).collect()
    }

    /// Los nombres de todos.
    pub fn nombres() -> impl Iterator<Item = &'static str> {
        TIPOS.iter().map(|(_, nombre, _)| *nombre)
    }

    /// Su nombre.
    pub fn nombre(self) -> &'static str {
        self.fila().1
    }

    fn costo(self) -> f64 {
        self.fila().2
    }

    fn fila(self) -> &'static (Self, &'static str, f64) {
        TIPOS.iter().find(|(tipo, ..)| *tipo == self).unwrap_or(&TIPOS[0])
    }

    const fn es_de_pulsar(self) -> bool {
        matches!(self, Self::PulsarKill9 | Self::PulsarParada | Self::BrokerRechaza | Self::BrokerInalcanzable)
    }
}

/// Una falla por inyectar.
#[derive(Debug, Clone)]
pub struct Falla {
    /// Cuándo, desde el principio; si otra sigue en curso, en cuanto acabe.
    pub momento: Duration,
    /// De qué tipo.
    pub tipo: Tipo,
    /// De dónde sale todo lo que esta falla decide al azar.
    pub semilla: u64,
}

/// El plan de una corrida: primero uno de cada tipo, barajados, si caben; después, al azar, y las caras menos.
pub fn trazar(argumentos: &Argumentos) -> Vec<Falla> {
    let mut azar = StdRng::seed_from_u64(argumentos.semilla);
    let mut tipos = Tipo::del(argumentos.bus);
    tipos.retain(|tipo| argumentos.solo.as_ref().is_none_or(|solo| solo == tipo.nombre()));
    tipos.shuffle(&mut azar);
    let intervalo =
        argumentos.duracion().mul_f64(OCUPACION) / u32::try_from(argumentos.fallas.max(1)).unwrap_or(u32::MAX);
    let (todos, exponente) =
        (tipos.iter().map(|tipo| tipo.costo()).sum::<f64>(), exponente(&tipos, intervalo.as_secs_f64()));
    let caben = argumentos.exige_todos_los_tipos() || todos <= argumentos.duracion().as_secs_f64() * OCUPACION;
    let cabe = |tipo: &Tipo| caben || tipo.costo() <= LARGA;
    let mut elegidos: Vec<_> = tipos.iter().copied().filter(cabe).collect();
    while elegidos.len() < argumentos.fallas {
        let peso = |tipo: &Tipo| tipo.costo().powf(-exponente);
        elegidos.push(tipos.choose_weighted(&mut azar, peso).copied().unwrap_or(Tipo::Basura));
    }
    elegidos.truncate(argumentos.fallas);
    let momentos = std::iter::successors(Some(Duration::ZERO), |momento| Some(*momento + intervalo));
    elegidos.into_iter().zip(momentos).map(|(tipo, momento)| Falla { momento, tipo, semilla: azar.random() }).collect()
}

/// Una falla breve cualquiera, para ahora mismo.
pub fn breve(bus: Bus, azar: &mut StdRng) -> Falla {
    let tipos: Vec<_> = Tipo::del(bus).into_iter().filter(|tipo| tipo.costo() <= BREVE).collect();
    let tipo = tipos.choose(azar).copied().unwrap_or(Tipo::RedCortada);
    Falla { momento: Duration::ZERO, tipo, semilla: azar.random() }
}

/// Cuánto hay que evitar las caras para que, de media, cada una quepa en su tiempo: de 0, todas por igual, a 2.
fn exponente(tipos: &[Tipo], media: f64) -> f64 {
    let costo_medio = |exponente: f64| {
        let peso = |tipo: &Tipo| tipo.costo().powf(-exponente);
        tipos.iter().map(|tipo| tipo.costo() * peso(tipo)).sum::<f64>() / tipos.iter().map(peso).sum::<f64>()
    };
    (0..=20).map(|decimo| f64::from(decimo) / 10.0).find(|exponente| costo_medio(*exponente) <= media).unwrap_or(2.0)
}
