//! Los límites de PostgreSQL: `pgbench -M prepared`, con el mismo servidor, las mismas conexiones y la misma sentencia.

use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;
use tokio::time::timeout;

use crate::Fallo;
use crate::mundo::Mundo;
use crate::wrk::programa;

/// Cuánto más que la tanda se espera a que termine.
const MARGEN: Duration = Duration::from_secs(30);

/// Un guion de `pgbench`, con lo que va en cada variable suya.
pub struct Guion<'a> {
    /// El nombre con que queda en la carpeta de la corrida.
    pub nombre: &'a str,
    pub sql: &'a str,
    pub variables: &'a [(&'a str, &'a str)],
    /// En qué esquema busca las tablas.
    pub esquema: &'a str,
}

/// Corre el guion con tantas conexiones durante unos segundos; da las transacciones por segundo.
pub async fn correr(mundo: &Mundo, conexiones: u32, segundos: u64, guion: &Guion<'_>) -> Result<f64, Fallo> {
    let ruta = mundo.carpeta.join(format!("{}.sql", guion.nombre));
    std::fs::write(&ruta, guion.sql)?;
    let mut orden = Command::new(programa("AEROALPES_PGBENCH", "pgbench"));
    orden.args(["--no-vacuum", "--protocol", "prepared", "--jobs", "1", "--client", &conexiones.to_string()]);
    // Conectar gasta de ese tiempo, con muchas conexiones casi un segundo, y no cuenta en el resultado.
    orden.args(["--time", &(segundos + 1).to_string()]).arg("--file").arg(&ruta);
    for (variable, valor) in guion.variables {
        orden.arg("--define").arg(format!("{variable}={valor}"));
    }
    orden.arg(mundo.url()?).env("PGOPTIONS", format!("-c search_path={}", guion.esquema));
    orden.stdin(Stdio::null()).kill_on_drop(true).process_group(0);
    let salida = timeout(Duration::from_secs(segundos) + MARGEN, orden.output()).await;
    let salida = salida.map_err(|_| "pgbench no terminó a tiempo")?.map_err(|error| {
        format!(
            "no se pudo lanzar pgbench: {error}. Use ./dev rendimiento, que lo busca, o instale el paquete postgresql"
        )
    })?;
    let texto = String::from_utf8_lossy(&salida.stdout);
    let tps = texto.lines().find_map(|linea| linea.strip_prefix("tps = ")?.split(' ').next()?.parse::<f64>().ok());
    tps.filter(|tps| salida.status.success() && *tps > 0.0).ok_or_else(|| {
        let errores = String::from_utf8_lossy(&salida.stderr);
        format!("pgbench no midió nada ({}): {texto}{errores}", guion.nombre).into()
    })
}
