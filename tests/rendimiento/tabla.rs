//! Lo que se escribe en la terminal: cada camino según se mide, y al final las metas.

use crate::medida::{Camino, Cifra, Unidad, contado};
use crate::metas::Juicio;

/// Los nombres de las columnas.
pub fn cabecera() -> String {
    let titulos =
        ["camino", "con.", "servicio", "límite", "razón", "p50 ms", "p99 ms", "µs CPU", "MiB", "atraso", "errores"];
    columnas(titulos.map(str::to_owned))
}

/// Un camino, en una línea.
pub fn fila(camino: &Camino) -> String {
    let valor = camino.mediana(|tanda| camino.valor(tanda));
    let unidad = match camino.unidad {
        Unidad::PorSegundo => "/s",
        Unidad::MilisegundosP50 => " ms",
    };
    let decimales = usize::from(camino.unidad == Unidad::MilisegundosP50) * 2;
    columnas([
        camino.titulo.clone(),
        camino.conexiones.to_string(),
        format!("{valor:.decimales$}{unidad}"),
        format!("{:.decimales$}{unidad}", camino.limite()),
        format!("{:.2}", camino.razon()),
        format!("{:.2}", camino.mediana(|tanda| tanda.p50_ms)),
        format!("{:.2}", camino.mediana(|tanda| tanda.p99_ms)),
        format!("{:.1}", camino.mediana(|tanda| tanda.cpu_us)),
        format!("{:.1}", camino.rss_maximo()),
        format!("{:.0}", camino.mediana(|tanda| contado(tanda.atraso.unsigned_abs()))),
        camino.errores().to_string(),
    ])
}

/// Un dato suelto, en una línea.
pub fn fila_de_cifra(cifra: &Cifra) -> String {
    format!("{:<46} {:.2} {}", cifra.titulo, cifra.valor(), cifra.unidad)
}

fn columnas([titulo, resto @ ..]: [String; 11]) -> String {
    let anchos = [5, 12, 12, 7, 8, 8, 8, 7, 8, 8];
    resto.iter().zip(anchos).fold(format!("{titulo:<46}"), |linea, (texto, ancho)| format!("{linea} {texto:>ancho$}"))
}

/// Las metas y qué fue de cada una.
pub fn metas(juicios: &[Juicio]) -> String {
    let linea = |juicio: &Juicio| {
        let marca = match juicio.cumplida {
            Some(true) => "cumplida",
            Some(false) => "FALTA",
            None => "sin medir",
        };
        let medida = juicio.medida.map_or_else(|| "—".to_owned(), |medida| format!("{medida:.2}"));
        format!("{marca:<10} {:<58} {:>8} {medida:>10}\n", juicio.meta, juicio.exigida)
    };
    juicios.iter().map(linea).collect()
}
