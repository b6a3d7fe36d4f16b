//! Códigos de validación: un HMAC truncado del usuario y del momento en que se emite.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use time::OffsetDateTime;

use crate::modulos::clientes::dominio::usuario::IdUsuario;
use crate::seedwork::dominio::repositorios::Falla;
use crate::seedwork::infraestructura::claves::Clave;

/// Símbolos de un código: sin los que se confunden al leerlos (0 y O, 1 e I).
const SIMBOLOS: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
/// Cuántos símbolos tiene un código: 50 bits.
const LARGO: usize = 10;

/// Calcula códigos con HMAC-SHA-256 (RFC 2104), truncado.
pub struct CodigosHmac {
    mac: Hmac<Sha256>,
}

impl CodigosHmac {
    /// Con esa clave, la misma en todas las instancias.
    ///
    /// # Errors
    /// [`Falla::Interna`] si la clave no sirve.
    pub fn nuevo(clave: &Clave) -> Result<Self, Falla> {
        Ok(Self { mac: Hmac::new_from_slice(clave).map_err(Falla::interna)? })
    }

    /// El código de un usuario que se emite en ese momento.
    #[expect(clippy::indexing_slicing, reason = "el resto de dividir entre 32 es siempre uno de los 32 símbolos")]
    pub fn codigo(&self, id: IdUsuario, emitido_en: OffsetDateTime) -> String {
        let resumen = self.resumen(id, emitido_en);
        resumen.iter().take(LARGO).map(|byte| char::from(SIMBOLOS[usize::from(byte % 32)])).collect()
    }

    /// Si el código es el suyo, en un tiempo que no depende de cuánto acierte.
    pub fn es_su_codigo(&self, id: IdUsuario, emitido_en: OffsetDateTime, codigo: &str) -> bool {
        let esperado = self.codigo(id, emitido_en);
        esperado.as_bytes().ct_eq(codigo.to_ascii_uppercase().as_bytes()).into()
    }

    fn resumen(&self, id: IdUsuario, emitido_en: OffsetDateTime) -> [u8; 32] {
        let mut mac = self.mac.clone();
        mac.update(b"validar-usuario");
        mac.update(id.0.as_bytes());
        mac.update(&emitido_en.unix_timestamp_nanos().to_be_bytes());
        mac.finalize().into_bytes().into()
    }
}

#[cfg(test)]
mod pruebas {
    use time::Duration;
    use zeroize::Zeroizing;

    use super::*;
    use crate::modulos::clientes::dominio::usuario::pruebas::HOY;

    fn codigos(clave: u8) -> CodigosHmac {
        CodigosHmac::nuevo(&Zeroizing::new(vec![clave; 32])).unwrap()
    }

    #[test]
    fn depende_de_la_clave_del_usuario_y_del_momento() {
        let id = IdUsuario::nueva();
        let codigo = codigos(1).codigo(id, HOY);
        assert_eq!(codigo.len(), LARGO);
        assert_eq!(codigo, codigos(1).codigo(id, HOY));
        assert_ne!(codigo, codigos(2).codigo(id, HOY));
        assert_ne!(codigo, codigos(1).codigo(IdUsuario::nueva(), HOY));
        assert_ne!(codigo, codigos(1).codigo(id, HOY + Duration::microseconds(1)));
    }

    #[test]
    fn solo_se_acepta_el_codigo_exacto() {
        let (codigos, id) = (codigos(1), IdUsuario::nueva());
        let codigo = codigos.codigo(id, HOY);
        assert!(codigos.es_su_codigo(id, HOY, &codigo) && codigos.es_su_codigo(id, HOY, &codigo.to_lowercase()));
        for malo in ["", &codigo[..9], &format!("{codigo}0"), "no-es-eso!"] {
            assert!(!codigos.es_su_codigo(id, HOY, malo), "{malo}");
        }
    }
}
