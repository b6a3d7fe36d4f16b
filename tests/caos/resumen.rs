//! El veredicto, para quien lo lee.

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::time::Duration;

use super::argumentos::{Argumentos, CADENCIA};
use super::historia::{Clase, Defecto, Historia};
use super::plan::Tipo;

/// Lo menos que tiene que trabajar una corrida para que valga, en operaciones por segundo.
const RITMO: f64 = 50.0;
/// Defectos de cada clase que se cuentan enteros.
const DETALLES: usize = 15;

/// Lo que hizo una corrida.
pub struct Corrida {
    pub argumentos: Argumentos,
    pub operaciones: u64,
    pub duracion: Duration,
    pub inyectadas: Vec<Tipo>,
}

impl Corrida {
    /// Cuenta los defectos y cierra con la línea que los resume; falla si hubo alguno o si no hizo lo bastante. Con una
    /// guarda quitada, falla si no halló ninguno.
    pub fn cerrar(&self, historia: &Historia) -> ExitCode {
        let (defectos, faltas) = (historia.defectos(), self.faltas());
        for clase in [Clase::Perdida, Clase::Duplicada, Clase::Desordenada, Clase::Inconsistente, Clase::Lenta] {
            contar(clase, &defectos);
        }
        for falta in &faltas {
            println!("falta: {falta}");
        }
        let cuantos = |clase| defectos.iter().filter(|defecto| defecto.clase == clase).count();
        let tipos: BTreeSet<_> = self.inyectadas.iter().collect();
        let danos = defectos.iter().filter(|defecto| defecto.clase != Clase::Lenta).count();
        match &self.argumentos.averia {
            Some(averia) if danos > 0 => println!("caos: sin la guarda «{averia}» se encontró el daño, como debía"),
            Some(averia) => {
                println!("caos: sin la guarda «{averia}» no se encontró ningún daño: el comprobador no la ve");
            }
            None => {}
        }
        println!(
            "caos: operaciones={} fallas={} tipos={} perdidas={} duplicadas={} desordenadas={} inconsistentes={} \
             recuperacion_p99_s={:.2}",
            self.operaciones,
            self.inyectadas.len(),
            tipos.len(),
            cuantos(Clase::Perdida),
            cuantos(Clase::Duplicada),
            cuantos(Clase::Desordenada),
            cuantos(Clase::Inconsistente),
            p99(historia)
        );
        let bien = if self.argumentos.averia.is_some() { danos > 0 } else { defectos.is_empty() && faltas.is_empty() };
        if bien { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }

    /// Por qué la corrida no vale aunque no haya hallado nada.
    fn faltas(&self) -> Vec<String> {
        let mut faltas = Vec::new();
        #[expect(clippy::cast_precision_loss, reason = "es una cuenta pequeña")]
        let ritmo = self.operaciones as f64 / self.duracion.as_secs_f64();
        if ritmo < RITMO {
            faltas.push(format!("{ritmo:.1} operaciones por segundo son menos que {RITMO}"));
        }
        if self.inyectadas.len() < self.argumentos.fallas {
            faltas.push(format!("se inyectaron {} fallas de {}", self.inyectadas.len(), self.argumentos.fallas));
        }
        if !self.argumentos.fallas_dichas && self.inyectadas.len() < fallas_debidas(self.duracion) {
            faltas.push(format!("se inyectó menos de una falla cada {CADENCIA} s"));
        }
        if self.argumentos.exige_todos_los_tipos() {
            let ausente = |tipo: &Tipo| !self.inyectadas.contains(tipo);
            let ausentes = Tipo::del(self.argumentos.bus).into_iter().filter(ausente);
            faltas.extend(ausentes.map(|tipo| format!("no salió ninguna falla «{}»", tipo.nombre())));
        }
        faltas
    }
}

/// Cuántas fallas debe haber en ese tiempo si nadie dice cuántas.
pub fn fallas_debidas(duracion: Duration) -> usize {
    usize::try_from(duracion.as_secs() / CADENCIA).unwrap_or(usize::MAX)
}

fn contar(clase: Clase, defectos: &[Defecto]) {
    let suyos: Vec<_> = defectos.iter().filter(|defecto| defecto.clase == clase).collect();
    for defecto in suyos.iter().take(DETALLES) {
        println!("{clase:?}: {}", defecto.detalle);
    }
    if suyos.len() > DETALLES {
        println!("{clase:?}: … y {} más", suyos.len() - DETALLES);
    }
}

/// El tiempo que no superan 99 de cada 100 recuperaciones, en segundos.
fn p99(historia: &Historia) -> f64 {
    let mut tiempos: Vec<_> = historia.recuperaciones().iter().map(|una| una.duracion).collect();
    tiempos.sort_unstable();
    let lugar = (tiempos.len() * 99).div_ceil(100).saturating_sub(1);
    tiempos.get(lugar).map_or(0.0, Duration::as_secs_f64)
}
