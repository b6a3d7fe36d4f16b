//! Lo que un consumo tiene entre manos: lo que atiende, y lo que ya pidió y espera lugar.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use tokio::task::JoinError;
use tracing::error;
use uuid::Uuid;

use super::entregas::{Entrega, Pedido};

/// De las que se atienden a la vez, cuántas pueden ser repetidas: las que fallan siempre no ocupan los lugares de las demás.
const REPETIDAS: usize = 6;
/// Entregas que se piden de una vez: buscarlas cuesta casi lo mismo para una que para todas.
const LOTE: usize = 240;
/// Lo que vale lo que se pidió y aún no se atiende: después, su carril puede ser de otra instancia.
const VIGENCIA: Duration = Duration::from_millis(250);

/// Lo que se tiene entre manos.
#[derive(Default)]
pub struct EntreManos {
    /// Lo que se está atendiendo, por posición: su clave, y si es una repetición.
    en_curso: HashMap<i64, (Uuid, bool)>,
    /// Lo que ya se pidió y espera lugar; de cada clave, sólo la primera.
    en_espera: VecDeque<Entrega>,
    pedido_en: Option<Instant>,
}

impl EntreManos {
    /// Olvida lo que esperó demasiado.
    pub fn descartar_lo_caducado(&mut self) {
        if self.pedido_en.is_some_and(|pedido| pedido.elapsed() > VIGENCIA) {
            self.descartar();
        }
    }

    /// Olvida lo que espera lugar.
    pub fn descartar(&mut self) {
        self.en_espera.clear();
    }

    /// Si no hay en espera para tantos lugares.
    pub fn faltan(&self, lugares: usize) -> bool {
        self.en_espera.len() < lugares
    }

    /// Las claves de todo lo que se tiene.
    pub fn claves(&self) -> Vec<Uuid> {
        let en_curso = self.en_curso.values().map(|(clave, _)| *clave);
        en_curso.chain(self.en_espera.iter().map(|entrega| entrega.llegada.clave)).collect()
    }

    /// Cuánto se puede pedir.
    pub fn pedido(&self) -> Pedido {
        let en_curso = self.en_curso.values().filter(|(_, repetida)| *repetida).count();
        let repetidas = en_curso + self.en_espera.iter().filter(|entrega| entrega.repetida()).count();
        Pedido { cuantas: LOTE.saturating_sub(self.en_espera.len()), repetidas: REPETIDAS.saturating_sub(repetidas) }
    }

    /// Pone en espera lo que se halló.
    pub fn guardar(&mut self, halladas: Vec<Entrega>) {
        self.en_espera.extend(halladas);
        self.pedido_en = Some(Instant::now());
    }

    /// Saca de la espera tantas como lugares: quedan en curso.
    pub fn tomar(&mut self, lugares: usize) -> Vec<Entrega> {
        let tomadas: Vec<_> = self.en_espera.drain(..lugares.min(self.en_espera.len())).collect();
        self.en_curso
            .extend(tomadas.iter().map(|entrega| (entrega.posicion, (entrega.llegada.clave, entrega.repetida()))));
        tomadas
    }

    /// Da por terminada una de las que estaban en curso.
    pub fn retirar(&mut self, terminada: Result<i64, JoinError>) {
        match terminada {
            Ok(posicion) => {
                self.en_curso.remove(&posicion);
            }
            // No se sabe cuál era: se olvidan todas, y la bandeja de entrada para las que se repitan.
            Err(causa) => {
                error!(%causa, "una entrega terminó en pánico");
                self.en_curso.clear();
            }
        }
    }
}
