//! Lo que no es un camino: cuánto tarda en dar la primera respuesta, cuánto ocupa en reposo y cuánto el programa.

use std::path::Path;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::Fallo;
use crate::instancia::Instancia;
use crate::medida::{Cifra, Resultados};
use crate::mundo::Mundo;
use crate::uso::rss;

/// Las claves de este grupo.
pub const CLAVES: &[&str] = &["arranque", "reposo", "programa"];

/// Lo más que puede tardar la primera respuesta.
const PLAZO: Duration = Duration::from_mins(1);
/// Cada cuánto se pregunta.
const VISTAZO: Duration = Duration::from_millis(1);
/// Lo que se deja en paz al servicio antes de mirar cuánto ocupa en reposo.
const REPOSO: Duration = Duration::from_secs(5);
/// Las variables de quien mide que el PostgreSQL embebido necesita para encontrar sus binarios.
const DE_CARPETAS: [&str; 3] = ["HOME", "XDG_CACHE_HOME", "AEROALPES_POSTGRES_DESCARGA"];

/// Mide los que se pidieron.
pub async fn medir(mundo: &Mundo, resultados: &mut Resultados) {
    for clave in CLAVES.iter().filter(|clave| mundo.argumentos.mide(clave)) {
        let medido = match *clave {
            "arranque" => arranque(mundo, resultados).await,
            "reposo" => reposo(mundo, resultados).await,
            _ => programa(&mundo.argumentos.programa, resultados),
        };
        resultados.si_no_se_pudo(clave, medido);
    }
}

async fn arranque(mundo: &Mundo, resultados: &mut Resultados) -> Result<(), Fallo> {
    mundo.vaciar().await?;
    let (mut externa, mut fria, mut caliente) = (Vec::new(), Vec::new(), Vec::new());
    // El primero no cuenta: trae los binarios de PostgreSQL, si faltan.
    primera_respuesta(mundo, &embebida(mundo, "embebida")).await?;
    for ronda in 0..mundo.argumentos.rondas {
        externa.push(primera_respuesta(mundo, &mundo.entorno()?).await?);
        let nueva = embebida(mundo, &format!("embebida-{ronda}"));
        fria.push(primera_respuesta(mundo, &nueva).await?);
        caliente.push(primera_respuesta(mundo, &nueva).await?);
    }
    let titulos = [
        ("arranque-externa", "Primera respuesta, con una base de fuera", externa),
        ("arranque-fria", "Primera respuesta, con la embebida y sin datos", fria),
        ("arranque-caliente", "Primera respuesta, con la embebida y sus datos", caliente),
    ];
    for (clave, titulo, medidas) in titulos {
        resultados.anotar_cifra(Cifra { clave, titulo: titulo.to_owned(), unidad: "ms", medidas });
    }
    Ok(())
}

/// Un servicio que lleva su propio PostgreSQL, con los datos en esa carpeta.
fn embebida(mundo: &Mundo, nombre: &str) -> Vec<(String, String)> {
    let datos = mundo.carpeta.join(nombre).to_string_lossy().into_owned();
    let de_carpetas =
        DE_CARPETAS.into_iter().filter_map(|nombre| Some((nombre.to_owned(), std::env::var(nombre).ok()?)));
    de_carpetas.chain([("AEROALPES_DATOS".to_owned(), datos)]).collect()
}

/// Los milisegundos desde que se lanza hasta que contesta una consulta que lee la base. Después lo para.
async fn primera_respuesta(mundo: &Mundo, entorno: &[(String, String)]) -> Result<f64, Fallo> {
    let empezo = Instant::now();
    let mut instancia = mundo.lanzar(entorno)?;
    while !contesta(mundo, &instancia).await {
        if let Some(caida) = instancia.caida() {
            return Err(format!("el servicio terminó al arrancar: {caida}").into());
        }
        if empezo.elapsed() >= PLAZO {
            return Err(format!("el servicio no contestó:\n{}", instancia.ultimas_lineas()).into());
        }
        sleep(VISTAZO).await;
    }
    let tardo = empezo.elapsed();
    instancia.parar().await?;
    Ok(tardo.as_secs_f64() * 1e3)
}

async fn contesta(mundo: &Mundo, instancia: &Instancia) -> bool {
    let respuesta = mundo.cliente.get(format!("{}/vuelos/reserva?limite=1", instancia.url)).send().await;
    respuesta.is_ok_and(|respuesta| respuesta.status().is_success())
}

async fn reposo(mundo: &Mundo, resultados: &mut Resultados) -> Result<(), Fallo> {
    mundo.vaciar().await?;
    let (instancia, mut medidas) = (mundo.arrancar(&[]).await?, Vec::new());
    sleep(REPOSO).await;
    for _ in 0..mundo.argumentos.rondas {
        medidas.push(rss(instancia.pid)?);
        sleep(Duration::from_secs(1)).await;
    }
    instancia.parar().await?;
    let titulo = "Memoria en reposo, sin PostgreSQL".to_owned();
    resultados.anotar_cifra(Cifra { clave: "reposo", titulo, unidad: "MiB", medidas });
    Ok(())
}

fn programa(ruta: &Path, resultados: &mut Resultados) -> Result<(), Fallo> {
    let bytes = u32::try_from(std::fs::metadata(ruta)?.len())?;
    let (titulo, medidas) = ("Tamaño del programa".to_owned(), vec![f64::from(bytes) / 1e6]);
    resultados.anotar_cifra(Cifra { clave: "programa", titulo, unidad: "MB", medidas });
    Ok(())
}
