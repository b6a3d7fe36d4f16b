//! El remojo: un rato largo de un poco de todo, para ver si la memoria crece.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::Fallo;
use crate::instancia::{Instancia, medir as medir_tanda};
use crate::limites::Muestra;
use crate::medida::{Cifra, Resultados, contado};
use crate::mundo::Mundo;
use crate::uso::rss;
use crate::wrk;

/// Las claves de este grupo.
pub const CLAVES: &[&str] = &["remojo"];

/// Con el descanso de su guion, un ritmo que no deja atraso.
const CONEXIONES: u32 = 16;
/// Cada cuánto se mira la memoria.
const VISTAZO: Duration = Duration::from_secs(1);
/// La parte del principio que no cuenta para la pendiente: lo que se pide una vez y se queda.
const PRINCIPIO: f64 = 0.2;

/// Lo mide, si se pidió.
pub async fn medir(mundo: &Mundo, resultados: &mut Resultados) {
    if mundo.argumentos.mide("remojo") {
        let medido = remojar(mundo, resultados).await;
        resultados.si_no_se_pudo("remojo", medido);
    }
}

async fn remojar(mundo: &Mundo, resultados: &mut Resultados) -> Result<(), Fallo> {
    mundo.vaciar().await?;
    let instancia = mundo.arrancar(&[]).await?;
    Muestra::tomar(mundo, &instancia).await?.sembrar(mundo).await?;
    let mut memoria = Vec::new();
    let segundos = mundo.argumentos.remojo.as_secs();
    let carga = async {
        tokio::select! {
            carga = wrk::correr(CONEXIONES, segundos, &instancia.url, "de_todo") => carga,
            fallo = mirar(&instancia, &mut memoria) => Err(fallo),
        }
    };
    let tanda = medir_tanda(mundo, &[&instancia], carga).await?;
    instancia.parar().await?;
    let corte = mundo.argumentos.remojo.mul_f64(PRINCIPIO).as_secs_f64();
    let estables: Vec<_> = memoria.into_iter().filter(|(cuando, _)| *cuando >= corte).collect();
    let (pendiente, media) = recta(&estables).ok_or("el remojo fue demasiado corto para ajustar una recta")?;
    let crecio = 100.0 * pendiente * mundo.argumentos.remojo.as_secs_f64() / media;
    let minutos = segundos / 60;
    for (clave, titulo, unidad, medida) in [
        ("remojo-ritmo", format!("Remojo de {minutos} min: ritmo"), "/s", tanda.por_segundo),
        ("remojo-maximo", format!("Remojo de {minutos} min: lo más que ocupó"), "MiB", tanda.rss_mib),
        ("remojo-pendiente", format!("Remojo de {minutos} min: lo que creció, ajustado"), "%", crecio),
        (
            "remojo-atraso",
            format!("Remojo de {minutos} min: lo que quedó por mover"),
            "mensajes",
            contado(tanda.atraso.unsigned_abs()),
        ),
        ("remojo-errores", format!("Remojo de {minutos} min: lo que falló"), "solicitudes", contado(tanda.errores)),
    ] {
        resultados.anotar_cifra(Cifra { clave, titulo, unidad, medidas: vec![medida] });
    }
    Ok(())
}

/// Anota cuánto ocupa, con los segundos que lleva; no termina mientras se pueda mirar.
async fn mirar(instancia: &Instancia, memoria: &mut Vec<(f64, f64)>) -> Fallo {
    let empezo = Instant::now();
    loop {
        match rss(instancia.pid) {
            Ok(mib) => memoria.push((empezo.elapsed().as_secs_f64(), mib)),
            Err(fallo) => return fallo,
        }
        sleep(VISTAZO).await;
    }
}

/// La pendiente de la recta que mejor se ajusta a unos puntos (mínimos cuadrados), y la media de sus alturas.
fn recta(puntos: &[(f64, f64)]) -> Option<(f64, f64)> {
    let cuantos = f64::from(u32::try_from(puntos.len()).ok().filter(|cuantos| *cuantos >= 2)?);
    let media = |de: fn(&(f64, f64)) -> f64| puntos.iter().map(de).sum::<f64>() / cuantos;
    let (media_x, media_y) = (media(|punto| punto.0), media(|punto| punto.1));
    let juntos: f64 = puntos.iter().map(|(x, y)| (x - media_x) * (y - media_y)).sum();
    let cuadrados: f64 = puntos.iter().map(|(x, _)| (x - media_x).powi(2)).sum();
    Some((juntos / cuadrados, media_y))
}
