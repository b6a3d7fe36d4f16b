//! La memoria de cada cálculo de Argon2id, que pasa de uno a otro. En cuanto nadie espera, vuelve al sistema: en el
//! programa, jemalloc devuelve en el acto lo que pasa de 8 MiB, y un cálculo ocupa 19.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use argon2::{Argon2, Block, Error};

/// La memoria de un cálculo.
#[derive(Default)]
pub struct Memoria(Vec<Block>);

impl Memoria {
    /// Calcula en esta memoria, que puede tener los restos de otro cálculo.
    ///
    /// # Errors
    /// Los de Argon2, y que no haya memoria.
    pub fn calcular(
        &mut self,
        argon2: &Argon2<'_>,
        contrasena: &[u8],
        sal: &[u8],
        salida: &mut [u8],
    ) -> Result<(), Error> {
        let bloques = argon2.params().block_count();
        if self.0.len() < bloques {
            self.0 = Vec::new();
            self.0.try_reserve_exact(bloques).map_err(|_| Error::OutOfMemory)?;
            self.0.resize(bloques, Block::new());
        }
        argon2.hash_password_into_with_memory(contrasena, sal, salida, &mut self.0)
    }
}

/// Pasa la memoria de un cálculo al que espera: pedirla y ocuparla es un tercio de lo que cuesta un cálculo.
#[derive(Clone, Default)]
pub struct Memorias(Arc<Mutex<Guardadas>>);

#[derive(Default)]
struct Guardadas {
    esperan: usize,
    libres: Vec<Memoria>,
}

impl Memorias {
    /// Se pone a esperar turno.
    pub fn esperar(&self) -> Espera<'_> {
        self.guardadas().esperan += 1;
        Espera(self)
    }

    /// Deja la memoria de un cálculo terminado a quien espera; si no espera nadie, la devuelve.
    pub fn dejar(&self, memoria: Memoria) {
        let mut guardadas = self.guardadas();
        if guardadas.esperan > guardadas.libres.len() {
            guardadas.libres.push(memoria);
        }
    }

    fn guardadas(&self) -> MutexGuard<'_, Guardadas> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Quien espera turno. Al dejar de esperar, haya llegado o no, no queda memoria para nadie más de los que esperan.
pub struct Espera<'a>(&'a Memorias);

impl Espera<'_> {
    /// Llegó el turno: la memoria que otro dejó o, si no hay, una sin ocupar.
    pub fn memoria(self) -> Memoria {
        self.0.guardadas().libres.pop().unwrap_or_default()
    }
}

impl Drop for Espera<'_> {
    fn drop(&mut self) {
        let mut guardadas = self.0.guardadas();
        guardadas.esperan -= 1;
        let esperan = guardadas.esperan;
        guardadas.libres.truncate(esperan);
    }
}

#[cfg(test)]
mod pruebas {
    use argon2::{Algorithm, Params, Version};

    use super::*;

    fn libres(memorias: &Memorias) -> usize {
        memorias.guardadas().libres.len()
    }

    #[test]
    fn calcula_lo_mismo_que_la_biblioteca_tambien_sobre_los_restos_de_otro_calculo() {
        let (mut memoria, mut suya, mut nuestra) = (Memoria::default(), [0; 32], [0; 32]);
        for (contrasena, bloques) in [("una", 64), ("otra", 64), ("mayor", 128), ("menor", 32), ("una", 64)] {
            let params = Params::new(bloques, 2, 1, None).unwrap();
            let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
            argon2.hash_password_into(contrasena.as_bytes(), b"sal-de-ocho", &mut suya).unwrap();
            memoria.calcular(&argon2, contrasena.as_bytes(), b"sal-de-ocho", &mut nuestra).unwrap();
            assert_eq!(suya, nuestra, "{contrasena}, {bloques} bloques");
        }
    }

    #[test]
    fn la_memoria_pasa_a_quien_espera_y_sin_nadie_se_devuelve() {
        let memorias = Memorias::default();
        memorias.dejar(Memoria::default());
        assert_eq!(libres(&memorias), 0, "no esperaba nadie");
        let (una, otra) = (memorias.esperar(), memorias.esperar());
        for _ in 0..3 {
            memorias.dejar(Memoria(vec![Block::new()]));
        }
        assert_eq!(libres(&memorias), 2, "una por cada quien espera");
        assert_eq!(una.memoria().0.len(), 1);
        assert_eq!(libres(&memorias), 1);
        // Quien esperaba se fue.
        drop(otra);
        assert_eq!((libres(&memorias), memorias.guardadas().esperan), (0, 0));
    }
}
