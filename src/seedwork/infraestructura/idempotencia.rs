//! Las solicitudes con `Idempotency-Key`, en PostgreSQL.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use sqlx::{FromRow, query_as};
use uuid::Uuid;

use super::claves::Clave;
use super::conexiones::Conexiones;
use super::sentencias::Escritura;
use super::unidad_trabajo_pg::UnidadTrabajoPg;
use crate::seedwork::aplicacion::idempotencia::{Recuerdo, Solicitud, Solicitudes, de_otra, en_curso};
use crate::seedwork::aplicacion::reacciones::Negativa;
use crate::seedwork::dominio::repositorios::Falla;

const TABLA: &str = "idempotencia";

/// Resume solicitudes con una clave secreta (HMAC-SHA-256): de la huella no se puede adivinar un cuerpo corto.
#[derive(Clone)]
pub struct Huellas(Hmac<Sha256>);

impl Huellas {
    /// Con esa clave, la misma en todas las instancias.
    ///
    /// # Errors
    /// [`Falla::Interna`] si la clave no sirve.
    pub fn nuevas(clave: &Clave) -> Result<Self, Falla> {
        Ok(Self(Hmac::new_from_slice(clave).map_err(Falla::interna)?))
    }

    /// La huella de esas partes. Cada una va con su largo: `ab` y `c` no se confunden con `a` y `bc`.
    #[must_use]
    pub fn de(&self, partes: &[&[u8]]) -> [u8; 32] {
        let mut mac = self.0.clone();
        for parte in partes {
            mac.update(&(parte.len() as u64).to_be_bytes());
            mac.update(parte);
        }
        mac.finalize().into_bytes().into()
    }
}

#[derive(FromRow)]
struct Reclamada {
    libre: bool,
    huella: Option<Vec<u8>>,
    recuerdo: Option<Recuerdo>,
}

impl<S: Send + Sync + 'static> Solicitudes for UnidadTrabajoPg<S> {
    async fn reclamar(&mut self, solicitud: &Solicitud) -> Result<Option<Recuerdo>, Negativa> {
        // El bloqueo consultivo dura lo que la transacción: quien llega mientras tanto lo sabe enseguida y no espera.
        let sql = "SELECT pg_try_advisory_xact_lock(hashtextextended($2, hashtextextended($1, 0))) AS libre, \
                   i.huella, i.recuerdo FROM (VALUES (1)) una LEFT JOIN idempotencia i ON i.ambito = $1 AND i.clave = $2";
        let consulta = query_as(sql).bind(solicitud.ambito.clone()).bind(solicitud.clave.clone());
        match self.leer_una::<Reclamada>(TABLA, consulta).await? {
            Some(Reclamada { huella: Some(huella), .. }) if huella != solicitud.huella => Err(de_otra().into()),
            Some(Reclamada { recuerdo: Some(recuerdo), .. }) => Ok(Some(recuerdo)),
            Some(Reclamada { libre: false, .. }) => Err(en_curso().into()),
            _ => Ok(None),
        }
    }

    fn recordar(&mut self, solicitud: &Solicitud, recuerdo: Recuerdo) {
        let Solicitud { ambito, clave, huella } = solicitud.clone();
        let columnas = vec![
            ("ambito", ambito.into()),
            ("clave", clave.into()),
            ("huella", huella.to_vec().into()),
            ("recuerdo", recuerdo.into()),
        ];
        self.anotar_primero(Escritura::insercion(TABLA, Uuid::now_v7(), columnas));
    }
}

/// Qué comando corresponde a una solicitud: el suyo, si es la primera vez, o el que ya tenía.
///
/// # Errors
/// [`de_otra`] si la clave fue de una solicitud distinta; las de la base de datos.
pub async fn comando_de(
    conexiones: &Conexiones,
    solicitud: &Solicitud,
    (id_comando, id_recurso): (Uuid, Uuid),
) -> Result<(Uuid, Uuid), Negativa> {
    let sql = "WITH nueva AS (INSERT INTO idempotencia (ambito, clave, huella, id_comando, id_recurso) \
               VALUES ($1, $2, $3, $4, $5) ON CONFLICT (ambito, clave) DO NOTHING \
               RETURNING huella, id_comando, id_recurso) \
               SELECT huella, id_comando, id_recurso FROM nueva UNION ALL \
               SELECT huella, id_comando, id_recurso FROM idempotencia \
               WHERE ambito = $1 AND clave = $2 AND NOT EXISTS (SELECT 1 FROM nueva)";
    // La segunda vez ve lo que otra confirmó mientras la primera esperaba por la misma clave.
    for _ in 0..2 {
        let consulta = query_as(sql).bind(&solicitud.ambito).bind(&solicitud.clave).bind(&solicitud.huella[..]);
        let filas: Vec<(Vec<u8>, Option<Uuid>, Option<Uuid>)> =
            conexiones.leer(consulta.bind(id_comando).bind(id_recurso)).await?;
        match filas.into_iter().next() {
            Some((huella, ..)) if huella != solicitud.huella => return Err(de_otra().into()),
            Some((_, Some(id_comando), Some(id_recurso))) => return Ok((id_comando, id_recurso)),
            Some(_) => return Err(de_otra().into()),
            None => {}
        }
    }
    Err(Falla::Interbloqueo.into())
}

#[cfg(test)]
mod pruebas {
    use zeroize::Zeroizing;

    use super::*;

    #[test]
    fn la_huella_distingue_el_contenido_donde_se_parte_y_la_clave() {
        let de = |clave, partes: &[&[u8]]| Huellas::nuevas(&Zeroizing::new(vec![clave; 32])).unwrap().de(partes);
        assert_eq!(de(1, &[b"ab", b"c"]), de(1, &[b"ab", b"c"]));
        for (clave, partes) in [(2, [&b"ab"[..], b"c"]), (1, [b"a", b"bc"]), (1, [b"ab", b"d"])] {
            assert_ne!(de(clave, &partes), de(1, &[b"ab", b"c"]));
        }
    }
}
