//! Lo que se mide y cómo se resume: tandas, rondas y caminos; y la mediana, que es lo que se publica.

use serde::Serialize;

use crate::Fallo;

/// Lo que se vio en una tanda de carga contra el servicio.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Tanda {
    /// Operaciones terminadas por segundo.
    pub por_segundo: f64,
    /// La mediana de lo que tardó cada una, en milisegundos.
    pub p50_ms: f64,
    /// Lo que no pasaron 99 de cada 100.
    pub p99_ms: f64,
    /// Microsegundos de procesador que gastó nuestro proceso por operación.
    pub cpu_us: f64,
    /// Lo más que ocupó en memoria, en MiB.
    pub rss_mib: f64,
    /// Lo que quedaba por mover al acabar: sin publicar, sin recibir y sin atender.
    pub atraso: i64,
    /// Las que no salieron bien.
    pub errores: u64,
}

/// Una ronda: la tanda y su límite, uno detrás del otro.
#[derive(Debug, Clone, Serialize)]
pub struct Ronda {
    pub servicio: Tanda,
    pub limite: f64,
}

/// En qué se compara un camino con su límite.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Unidad {
    /// Operaciones por segundo: más es mejor.
    PorSegundo,
    /// La mediana de lo que tarda una, en milisegundos: menos es mejor. El límite también va en milisegundos.
    MilisegundosP50,
}

/// Un camino con tantas conexiones y sus rondas.
#[derive(Debug, Clone, Serialize)]
pub struct Camino {
    /// Su nombre en `--solo`, en el JSON y en las metas.
    pub clave: &'static str,
    pub titulo: String,
    pub conexiones: u32,
    pub unidad: Unidad,
    pub rondas: Vec<Ronda>,
}

impl Camino {
    /// La mediana de un dato de las tandas.
    pub fn mediana(&self, dato: impl Fn(&Tanda) -> f64) -> f64 {
        mediana(self.rondas.iter().map(|ronda| dato(&ronda.servicio)))
    }

    /// Lo que se compara con el límite, de una tanda.
    pub fn valor(&self, tanda: &Tanda) -> f64 {
        match self.unidad {
            Unidad::PorSegundo => tanda.por_segundo,
            Unidad::MilisegundosP50 => tanda.p50_ms,
        }
    }

    /// La mediana de las razones con el límite, ronda a ronda: una máquina ruidosa estropea los dos a la vez.
    pub fn razon(&self) -> f64 {
        mediana(self.rondas.iter().map(|ronda| self.valor(&ronda.servicio) / ronda.limite))
    }

    /// La mediana del límite.
    pub fn limite(&self) -> f64 {
        mediana(self.rondas.iter().map(|ronda| ronda.limite))
    }

    /// Lo más que ocupó el servicio en cualquiera de sus rondas.
    pub fn rss_maximo(&self) -> f64 {
        self.rondas.iter().map(|ronda| ronda.servicio.rss_mib).fold(0.0, f64::max)
    }

    /// Cuántas operaciones salieron mal, en todas las rondas.
    pub fn errores(&self) -> u64 {
        self.rondas.iter().map(|ronda| ronda.servicio.errores).sum()
    }
}

/// Un dato suelto, sin límite al lado: un arranque, un tamaño, una pendiente.
#[derive(Debug, Clone, Serialize)]
pub struct Cifra {
    /// Su nombre en el JSON y en las metas.
    pub clave: &'static str,
    pub titulo: String,
    pub unidad: &'static str,
    /// Cada vez que se midió; se publica la mediana.
    pub medidas: Vec<f64>,
}

impl Cifra {
    pub fn valor(&self) -> f64 {
        mediana(self.medidas.iter().copied())
    }
}

/// Todo lo medido, en el orden en que se midió.
#[derive(Debug, Default, Serialize)]
pub struct Resultados {
    pub caminos: Vec<Camino>,
    pub cifras: Vec<Cifra>,
    /// Lo que se pidió y no se pudo medir, y por qué.
    pub sin_medir: Vec<(&'static str, String)>,
}

impl Resultados {
    /// El camino de esa clave con tantas conexiones.
    pub fn camino(&self, clave: &str, conexiones: u32) -> Option<&Camino> {
        self.caminos.iter().find(|camino| camino.clave == clave && camino.conexiones == conexiones)
    }

    pub fn cifra(&self, clave: &str) -> Option<&Cifra> {
        self.cifras.iter().find(|cifra| cifra.clave == clave)
    }

    /// Guarda un camino y lo cuenta en cuanto se sabe.
    pub fn anotar(&mut self, camino: Camino) {
        println!("{}", crate::tabla::fila(&camino));
        self.caminos.push(camino);
    }

    /// Si eso no se pudo medir, lo dice y lo recuerda; lo demás se mide igual.
    pub fn si_no_se_pudo(&mut self, clave: &'static str, medido: Result<(), Fallo>) {
        if let Err(fallo) = medido {
            eprintln!("rendimiento: {clave}: no se pudo medir: {fallo}");
            self.sin_medir.push((clave, fallo.to_string()));
        }
    }

    /// Guarda un dato suelto y lo cuenta.
    pub fn anotar_cifra(&mut self, cifra: Cifra) {
        println!("{}", crate::tabla::fila_de_cifra(&cifra));
        self.cifras.push(cifra);
    }
}

/// Una cuenta, para dividirla.
#[expect(clippy::cast_precision_loss, reason = "ninguna cuenta llega a 2^52")]
pub const fn contado(cuantos: u64) -> f64 {
    cuantos as f64
}

/// El valor de en medio; con un número par, la media de los dos. Sin ninguno, no es un número.
pub fn mediana(valores: impl IntoIterator<Item = f64>) -> f64 {
    let mut valores: Vec<_> = valores.into_iter().collect();
    valores.sort_by(f64::total_cmp);
    let medio = valores.len() / 2;
    match valores.len() {
        0 => f64::NAN,
        impar if impar % 2 == 1 => valores[medio],
        _ => f64::midpoint(valores[medio - 1], valores[medio]),
    }
}

/// Mide tantas rondas, el servicio y su límite uno detrás del otro. El orden alterna: a nadie le toca siempre primero.
pub async fn alternar(
    rondas: u32,
    mut servicio: impl AsyncFnMut() -> Result<Tanda, Fallo>,
    mut limite: impl AsyncFnMut() -> Result<f64, Fallo>,
) -> Result<Vec<Ronda>, Fallo> {
    let mut hechas = Vec::new();
    for numero in 0..rondas {
        let ronda = if numero % 2 == 0 {
            let servicio = servicio().await?;
            Ronda { servicio, limite: limite().await? }
        } else {
            let limite = limite().await?;
            Ronda { servicio: servicio().await?, limite }
        };
        hechas.push(ronda);
    }
    Ok(hechas)
}
