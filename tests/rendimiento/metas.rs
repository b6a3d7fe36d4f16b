//! Lo que hay que alcanzar, y si se alcanzó.

use serde::Serialize;

use crate::medida::{Camino, Resultados, Unidad, contado};

/// Hacia dónde es mejor.
#[derive(Debug, Clone, Copy)]
enum Exige {
    AlMenos(f64),
    ALoSumo(f64),
}
use Exige::{ALoSumo, AlMenos};

/// De dónde sale lo que se compara con la meta.
#[derive(Debug, Clone, Copy)]
enum Dato {
    /// La razón de un camino con su límite, con tantas conexiones.
    Razon(&'static str, u32),
    /// La peor de las razones de un camino, en cualquiera de sus formas.
    PeorRazon(&'static str),
    /// Los microsegundos de procesador por operación.
    Cpu(&'static str, u32),
    /// Cuántas veces cabe p50 en p99.
    Cola(&'static str, u32),
    /// Lo que quedaba por mover, en segundos de lo que se mueve.
    Atraso(&'static str, u32),
    /// Lo que rinde con 64 conexiones frente a 16.
    Escala(&'static str),
    /// Lo más que ocupó el servicio en cualquier camino.
    MasMemoria,
    /// Las operaciones que salieron mal en todos los caminos: con alguna, lo demás no se sabe qué mide.
    Errores,
    /// Una cifra suelta.
    Suelta(&'static str),
}
use Dato::{Atraso, Cola, Cpu, Errores, Escala, MasMemoria, PeorRazon, Razon, Suelta};

const METAS: &[(&str, Dato, Exige)] = &[
    ("POST, relevo parado, 16 conexiones: razón", Razon("post", 16), AlMenos(0.55)),
    ("POST, con todo, 16 conexiones: razón", Razon("post-con-todo", 16), AlMenos(0.4)),
    ("POST, con todo, 16 conexiones: atraso, en segundos", Atraso("post-con-todo", 16), ALoSumo(1.0)),
    ("POST, 16 conexiones: µs de CPU", Cpu("post", 16), ALoSumo(90.0)),
    ("POST, 16 conexiones: p99 entre p50", Cola("post", 16), ALoSumo(4.0)),
    ("POST, 64 conexiones frente a 16", Escala("post"), AlMenos(0.9)),
    ("POST, con todo, 64 conexiones frente a 16", Escala("post-con-todo"), AlMenos(0.9)),
    ("GET por id, 16 conexiones: razón", Razon("get", 16), AlMenos(0.42)),
    ("GET por id, 64 conexiones: razón", Razon("get", 64), AlMenos(0.5)),
    ("GET por id, 16 conexiones: µs de CPU", Cpu("get", 16), ALoSumo(55.0)),
    ("GET por id, 64 conexiones frente a 16", Escala("get"), AlMenos(0.9)),
    ("GET página de 50, 64 conexiones frente a 16", Escala("lista"), AlMenos(0.9)),
    ("POST usuario, 64 conexiones frente a 16", Escala("usuario"), AlMenos(0.9)),
    ("202, 64 en vuelo: razón", Razon("comando-202", 64), AlMenos(0.6)),
    ("202, 16 en vuelo: razón", Razon("comando-202", 16), AlMenos(0.6)),
    ("202, 64 conexiones frente a 16", Escala("comando-202"), AlMenos(0.9)),
    ("Vaciado de comandos: razón", PeorRazon("vaciado"), AlMenos(0.6)),
    ("Relevo: razón", PeorRazon("relevo"), AlMenos(0.7)),
    ("Ida y vuelta, p50: razón", PeorRazon("ida-y-vuelta"), ALoSumo(1.5)),
    ("Fila caliente: razón", Razon("fila-caliente", 8), AlMenos(0.7)),
    ("Memoria en reposo, MiB (40 MB)", Suelta("reposo"), ALoSumo(38.1)),
    ("Memoria con la carga más pesada, MiB (120 MB)", MasMemoria, ALoSumo(114.4)),
    ("Memoria en el remojo: crecimiento, %", Suelta("remojo-pendiente"), ALoSumo(5.0)),
    ("Primera respuesta, base de fuera, ms", Suelta("arranque-externa"), ALoSumo(150.0)),
    ("Primera respuesta, embebida sin datos, ms", Suelta("arranque-fria"), ALoSumo(1500.0)),
    ("Primera respuesta, embebida con datos, ms", Suelta("arranque-caliente"), ALoSumo(500.0)),
    ("Programa, MB", Suelta("programa"), ALoSumo(25.0)),
    ("POST con la base llena, frente a vacía", PeorRazon("crecimiento-post"), AlMenos(0.85)),
    ("GET con la base llena, frente a vacía", PeorRazon("crecimiento-get"), AlMenos(0.85)),
    ("POST con la base llena: p99 vacía entre llena", Suelta("crecimiento-p99-post"), AlMenos(0.85)),
    ("GET con la base llena: p99 vacía entre llena", Suelta("crecimiento-p99-get"), AlMenos(0.85)),
    ("1, 2 y 4 instancias: dispersión de la CPU por mensaje", Suelta("cpu-por-mensaje-dispersion"), ALoSumo(0.1)),
    ("Remojo: solicitudes que fallaron", Suelta("remojo-errores"), ALoSumo(0.0)),
    ("Operaciones que fallaron en los caminos", Errores, ALoSumo(0.0)),
];

/// Una meta, y qué fue de ella.
#[derive(Debug, Serialize)]
pub struct Juicio {
    pub meta: &'static str,
    /// «≥ 0.55».
    pub exigida: String,
    /// Lo que se midió; nada, si no se midió.
    pub medida: Option<f64>,
    pub cumplida: Option<bool>,
}

/// Juzga todas las metas con lo que haya medido.
pub fn juzgar(resultados: &Resultados) -> Vec<Juicio> {
    METAS.iter().map(|(meta, dato, exige)| juicio(meta, dato.medir(resultados), *exige)).collect()
}

/// La razón que se exige a un camino con tantas conexiones, si se exige alguna.
pub fn razon_exigida(camino: &Camino) -> Option<f64> {
    METAS.iter().find_map(|(_, dato, exige)| {
        let suya = match dato {
            Razon(clave, conexiones) => *clave == camino.clave && *conexiones == camino.conexiones,
            PeorRazon(clave) => *clave == camino.clave,
            _ => false,
        };
        let (AlMenos(razon) | ALoSumo(razon)) = exige;
        suya.then_some(*razon)
    })
}

fn juicio(meta: &'static str, medida: Option<f64>, exige: Exige) -> Juicio {
    let (exigida, cumple): (_, fn(f64, f64) -> bool) = match exige {
        AlMenos(cuanto) => (cuanto, |medida, exigida| medida >= exigida),
        ALoSumo(cuanto) => (cuanto, |medida, exigida| medida <= exigida),
    };
    let signo = if matches!(exige, AlMenos(_)) { '≥' } else { '≤' };
    let medida = medida.filter(|medida| medida.is_finite());
    Juicio {
        meta,
        exigida: format!("{signo} {exigida}"),
        medida,
        cumplida: medida.map(|medida| cumple(medida, exigida)),
    }
}

impl Dato {
    fn medir(self, resultados: &Resultados) -> Option<f64> {
        let de = |clave, conexiones, dato: fn(&Camino) -> f64| resultados.camino(clave, conexiones).map(dato);
        match self {
            Razon(clave, conexiones) => de(clave, conexiones, Camino::razon),
            Cpu(clave, conexiones) => de(clave, conexiones, |camino| camino.mediana(|tanda| tanda.cpu_us)),
            Cola(clave, conexiones) => {
                de(clave, conexiones, |camino| camino.mediana(|tanda| tanda.p99_ms / tanda.p50_ms))
            }
            Atraso(clave, conexiones) => de(clave, conexiones, atraso),
            PeorRazon(clave) => peor(resultados, clave),
            Escala(clave) => {
                let rinde = |conexiones| de(clave, conexiones, |camino| camino.mediana(|tanda| tanda.por_segundo));
                Some(rinde(64)? / rinde(16)?)
            }
            Errores => resultados.caminos.iter().map(|camino| contado(camino.errores())).reduce(|a, b| a + b),
            MasMemoria => resultados.caminos.iter().map(Camino::rss_maximo).reduce(f64::max),
            Suelta(clave) => resultados.cifra(clave).map(crate::medida::Cifra::valor),
        }
    }
}

/// La peor razón de los caminos de esa clave: la más baja o, si se mide lo que tarda, la más alta.
fn peor(resultados: &Resultados, clave: &str) -> Option<f64> {
    let suyos = resultados.caminos.iter().filter(|camino| camino.clave == clave);
    suyos
        .map(|camino| (camino.unidad, camino.razon()))
        .reduce(|(unidad, una), (_, otra)| match unidad {
            Unidad::PorSegundo => (unidad, una.min(otra)),
            Unidad::MilisegundosP50 => (unidad, una.max(otra)),
        })
        .map(|(_, razon)| razon)
}

/// Cuántos segundos se tarda en mover lo que quedó.
fn atraso(camino: &Camino) -> f64 {
    camino.mediana(|tanda| contado(tanda.atraso.unsigned_abs()) / tanda.por_segundo)
}
