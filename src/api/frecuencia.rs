//! Límites de intentos por dirección y por cuenta, en una memoria que no crece (GCRA, con `governor`).

use std::hash::{BuildHasher, Hash, RandomState};
use std::net::IpAddr;
use std::num::NonZeroU32;

use governor::clock::{Clock, DefaultClock};
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};

use super::problema::Problema;

/// Cuántas cuentas se llevan, como mucho, de cada clase.
///
/// Cada dirección o cuenta cae en una casilla con un resumen al azar de este proceso: la memoria tiene un tope, nadie
/// elige con quién comparte casilla y dos que la compartan sólo gastan el mismo cupo.
const CASILLAS: u64 = 1 << 16;

type Cupos = RateLimiter<u64, HashMapStateStore<u64>, DefaultClock>;

/// Los intentos que lleva cada dirección y cada cuenta.
pub struct Frecuencia {
    por_direccion: Cupos,
    por_cuenta: Cupos,
    azar: RandomState,
}

impl Frecuencia {
    /// Tantos intentos por minuto, en cada ruta, desde una dirección y sobre una cuenta. Pueden ir juntos o repartidos.
    pub fn nueva(por_direccion: NonZeroU32, por_cuenta: NonZeroU32) -> Self {
        Self {
            por_direccion: Cupos::hashmap(Quota::per_minute(por_direccion)),
            por_cuenta: Cupos::hashmap(Quota::per_minute(por_cuenta)),
            azar: RandomState::new(),
        }
    }

    /// Cuenta un intento desde esa dirección.
    ///
    /// # Errors
    /// 429 si ya van demasiados; dice cuándo volver.
    pub fn contar_direccion(&self, ruta: &str, direccion: IpAddr) -> Result<(), Problema> {
        contar(&self.por_direccion, self.casilla((ruta, red(direccion))))
    }

    /// Cuenta un intento sobre esa cuenta.
    ///
    /// # Errors
    /// 429 si ya van demasiados; dice cuándo volver.
    pub fn contar_cuenta(&self, ruta: &str, cuenta: &str) -> Result<(), Problema> {
        contar(&self.por_cuenta, self.casilla((ruta, cuenta)))
    }

    fn casilla(&self, dato: impl Hash) -> u64 {
        self.azar.hash_one(dato) % CASILLAS
    }
}

fn contar(cupos: &Cupos, casilla: u64) -> Result<(), Problema> {
    cupos.check_key(&casilla).map_err(|hasta| {
        let espera = hasta.wait_time_from(DefaultClock::default().now());
        Problema::demasiados_intentos(espera)
    })
}

/// A quien tiene una red IPv6 le sobran direcciones: se cuenta la red, de 64 bits.
fn red(direccion: IpAddr) -> IpAddr {
    match direccion.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6((u128::from(v6) & (u128::MAX << 64)).into()),
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod pruebas {
    use super::*;

    const DOS: NonZeroU32 = NonZeroU32::new(2).unwrap();

    #[test]
    fn cada_direccion_y_cada_cuenta_tienen_su_cupo_en_cada_ruta() {
        let frecuencia = Frecuencia::nueva(DOS, DOS);
        let (una, otra): (IpAddr, IpAddr) = ("10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap());
        for _ in 0..2 {
            assert!(frecuencia.contar_direccion("/a", una).is_ok() && frecuencia.contar_cuenta("/a", "ana").is_ok());
        }
        assert!(frecuencia.contar_direccion("/a", una).is_err() && frecuencia.contar_cuenta("/a", "ana").is_err());
        assert!(frecuencia.contar_direccion("/a", otra).is_ok() && frecuencia.contar_cuenta("/a", "luis").is_ok());
        assert!(frecuencia.contar_direccion("/b", una).is_ok() && frecuencia.contar_cuenta("/b", "ana").is_ok());
    }

    #[test]
    fn la_memoria_tiene_un_tope() {
        let frecuencia = Frecuencia::nueva(DOS, DOS);
        for cuenta in 0..4 * CASILLAS {
            let _ = frecuencia.contar_cuenta("/a", &cuenta.to_string());
        }
        assert!(frecuencia.por_cuenta.len() as u64 <= CASILLAS);
    }

    #[test]
    fn las_direcciones_de_una_misma_red_ipv6_cuentan_juntas() {
        let red = |texto: &str| red(texto.parse().unwrap()).to_string();
        assert_eq!(red("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(red("::ffff:10.0.0.1"), "10.0.0.1");
        assert_eq!(red("10.0.0.1"), "10.0.0.1");
    }
}
