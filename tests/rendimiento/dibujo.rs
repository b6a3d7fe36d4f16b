//! `rendimiento.svg`: una barra por camino, con su razón, y una marca en la meta que tenga.

use std::fmt::Write;

use crate::maquina::Maquina;
use crate::medida::{Camino, Unidad, contado};
use crate::metas::razon_exigida;

const ANCHO: f64 = 920.0;
/// Donde empiezan las barras, y lo que mide una razón de 1.
const IZQUIERDA: f64 = 400.0;
const ESCALA: f64 = 300.0;
const RENGLON: f64 = 24.0;
const ARRIBA: f64 = 84.0;

/// Los colores valen en claro y en oscuro: los elige quien lo mira.
const ESTILO: &str = "\
    .fondo{fill:#fff}.texto{fill:#1f2328}.tenue{fill:#59636e}.barra{fill:#2f6fb3}.falta{fill:#c2410c}\
    .uno{stroke:#59636e;stroke-dasharray:3 3}.meta{stroke:#1f2328;stroke-width:3}\
    text{font:13px system-ui,sans-serif}.titulo{font-size:17px;font-weight:600}\
    @media(prefers-color-scheme:dark){.fondo{fill:#0d1117}.texto{fill:#f0f6fc}.tenue{fill:#9198a1}\
    .barra{fill:#58a6ff}.falta{fill:#ff8f6b}.uno{stroke:#9198a1}.meta{stroke:#f0f6fc}}";

/// El dibujo entero.
pub fn dibujar(caminos: &[Camino], maquina: &Maquina) -> String {
    let alto = ARRIBA + RENGLON * contado(caminos.len() as u64) + 30.0;
    let uno = IZQUIERDA + ESCALA;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {ANCHO} {alto}\" role=\"img\" aria-labelledby=\"t\">\n\
         <title id=\"t\">Cada camino frente a su límite</title>\n<style>{ESTILO}</style>\n\
         <rect class=\"fondo\" width=\"100%\" height=\"100%\" rx=\"6\"/>\n\
         <text class=\"texto titulo\" x=\"20\" y=\"30\">Cada camino frente a su límite, en la misma corrida</text>\n\
         <text class=\"tenue\" x=\"20\" y=\"52\">{}, {} núcleos; PostgreSQL {}, Pulsar {}; {}</text>\n\
         <line class=\"uno\" x1=\"{uno}\" y1=\"{}\" x2=\"{uno}\" y2=\"{}\"/>\n\
         <text class=\"tenue\" x=\"{uno}\" y=\"{}\" text-anchor=\"middle\">el límite</text>\n",
        escapar(&maquina.procesador),
        maquina.nucleos,
        escapar(version(&maquina.postgresql)),
        escapar(&maquina.pulsar),
        escapar(maquina.fecha.get(..10).unwrap_or_default()),
        ARRIBA - 8.0,
        alto - 26.0,
        ARRIBA - 12.0,
    );
    let mut y = ARRIBA;
    for camino in caminos {
        svg += &renglon(camino, y);
        y += RENGLON;
    }
    let pie = "Detrás de cada nombre, las conexiones. La marca es la meta. Donde dice «tarda», menos es mejor.";
    let _ = writeln!(svg, "<text class=\"tenue\" x=\"20\" y=\"{}\">{pie}</text>\n</svg>", alto - 8.0);
    svg
}

fn renglon(camino: &Camino, y: f64) -> String {
    let (razon, exigida) = (camino.razon(), razon_exigida(camino));
    let tarda = camino.unidad == Unidad::MilisegundosP50;
    let falta = exigida.is_some_and(|exigida| if tarda { razon > exigida } else { razon < exigida });
    let clase = if falta { "falta" } else { "barra" };
    let ancho = if razon.is_finite() { (razon * ESCALA).min(ANCHO - IZQUIERDA - 60.0) } else { 0.0 };
    let unidad = if tarda { "tarda " } else { "" };
    let (texto, marca) = (y + 14.0, exigida.map(|exigida| IZQUIERDA + exigida * ESCALA));
    let marca = marca.map_or_else(String::new, |x| {
        format!("<line class=\"meta\" x1=\"{x:.1}\" y1=\"{:.1}\" x2=\"{x:.1}\" y2=\"{:.1}\"/>", y - 1.0, y + 19.0)
    });
    let lugar = marca_o_barra(exigida, ancho);
    format!(
        "<text class=\"texto\" x=\"{:.1}\" y=\"{texto:.1}\" text-anchor=\"end\">{} · {}</text>\
         <rect class=\"{clase}\" x=\"{IZQUIERDA}\" y=\"{y:.1}\" width=\"{ancho:.1}\" height=\"18\" rx=\"2\"/>{marca}\
         <text class=\"texto\" x=\"{lugar:.1}\" y=\"{texto:.1}\">{unidad}{razon:.2}</text>\n",
        IZQUIERDA - 10.0,
        escapar(&camino.titulo),
        camino.conexiones,
    )
}

/// Donde cabe el número sin pisar la barra ni la marca.
fn marca_o_barra(exigida: Option<f64>, ancho: f64) -> f64 {
    let marca = exigida.map_or(0.0, |exigida| exigida * ESCALA);
    let cerca = marca > ancho - 4.0 && marca < ancho + 50.0;
    IZQUIERDA + 8.0 + if cerca { marca } else { ancho }
}

/// Sin lo que la distribución añade entre paréntesis.
fn version(entera: &str) -> &str {
    entera.split(" (").next().unwrap_or(entera)
}

fn escapar(texto: &str) -> String {
    texto.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
