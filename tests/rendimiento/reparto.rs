//! El mismo vaciado con más instancias y más particiones: lo que cuesta un mensaje no debe cambiar.

use crate::Fallo;
use crate::bus::escenario::Escenario;
use crate::bus::vaciado::vaciar;
use crate::medida::{Camino, Cifra, Resultados, Ronda, Tanda, Unidad};
use crate::mundo::Mundo;

/// Lo que se mide aquí, en `--solo`.
pub const CLAVES: &[&str] = &[CLAVE];
/// El camino, y la cifra que juzgan las metas: cuánto cuesta de más un mensaje en la peor combinación que en la mejor.
const CLAVE: &str = "reparto";
const DISPERSION: &str = "cpu-por-mensaje-dispersion";

/// Los comandos que se vacían con cada combinación.
const MENSAJES: u32 = 30_000;
const INSTANCIAS: [u32; 3] = [1, 2, 4];
const PARTICIONES: [u32; 3] = [1, 4, 16];

/// Mide todas las combinaciones, si se piden. Los carriles son siempre 16: no se configuran.
pub async fn medir(mundo: &Mundo, resultados: &mut Resultados) {
    if !mundo.argumentos.mide(CLAVE) {
        return;
    }
    let medido = repartir(mundo, resultados).await;
    resultados.si_no_se_pudo(CLAVE, medido);
}

async fn repartir(mundo: &Mundo, resultados: &mut Resultados) -> Result<(), Fallo> {
    let mut escenarios = Vec::new();
    for particiones in PARTICIONES {
        escenarios.push(Escenario::nuevo(mundo, &format!("reparto_{particiones}"), particiones).await?);
    }
    let pares = INSTANCIAS.iter().flat_map(|instancias| PARTICIONES.map(|particiones| (*instancias, particiones)));
    let mut caminos: Vec<_> = pares.map(|(instancias, particiones)| camino(instancias, particiones)).collect();
    for _ in 0..mundo.argumentos.rondas {
        let mut tandas = Vec::new();
        for instancias in INSTANCIAS {
            for escenario in &escenarios {
                let mensajes = mundo.argumentos.escalar(MENSAJES);
                tandas.push(vaciar(mundo, escenario, mensajes, usize::try_from(instancias)?).await?);
            }
        }
        anotar_ronda(&mut caminos, tandas);
    }
    let cifra = dispersion(&caminos);
    for camino in caminos {
        resultados.anotar(camino);
    }
    resultados.anotar_cifra(cifra);
    Ok(())
}

fn camino(instancias: u32, particiones: u32) -> Camino {
    let titulo = format!("vaciado: instancias {instancias}, particiones {particiones}");
    Camino { clave: CLAVE, titulo, conexiones: instancias, unidad: Unidad::PorSegundo, rondas: Vec::new() }
}

/// Cada tanda a su camino. Se compara con la primera, que es de una instancia y una partición.
fn anotar_ronda(caminos: &mut [Camino], tandas: Vec<Tanda>) {
    let limite = tandas.first().map_or(f64::NAN, |primera| primera.por_segundo);
    for (camino, servicio) in caminos.iter_mut().zip(tandas) {
        camino.rondas.push(Ronda { servicio, limite });
    }
}

/// Cuánto cuesta de más un mensaje en la combinación más cara que en la más barata.
fn dispersion(caminos: &[Camino]) -> Cifra {
    let costes = || caminos.iter().map(|camino| camino.mediana(|tanda| tanda.cpu_us));
    let (menor, mayor) = (costes().fold(f64::INFINITY, f64::min), costes().fold(0.0, f64::max));
    let titulo = "CPU por mensaje: la combinación más cara frente a la más barata".to_owned();
    Cifra { clave: DISPERSION, titulo, unidad: "de más", medidas: vec![mayor / menor - 1.0] }
}
