//! Lo que queda escrito de una corrida: `rendimiento.json`, con todos los números, y `rendimiento.svg`.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::Fallo;
use crate::argumentos::Argumentos;
use crate::dibujo;
use crate::maquina::Maquina;
use crate::medida::{Camino, Resultados, contado};
use crate::metas::Juicio;

/// Escribe los dos archivos en esa carpeta.
pub fn escribir(
    carpeta: &Path,
    argumentos: &Argumentos,
    maquina: &Maquina,
    resultados: &Resultados,
    juicios: &[Juicio],
) -> Result<(), Fallo> {
    let corrida = json!({
        "maquina": maquina,
        "rondas": argumentos.rondas,
        "segundos_por_tanda": argumentos.segundos,
        "metas": juicios,
        "caminos": resultados.caminos.iter().map(camino).collect::<Vec<_>>(),
        "cifras": resultados.cifras.iter().map(|cifra| json!({
            "clave": cifra.clave, "titulo": cifra.titulo, "unidad": cifra.unidad,
            "mediana": cifra.valor(), "medidas": cifra.medidas,
        })).collect::<Vec<_>>(),
        "sin_medir": resultados.sin_medir,
    });
    fs::create_dir_all(carpeta)?;
    let (datos, dibujo) = (carpeta.join("rendimiento.json"), carpeta.join("rendimiento.svg"));
    fs::write(&datos, serde_json::to_string_pretty(&corrida)? + "\n")?;
    fs::write(&dibujo, dibujo::dibujar(&resultados.caminos, maquina))?;
    println!("rendimiento: escritos {} y {}", datos.display(), dibujo.display());
    Ok(())
}

fn camino(camino: &Camino) -> Value {
    json!({
        "clave": camino.clave, "titulo": camino.titulo, "conexiones": camino.conexiones, "unidad": camino.unidad,
        "medianas": {
            "razon": camino.razon(), "limite": camino.limite(),
            "por_segundo": camino.mediana(|tanda| tanda.por_segundo),
            "p50_ms": camino.mediana(|tanda| tanda.p50_ms), "p99_ms": camino.mediana(|tanda| tanda.p99_ms),
            "cpu_us": camino.mediana(|tanda| tanda.cpu_us), "rss_mib": camino.mediana(|tanda| tanda.rss_mib),
            "atraso": camino.mediana(|tanda| contado(tanda.atraso.unsigned_abs())),
        },
        "rss_mib_maximo": camino.rss_maximo(), "errores": camino.errores(), "rondas": camino.rondas,
    })
}
