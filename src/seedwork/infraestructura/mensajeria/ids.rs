//! Identidades de comando que se prueban a sí mismas (UUID versión 8, RFC 9562).

use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use time::OffsetDateTime;
use uuid::{Builder, Uuid};

use crate::seedwork::aplicacion::resultados::Procedencia;
use crate::seedwork::dominio::repositorios::Falla;
use crate::seedwork::infraestructura::claves::Clave;

/// Cuánto vale un comando que no se ha cumplido. Hasta entonces puede llegar, y más de una vez.
pub const VENTANA: Duration = Duration::from_hours(7 * 24);
/// Lo menos que se recuerda que un mensaje se recibió y cómo terminó: la ventana y un día más, porque los relojes de
/// quien publica, de quien recibe y de la base de datos no son el mismo.
pub const MEMORIA: Duration = Duration::from_hours(8 * 24);

/// Da identidades y las reconoce, en cualquier instancia y sin guardar nada.
///
/// 48 bits de milisegundos, 42 de azar y 32 de un HMAC-SHA-256 sobre los dos: quien no tiene la clave acierta una
/// de cada 2³² veces.
#[derive(Clone)]
pub struct IdsComando {
    mac: Hmac<Sha256>,
}

impl IdsComando {
    /// Con esa clave, la misma en todas las instancias.
    ///
    /// # Errors
    /// [`Falla::Interna`] si la clave no sirve.
    pub fn nuevos(clave: &Clave) -> Result<Self, Falla> {
        Ok(Self { mac: Hmac::new_from_slice(clave).map_err(Falla::interna)? })
    }

    /// Una identidad nueva, aceptada en ese momento.
    pub fn nueva(&self, momento: OffsetDateTime) -> Uuid {
        let milisegundos = (momento.unix_timestamp_nanos() / 1_000_000).to_be_bytes();
        let azar: [u8; 6] = rand::random();
        let mut bytes = [0; 16];
        bytes[..6].copy_from_slice(&milisegundos[10..]);
        bytes[6..12].copy_from_slice(&azar);
        let sin_sello = *Builder::from_custom_bytes(bytes).as_uuid().as_bytes();
        bytes = sin_sello;
        bytes[12..].copy_from_slice(&self.sello(&sin_sello));
        Uuid::from_bytes(bytes)
    }

    /// Qué dice de sí misma una identidad, vista en ese momento.
    pub fn procedencia(&self, id: Uuid, ahora: OffsetDateTime) -> Procedencia {
        match self.aceptado_en(id) {
            None => Procedencia::Ajena,
            Some(momento) if ahora - momento <= VENTANA => Procedencia::Vigente,
            Some(_) => Procedencia::Caducada,
        }
    }

    /// Cuándo se aceptó el comando de esa identidad, si la dio este servicio.
    pub fn aceptado_en(&self, id: Uuid) -> Option<OffsetDateTime> {
        let bytes = id.as_bytes();
        let distintos = self.sello(bytes).iter().zip(&bytes[12..]).fold(0, |suma, (a, b)| suma | (a ^ b));
        if id.get_version_num() != 8 || distintos != 0 {
            return None;
        }
        let milisegundos = id.as_bytes()[..6].iter().fold(0_i128, |n, byte| (n << 8) | i128::from(*byte));
        OffsetDateTime::from_unix_timestamp_nanos(milisegundos * 1_000_000).ok()
    }

    fn sello(&self, bytes: &[u8; 16]) -> [u8; 4] {
        let mut mac = self.mac.clone();
        mac.update(&bytes[..12]);
        let resumen: [u8; 32] = mac.finalize().into_bytes().into();
        [resumen[0], resumen[1], resumen[2], resumen[3]]
    }
}

#[cfg(test)]
mod pruebas {
    use proptest::prelude::*;
    use time::macros::datetime;
    use zeroize::Zeroizing;

    use super::*;

    const HOY: OffsetDateTime = datetime!(2026-11-24 10:00 UTC);

    fn ids(clave: u8) -> IdsComando {
        IdsComando::nuevos(&Zeroizing::new(vec![clave; 32])).unwrap()
    }

    #[test]
    fn una_identidad_propia_vale_hasta_que_caduca() {
        let id = ids(1).nueva(HOY);
        assert_eq!((id.get_version_num(), id.get_variant()), (8, uuid::Variant::RFC4122));
        assert_eq!(ids(1).procedencia(id, HOY + VENTANA), Procedencia::Vigente);
        assert_eq!(ids(1).procedencia(id, HOY + VENTANA + Duration::from_millis(1)), Procedencia::Caducada);
    }

    #[test]
    fn una_identidad_de_otra_clave_es_ajena() {
        assert_eq!(ids(2).procedencia(ids(1).nueva(HOY), HOY), Procedencia::Ajena);
        for ajena in [Uuid::nil(), Uuid::now_v7(), Uuid::new_v4()] {
            assert_eq!(ids(1).procedencia(ajena, HOY), Procedencia::Ajena);
        }
    }

    proptest! {
        #[test]
        fn una_identidad_cambiada_en_un_solo_bit_es_ajena(minutos in 0_u64..10_000, clave in any::<u8>()) {
            let (ids, momento) = (ids(clave), HOY + Duration::from_mins(minutos));
            let id = ids.nueva(momento);
            prop_assert_eq!(ids.procedencia(id, momento), Procedencia::Vigente);
            for bit in 0..128 {
                let cambiada = Uuid::from_u128(id.as_u128() ^ (1 << bit));
                prop_assert_eq!(ids.procedencia(cambiada, momento), Procedencia::Ajena, "bit {}", bit);
            }
        }

        #[test]
        fn una_identidad_cualquiera_es_ajena_sin_panico(id in any::<u128>(), segundos in any::<i32>()) {
            let ahora = OffsetDateTime::UNIX_EPOCH + Duration::from_secs(segundos.unsigned_abs().into());
            prop_assert_eq!(ids(1).procedencia(Uuid::from_u128(id), ahora), Procedencia::Ajena);
        }
    }
}
