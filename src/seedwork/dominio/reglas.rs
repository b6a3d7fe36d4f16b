//! Reglas de negocio: cada una es un tipo con nombre y mensaje propios.

use std::fmt::Display;

use thiserror::Error;

/// Una condición que el dominio exige.
pub trait ReglaNegocio {
    /// El nombre con que la regla aparece ante los clientes.
    const NOMBRE: &'static str;

    /// Qué se incumplió, dicho para quien envió los datos.
    fn mensaje(&self) -> String;

    /// Si los datos cumplen la regla.
    fn es_valida(&self) -> bool;
}

/// El incumplimiento de una regla, con el lugar de los datos donde ocurrió.
///
/// Se muestra en la forma `Regla - mensaje`, la del sistema original.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{regla} - {mensaje}")]
pub struct ReglaRota {
    /// Nombre de la regla.
    pub regla: &'static str,
    /// Qué se incumplió.
    pub mensaje: String,
    /// JSON Pointer (RFC 6901) del dato, relativo a lo que se estaba construyendo.
    pub puntero: String,
}

impl ReglaRota {
    /// Antepone un tramo al puntero: quien construye el todo sabe dónde estaba la parte.
    #[must_use]
    pub fn en(mut self, tramo: impl Display) -> Self {
        self.puntero = format!("/{tramo}{}", self.puntero);
        self
    }
}

/// Comprueba una regla.
///
/// # Errors
/// [`ReglaRota`] si los datos no la cumplen.
pub fn exigir<R: ReglaNegocio>(regla: &R) -> Result<(), ReglaRota> {
    if regla.es_valida() {
        return Ok(());
    }
    Err(ReglaRota { regla: R::NOMBRE, mensaje: regla.mensaje(), puntero: String::new() })
}

/// Construye los elementos de una lista; el puntero del primer error dice cuál de ellos falló.
///
/// # Errors
/// La [`ReglaRota`] del primer elemento que no se pudo construir, con `/nombre/índice` delante.
pub fn construir_lista<A, B>(
    nombre: &str,
    partes: impl IntoIterator<Item = A>,
    construir: impl Fn(A) -> Result<B, ReglaRota>,
) -> Result<Vec<B>, ReglaRota> {
    partes
        .into_iter()
        .enumerate()
        .map(|(indice, parte)| construir(parte).map_err(|rota| rota.en(indice).en(nombre)))
        .collect()
}

#[cfg(test)]
mod pruebas {
    use super::*;

    struct Par(u8);

    impl ReglaNegocio for Par {
        const NOMBRE: &'static str = "Par";

        fn mensaje(&self) -> String {
            format!("{} no es par", self.0)
        }

        fn es_valida(&self) -> bool {
            self.0.is_multiple_of(2)
        }
    }

    #[test]
    fn una_regla_rota_dice_su_nombre_y_su_mensaje() {
        assert_eq!(exigir(&Par(2)), Ok(()));
        assert_eq!(exigir(&Par(3)).unwrap_err().to_string(), "Par - 3 no es par");
    }

    #[test]
    fn el_puntero_nombra_el_elemento_que_fallo() {
        let rota = construir_lista("pares", [2, 3, 5], |n| exigir(&Par(n))).unwrap_err();
        assert_eq!(rota.en("datos").puntero, "/datos/pares/1");
    }
}
