//! Lo mismo con la base casi vacía y cada vez más llena: ni el ritmo ni lo que tardan las más lentas deben notarlo.

mod relleno;

use crate::Fallo;
use crate::bus::escenario::Escenario;
use crate::bus::vaciado::vaciar;
use crate::http::CALENTAMIENTO;
use crate::instancia::Instancia;
use crate::medida::{Camino, Cifra, Resultados, Ronda, Tanda, Unidad};
use crate::mundo::Mundo;
use crate::wrk;

/// Lo que se mide aquí, en `--solo`.
pub const CLAVES: &[&str] = &[CLAVE];
const CLAVE: &str = "crecimiento";
const CONEXIONES: u32 = 16;
/// Los comandos que se vacían con la base casi vacía y con la más llena.
const COMANDOS: u32 = 10_000;

/// Lo que hay guardado: reservas y mensajes recibidos.
#[derive(Debug, Clone, Copy)]
pub struct Tamano {
    pub reservas: u32,
    pub recibidos: u32,
}

impl Tamano {
    /// Del casi vacío, que algo tiene que haber para leerlo, al más lleno.
    fn todos(mundo: &Mundo) -> [Self; 4] {
        let escalar = |n: u32| mundo.argumentos.escalar(n);
        [
            Self { reservas: 100, recibidos: 0 },
            Self { reservas: 1_000, recibidos: 0 },
            Self { reservas: escalar(100_000), recibidos: 0 },
            Self { reservas: escalar(3_000_000), recibidos: escalar(10_000_000) },
        ]
    }

    fn titulo(self, que: &str) -> String {
        let recibidos =
            if self.recibidos == 0 { String::new() } else { format!(" y {} mensajes recibidos", self.recibidos) };
        format!("{que} con {} reservas{recibidos}", self.reservas)
    }
}

/// Una base llena hasta ahí, y lo que se midió sobre ella.
struct Llena {
    tamano: Tamano,
    escenario: Escenario,
    post: Vec<Tanda>,
    get: Vec<Tanda>,
    vaciado: Vec<Tanda>,
}

/// Mide el crecimiento, si se pide.
pub async fn medir(mundo: &Mundo, resultados: &mut Resultados) {
    if mundo.argumentos.mide(CLAVE) {
        let medido = crecer(mundo, resultados).await;
        resultados.si_no_se_pudo(CLAVE, medido);
    }
}

async fn crecer(mundo: &Mundo, resultados: &mut Resultados) -> Result<(), Fallo> {
    let mut bases = Vec::new();
    for (numero, tamano) in Tamano::todos(mundo).into_iter().enumerate() {
        let escenario = Escenario::nuevo(mundo, &format!("crecimiento_{numero}"), 0).await?;
        let servicio = escenario.arrancar(mundo, "api").await?;
        let coste = relleno::llenar(mundo, &escenario, &servicio, tamano).await?;
        servicio.parar().await?;
        if tamano.recibidos > 0 {
            resultados.anotar_cifra(cifra("crecimiento-relleno", tamano.titulo("llenar la base"), "s", coste.segundos));
            resultados.anotar_cifra(cifra("crecimiento-base", tamano.titulo("la base"), "MiB", coste.mib));
        }
        bases.push(Llena { tamano, escenario, post: Vec::new(), get: Vec::new(), vaciado: Vec::new() });
    }
    for ronda in 0..mundo.argumentos.rondas {
        for turno in 0..bases.len() {
            // Cada ronda empieza por otra: a ninguna le toca siempre la máquina recién descansada.
            let lugar = (turno + usize::try_from(ronda)?) % bases.len();
            let extremo = lugar == 0 || lugar + 1 == bases.len();
            bases[lugar].medir(mundo, extremo).await?;
        }
    }
    anotar(&bases, resultados);
    Ok(())
}

impl Llena {
    /// Una ronda. Lo que dejaron las anteriores se quita: la base sigue siendo del tamaño que dice. El servicio no se deja
    /// en marcha entre rondas: los de las cuatro bases no caben en las conexiones que PostgreSQL da si no se le dice nada.
    async fn medir(&mut self, mundo: &Mundo, con_vaciado: bool) -> Result<(), Fallo> {
        relleno::restaurar(mundo, &self.escenario, self.tamano).await?;
        let servicio = self.escenario.arrancar(mundo, "api").await?;
        self.cargar(&servicio, CALENTAMIENTO).await?;
        let [post, get] = self.cargar(&servicio, mundo.argumentos.segundos).await?;
        servicio.parar().await?;
        self.post.push(post);
        self.get.push(get);
        if con_vaciado {
            let comandos = mundo.argumentos.escalar(COMANDOS);
            self.vaciado.push(vaciar(mundo, &self.escenario, comandos, 1).await?);
        }
        Ok(())
    }

    /// Una tanda de `POST` y otra de `GET`, cuyo guion toma de la dirección cuántas reservas hay sembradas.
    async fn cargar(&self, servicio: &Instancia, segundos: u64) -> Result<[Tanda; 2], Fallo> {
        let [reservar, leer] =
            ["vuelos/reserva", &self.tamano.reservas.to_string()].map(|ruta| format!("{}/{ruta}", servicio.url));
        let post = self.escenario.medir(servicio, wrk::correr(CONEXIONES, segundos, &reservar, "reservar")).await?;
        let get = self.escenario.medir(servicio, wrk::correr(CONEXIONES, segundos, &leer, "sembradas")).await?;
        Ok([post, get])
    }
}

/// Cada tamaño frente al casi vacío, ronda a ronda.
fn anotar(bases: &[Llena], resultados: &mut Resultados) {
    let Some((vacia, llenas)) = bases.split_first() else { return };
    let serie = |tandas: fn(&Llena) -> &[Tanda]| {
        let serie = llenas.iter().map(move |base| (base.tamano, tandas(base), tandas(vacia)));
        serie.filter(|(_, tandas, _)| !tandas.is_empty()).collect::<Vec<_>>()
    };
    comparar(resultados, ("crecimiento-post", "crecimiento-p99-post", "POST"), &serie(|base| &base.post));
    comparar(resultados, ("crecimiento-get", "crecimiento-p99-get", "GET"), &serie(|base| &base.get));
    comparar(resultados, ("crecimiento-vaciado", "crecimiento-p99-vaciado", "vaciado"), &serie(|base| &base.vaciado));
}

/// Un camino por tamaño, y la peor de las razones de lo que tardan las más lentas.
fn comparar(
    resultados: &mut Resultados,
    (clave, clave_p99, que): (&'static str, &'static str, &str),
    serie: &[(Tamano, &[Tanda], &[Tanda])],
) {
    let mut cifras = Vec::new();
    for (tamano, llena, vacia) in serie {
        let pares = || llena.iter().zip(*vacia);
        let rondas = pares().map(|(llena, vacia)| Ronda { servicio: llena.clone(), limite: vacia.por_segundo });
        let (titulo, unidad, rondas) = (tamano.titulo(que), Unidad::PorSegundo, rondas.collect());
        resultados.anotar(Camino { clave, titulo, conexiones: CONEXIONES, unidad, rondas });
        let medidas = pares().map(|(llena, vacia)| vacia.p99_ms / llena.p99_ms).collect();
        let titulo = tamano.titulo(&format!("p99 de {que}, casi vacía entre llena:"));
        cifras.push(Cifra { clave: clave_p99, titulo, unidad: "veces", medidas });
    }
    if let Some(peor) = cifras.into_iter().min_by(|una, otra| una.valor().total_cmp(&otra.valor())) {
        resultados.anotar_cifra(peor);
    }
}

fn cifra(clave: &'static str, titulo: String, unidad: &'static str, medida: f64) -> Cifra {
    Cifra { clave, titulo, unidad, medidas: vec![medida] }
}
