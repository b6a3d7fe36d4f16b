//! `./dev caos`: rompe cosas mientras el servicio trabaja, y juzga desde fuera si se perdió, se dobló o se desordenó algo.

mod argumentos;
mod cliente;
mod contenidos;
mod delegado;
mod entorno;
mod fallas;
mod historia;
mod instancias;
mod intrusos;
mod juez;
mod mundo;
mod plan;
mod procesos;
mod recuperacion;
mod resumen;
mod servicios;
mod topicos;
mod trafico;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use argumentos::Argumentos;
use entorno::Entorno;
use fallas::Saboteador;
use mundo::Mundo;
use plan::{Falla, Tipo};
use rand::SeedableRng;
use rand::rngs::StdRng;
use resumen::{Corrida, fallas_debidas};

/// Lo que impide seguir: un tropiezo del comprobador, no un defecto del servicio.
type Fallo = Box<dyn Error + Send + Sync>;

/// Las guardas que se pueden quitar, con la característica `averias`.
const AVERIAS: [&str; 5] = ["bandeja-entrada", "bandeja-salida", "for-update", "confirmar-antes", "valla"];

/// Cuánto se puede alargar una corrida para que quepan las fallas que se pidieron.
const PRORROGA: f64 = 3.0;

fn main() -> ExitCode {
    let argumentos = match Argumentos::leer() {
        Ok(argumentos) => argumentos,
        Err(codigo) => return codigo,
    };
    let hilos = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let corrida = hilos.map_err(Fallo::from).and_then(|hilos| hilos.block_on(hasta_que_interrumpan(argumentos)));
    corrida.unwrap_or_else(|fallo| {
        eprintln!("caos: la corrida no terminó: {fallo}");
        ExitCode::from(2)
    })
}

async fn hasta_que_interrumpan(argumentos: Argumentos) -> Result<ExitCode, Fallo> {
    let Argumentos { bus, segundos, fallas, semilla, .. } = &argumentos;
    println!("caos: bus={} segundos={segundos} fallas={fallas} semilla={semilla}", bus.nombre());
    let carpeta = Carpeta::nueva(argumentos.conservar)?;
    let (mut interrumpir, mut terminar) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let entorno = tokio::select! {
        entorno = Entorno::levantar(&argumentos, carpeta.ruta()) => entorno?,
        _ = interrumpir.recv() => return Ok(ExitCode::from(130)),
        _ = terminar.recv() => return Ok(ExitCode::from(143)),
    };
    let fin = tokio::select! {
        fin = correr(&argumentos, &entorno) => fin,
        _ = interrumpir.recv() => Ok(ExitCode::from(130)),
        _ = terminar.recv() => Ok(ExitCode::from(143)),
    };
    entorno.rematar();
    fin
}

/// La carpeta de la corrida; al soltarla se borra, si no se pidió conservarla.
struct Carpeta {
    ruta: PathBuf,
    _temporal: Option<TempDir>,
}

impl Carpeta {
    fn nueva(conservar: bool) -> Result<Self, Fallo> {
        // Como root, PostgreSQL corre bajo otro usuario, y tiene que poder llegar.
        let permisos = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        let temporal = tempfile::Builder::new().prefix("aeroalpes-caos.").permissions(permisos).tempdir()?;
        if conservar {
            let ruta = temporal.keep();
            println!("caos: los datos y los registros quedan en {}", ruta.display());
            return Ok(Self { ruta, _temporal: None });
        }
        Ok(Self { ruta: temporal.path().to_owned(), _temporal: Some(temporal) })
    }

    fn ruta(&self) -> &Path {
        &self.ruta
    }
}

async fn correr(argumentos: &Argumentos, entorno: &Entorno) -> Result<ExitCode, Fallo> {
    let semilla = argumentos.semilla;
    let mundo = Arc::new(entorno.mundo());
    let (inicio, sin_vigilar) = (Instant::now(), CancellationToken::new());
    let clientes = trafico::empezar(&mundo, semilla);
    let romper = async {
        let inyectadas = romper(argumentos, entorno, &mundo, inicio).await;
        let trafico = inicio.elapsed();
        mundo.parar.cancel();
        let operaciones = entorno.historia.operaciones();
        clientes.join_all().await;
        sin_vigilar.cancel();
        inyectadas.map(|inyectadas| (inyectadas, trafico, operaciones))
    };
    let (roto, ()) = tokio::join!(romper, fallas::vigilar(entorno, &sin_vigilar));
    let (inyectadas, duracion, operaciones) = roto?;
    println!(
        "caos: {} peticiones en {:.0} s; se deja asentar y se juzga",
        entorno.historia.peticiones().len(),
        duracion.as_secs_f64()
    );
    juez::asentar(entorno).await;
    let calma = juez::en_calma(entorno, semilla).await?;
    juez::juzgar(entorno, &calma).await?;
    Ok(Corrida { argumentos: argumentos.clone(), operaciones, duracion, inyectadas }.cerrar(&entorno.historia))
}

/// Cumple el plan: cada falla a su hora o, si la anterior duró más, en cuanto se pueda.
async fn romper(
    argumentos: &Argumentos,
    entorno: &Entorno,
    mundo: &Mundo,
    inicio: Instant,
) -> Result<Vec<Tipo>, Fallo> {
    let saboteador = Saboteador { entorno, mundo };
    let (mut inyectadas, limite) = (Vec::new(), inicio + argumentos.duracion().mul_f64(PRORROGA));
    // Un poco de tráfico antes de la primera.
    let margen = Duration::from_secs(2);
    for falla in plan::trazar(argumentos) {
        sleep_until(inicio + margen + falla.momento).await;
        if Instant::now() >= limite {
            break;
        }
        contar(inicio, &falla);
        saboteador.inyectar(&falla).await?;
        inyectadas.push(falla.tipo);
    }
    // Las fallas que duran más que su turno alargan la corrida: se les añaden otras, breves, para que no baje el ritmo.
    let mut azar = StdRng::seed_from_u64(argumentos.semilla);
    while !argumentos.fallas_dichas
        && inyectadas.len() < fallas_debidas(inicio.elapsed().max(argumentos.duracion()))
        && Instant::now() < limite
    {
        let falla = plan::breve(argumentos.bus, &mut azar);
        contar(inicio, &falla);
        saboteador.inyectar(&falla).await?;
        inyectadas.push(falla.tipo);
    }
    sleep_until(inicio + argumentos.duracion()).await;
    Ok(inyectadas)
}

fn contar(inicio: Instant, falla: &Falla) {
    println!("  {:>7.2} s  {}", inicio.elapsed().as_secs_f64(), falla.tipo.nombre());
}
