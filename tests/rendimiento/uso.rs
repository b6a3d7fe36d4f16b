//! Lo que gasta un proceso, según `/proc`.

use std::fs;
use std::time::Duration;

use tokio::time::sleep;

use crate::Fallo;

/// Los tics de reloj por segundo con que Linux cuenta el procesador a los programas (`USER_HZ`).
const TICS: f64 = 100.0;
/// Cada cuánto se mira la memoria durante una tanda.
const VISTAZO: Duration = Duration::from_millis(50);

/// Segundos de procesador que ha gastado un proceso desde que nació, en el programa y en el núcleo.
pub fn cpu(pid: u32) -> Result<f64, Fallo> {
    let texto = leer(pid, "stat")?;
    // Detrás del nombre, que puede llevar espacios, el estado es el primero: los tics son el 12.º y el 13.º.
    let campos: Vec<_> = texto.rsplit(") ").next().unwrap_or_default().split_whitespace().collect();
    let tics = |lugar: usize| campos.get(lugar).and_then(|campo| campo.parse::<f64>().ok());
    let (Some(programa), Some(nucleo)) = (tics(11), tics(12)) else {
        return Err(format!("no se entiende /proc/{pid}/stat: {texto}").into());
    };
    Ok((programa + nucleo) / TICS)
}

/// Los MiB de memoria que ocupa un proceso ahora.
pub fn rss(pid: u32) -> Result<f64, Fallo> {
    let texto = leer(pid, "status")?;
    let kib = texto.lines().find_map(|linea| linea.strip_prefix("VmRSS:"));
    let kib = kib.and_then(|resto| resto.trim().strip_suffix(" kB")?.trim().parse::<f64>().ok());
    Ok(kib.ok_or_else(|| format!("/proc/{pid}/status no dice VmRSS"))? / 1024.0)
}

/// Hace algo mientras mira la memoria de unos procesos; da lo más que ocuparon, sumados.
pub async fn con_rss_maximo<T>(pids: &[u32], que: impl Future<Output = T>) -> Result<(T, f64), Fallo> {
    let mut maximo = sumar(pids, rss)?;
    let mut que = std::pin::pin!(que);
    loop {
        tokio::select! {
            hecho = &mut que => return Ok((hecho, maximo.max(sumar(pids, rss)?))),
            () = sleep(VISTAZO) => maximo = maximo.max(sumar(pids, rss)?),
        }
    }
}

/// La suma de un dato de varios procesos.
pub fn sumar(pids: &[u32], dato: impl Fn(u32) -> Result<f64, Fallo>) -> Result<f64, Fallo> {
    pids.iter().map(|pid| dato(*pid)).sum()
}

fn leer(pid: u32, archivo: &str) -> Result<String, Fallo> {
    let ruta = format!("/proc/{pid}/{archivo}");
    fs::read_to_string(&ruta).map_err(|error| format!("no se pudo leer {ruta} (¿murió el servicio?): {error}").into())
}
