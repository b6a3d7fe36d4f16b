//! Hasta dónde leyó alguien la bandeja de salida, dicho de forma que no se pierda ni se repita nada.

use std::str::FromStr;
use std::sync::Arc;

/// Lo más que puede ocupar una ficha, en bytes.
const LARGO_MAXIMO: usize = 8 * 1024;

/// Qué transacciones se veían en un momento: las menores que `limite` que no estaban en curso (`pg_snapshot`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Foto {
    limite: u64,
    en_curso: Vec<u64>,
}

impl Foto {
    /// Interpreta un `pg_snapshot`, que PostgreSQL escribe `xmin:xmax:xip,xip…`.
    #[must_use]
    pub fn de_postgres(texto: &str) -> Option<Self> {
        let mut partes = texto.split(':').skip(1);
        let limite = partes.next()?.parse().ok()?;
        let en_curso = partes.next()?.split(',').filter(|parte| !parte.is_empty()).map(|parte| parte.parse().ok());
        Some(Self { limite, en_curso: en_curso.collect::<Option<_>>()? })
    }

    /// Si esa transacción se veía.
    #[must_use]
    pub fn ve(&self, transaccion: u64) -> bool {
        transaccion < self.limite && !self.en_curso.contains(&transaccion)
    }

    /// La primera transacción que no había empezado.
    #[must_use]
    pub const fn limite(&self) -> u64 {
        self.limite
    }

    /// Las que habían empezado y no habían terminado.
    #[must_use]
    pub fn en_curso(&self) -> &[u64] {
        &self.en_curso
    }

    /// `limite` y, por cada una en curso, cuánto le falta para llegar a él: así ocupa poco.
    fn escribir(&self) -> String {
        let restas = self.en_curso.iter().map(|id| format!(".{}", self.limite - id));
        std::iter::once(self.limite.to_string()).chain(restas).collect()
    }

    fn leer(texto: &str) -> Option<Self> {
        let mut numeros = texto.split('.').map(entero);
        let limite = numeros.next()??;
        let en_curso = numeros.map(|resta| limite.checked_sub(resta.filter(|resta| *resta > 0)?));
        Some(Self { limite, en_curso: en_curso.collect::<Option<_>>()? })
    }
}

/// Hasta dónde se leyó: todo lo que se veía `antes` y, de lo que se ve desde entonces `hasta` otro momento, lo que no
/// pasa de una posición.
///
/// Lo que se empezó a ver entre dos fotos va por posición: entre dos mensajes de la misma clave es el orden en que se
/// confirmaron, y si se ve el segundo se ve el primero.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visto {
    /// Se leyó todo lo que se veía aquí.
    pub antes: Arc<Foto>,
    /// Se está leyendo lo que se ve aquí y no se veía antes.
    pub hasta: Arc<Foto>,
    /// De eso, ya se leyó lo que no pasa de esta posición.
    pub posicion: i64,
}

impl Visto {
    /// Todo lo que se ve en una foto.
    #[must_use]
    pub fn todo(foto: Foto) -> Self {
        let foto = Arc::new(foto);
        Self { antes: Arc::clone(&foto), hasta: foto, posicion: 0 }
    }

    /// Si no queda nada por leer entre las dos fotos.
    #[must_use]
    pub fn completo(&self) -> bool {
        self.antes == self.hasta
    }

    /// Lo mismo, escrito para que otro lo devuelva tal cual.
    #[must_use]
    pub fn ficha(&self) -> String {
        format!("{}-{}-{}", self.antes.escribir(), self.hasta.escribir(), self.posicion)
    }
}

/// Que un texto no es la ficha de nada leído.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FichaInvalida;

impl FromStr for Visto {
    type Err = FichaInvalida;

    fn from_str(texto: &str) -> Result<Self, FichaInvalida> {
        leer_ficha(texto).ok_or(FichaInvalida)
    }
}

fn leer_ficha(texto: &str) -> Option<Visto> {
    if texto.len() > LARGO_MAXIMO {
        return None;
    }
    let mut partes = texto.split('-');
    let (antes, hasta) = (Foto::leer(partes.next()?)?, Foto::leer(partes.next()?)?);
    let posicion = i64::try_from(entero(partes.next()?)?).ok()?;
    let ordenadas = antes.limite <= hasta.limite;
    (ordenadas && partes.next().is_none()).then(|| Visto { antes: antes.into(), hasta: hasta.into(), posicion })
}

/// Sólo cifras: `parse` admite además un signo.
fn entero(texto: &str) -> Option<u64> {
    texto.bytes().all(|byte| byte.is_ascii_digit()).then(|| texto.parse().ok()).flatten()
}

#[cfg(test)]
mod pruebas {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn una_foto_ve_lo_que_vio_postgres() {
        let foto = Foto::de_postgres("10:20:10,14").unwrap();
        let vistas: Vec<_> = (8..22).filter(|id| foto.ve(*id)).collect();
        assert_eq!(vistas, [8, 9, 11, 12, 13, 15, 16, 17, 18, 19]);
        assert_eq!(Foto::de_postgres("7:7:").unwrap(), Foto { limite: 7, en_curso: vec![] });
        for mala in ["", "7", "7:x:", "7:9:8,x", "a"] {
            assert_eq!(Foto::de_postgres(mala), None, "{mala}");
        }
    }

    #[test]
    fn lo_que_no_es_una_ficha_se_rechaza() {
        let largo = format!("9{}-9-1", ".1".repeat(LARGO_MAXIMO));
        for mala in
            ["", "7", "7-8", "7-8-", "7-8-1-1", "7-8-x", "8-7-1", "+7-8-1", "7.0-8-1", "7.8-8-1", "7.-8-1", &largo]
        {
            assert_eq!(mala.parse::<Visto>(), Err(FichaInvalida), "{mala}");
        }
        assert!("7-8-1".parse::<Visto>().is_ok());
    }

    proptest! {
        #[test]
        fn una_ficha_va_y_vuelve(limite in 1_u64.., avance in 0_u64..1000, restas in prop::collection::btree_set(1_u64..500, 0..20), posicion in 0_i64..) {
            let en_curso: Vec<_> = restas.iter().rev().filter_map(|resta| limite.checked_sub(*resta)).collect();
            let antes = Arc::new(Foto { limite, en_curso });
            let hasta = Arc::new(Foto { limite: limite.saturating_add(avance), en_curso: vec![] });
            let visto = Visto { antes, hasta, posicion };
            prop_assert_eq!(visto.ficha().parse::<Visto>(), Ok(visto));
        }

        #[test]
        fn un_texto_cualquiera_no_hace_panico(texto in "[0-9.+-]{0,40}") {
            let _ = texto.parse::<Visto>();
        }
    }
}
