//! La carga por HTTP: `wrk`, desde otro proceso, por el bucle local.

use std::ffi::OsString;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;
use tokio::time::timeout;

use crate::Fallo;
use crate::carga::Carga;

/// Dónde están los guiones de Lua; de uno se dice el nombre sin `.lua`.
const GUIONES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/rendimiento/guiones");
/// Lo que empieza la línea que escribe `informe.lua`.
const MARCA: &str = "medida ";
/// Cuánto más que la tanda se espera a que termine.
const MARGEN: Duration = Duration::from_secs(30);

/// El programa que dice esa variable, que pone `./dev rendimiento`, o el que haya en `PATH`.
pub fn programa(variable: &str, nombre: &str) -> OsString {
    std::env::var_os(variable).unwrap_or_else(|| nombre.into())
}

/// Carga esa dirección con tantas conexiones durante unos segundos; el guion dice qué se pide.
pub async fn correr(conexiones: u32, segundos: u64, url: &str, guion: &str) -> Result<Carga, Fallo> {
    let mut orden = Command::new(programa("AEROALPES_WRK", "wrk"));
    // Un hilo: en dos núcleos, los otros son para lo que se mide.
    orden.args(["--threads", "1", "--connections", &conexiones.to_string(), "--timeout", "10s"]);
    orden.args(["--duration", &format!("{segundos}s"), "--script", &format!("{guion}.lua"), url]);
    // Los guiones se leen unos a otros por su nombre.
    orden.current_dir(Path::new(GUIONES)).stdin(Stdio::null()).kill_on_drop(true).process_group(0);
    let salida = timeout(Duration::from_secs(segundos) + MARGEN, orden.output()).await;
    let salida = salida.map_err(|_| "wrk no terminó a tiempo")?.map_err(|error| {
        format!("no se pudo lanzar wrk: {error}. Use ./dev rendimiento, que lo busca, o instale el paquete wrk")
    })?;
    let texto = String::from_utf8_lossy(&salida.stdout);
    let medida = texto.lines().find_map(|linea| linea.strip_prefix(MARCA)).and_then(leer);
    medida.filter(|medida| medida.operaciones > 0).ok_or_else(|| {
        let errores = String::from_utf8_lossy(&salida.stderr);
        format!("wrk no midió nada de {url} ({guion}): {texto}{errores}").into()
    })
}

/// `respuestas microsegundos p50 p99 respuestas_de_error errores_de_red`.
fn leer(linea: &str) -> Option<Carga> {
    let campos: Vec<u64> = linea.split_whitespace().map(|campo| campo.parse().ok()).collect::<Option<_>>()?;
    let [respuestas, duracion, p50, p99, de_error, de_red] = campos[..] else { return None };
    let ms = |microsegundos: u64| Duration::from_micros(microsegundos).as_secs_f64() * 1e3;
    Some(Carga {
        operaciones: respuestas.checked_sub(de_error)?,
        duracion: Duration::from_micros(duracion),
        p50_ms: ms(p50),
        p99_ms: ms(p99),
        errores: de_error + de_red,
    })
}
