//! Lo escrito sobre las métricas y lo que el servicio publica dicen lo mismo.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::apoyo::{Prueba, reserva};
use crate::comun::hasta;
use crate::texto::Recogida;

fn documento(ruta: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(ruta)).unwrap()
}

/// Las métricas de la tabla, con su clase.
fn documentadas() -> BTreeSet<String> {
    let tabla = documento("metricas.md");
    let filas = tabla.lines().skip_while(|linea| !linea.starts_with("| métrica")).skip(2);
    let filas = filas.take_while(|linea| linea.starts_with('|'));
    filas.map(|fila| fila.split('`').nth(1).unwrap().to_owned()).collect()
}

/// Las métricas que nombra una expresión de `PromQL`: lo que va seguido de una llave, un corchete o un paréntesis cerrado, y no
/// es una etiqueta.
fn nombradas(expresion: &str) -> BTreeSet<String> {
    let sin_etiquetas = quitar(&quitar(expresion, '{', '}'), '"', '"');
    let sin_grupos = ["by (", "without ("].iter().fold(sin_etiquetas, |texto, inicio| {
        texto.split(inicio).enumerate().fold(String::new(), |junto, (i, parte)| {
            junto + if i == 0 { parte } else { parte.split_once(')').map_or("", |(_, resto)| resto) }
        })
    });
    let palabras = sin_grupos.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '$'));
    let metricas =
        palabras.filter(|palabra| palabra.contains('_') && palabra.starts_with(|c: char| c.is_ascii_lowercase()));
    let metricas = metricas.filter(|palabra| !["histogram_quantile", "label_values"].contains(palabra));
    metricas.map(|nombre| sin_final(nombre).to_owned()).collect()
}

fn sin_final(nombre: &str) -> &str {
    let base = ["_bucket", "_count", "_sum"].iter().find_map(|final_| nombre.strip_suffix(final_));
    base.filter(|base| base.ends_with("_seconds")).unwrap_or(nombre)
}

fn quitar(texto: &str, abre: char, cierra: char) -> String {
    let (mut dentro, mut fuera) = (false, String::new());
    for c in texto.chars() {
        if dentro {
            dentro = c != cierra;
        } else if c == abre {
            dentro = true;
        } else {
            fuera.push(c);
        }
    }
    fuera
}

fn de_las_alertas() -> BTreeSet<String> {
    let (texto, mut expresiones, mut en_bloque) = (documento("operacion/alertas.yml"), Vec::new(), false);
    for linea in texto.lines().map(str::trim) {
        if let Some(expresion) = linea.strip_prefix("expr:") {
            en_bloque = expresion.trim() == "|";
            expresiones.push(expresion.to_owned());
        } else if en_bloque && (linea.starts_with("for:") || linea.starts_with("labels:")) {
            en_bloque = false;
        } else if en_bloque {
            expresiones.push(linea.to_owned());
        }
    }
    assert!(expresiones.len() > 12, "{expresiones:?}");
    expresiones.iter().flat_map(|expresion| nombradas(expresion)).collect()
}

fn del_tablero() -> BTreeSet<String> {
    let tablero: Value = serde_json::from_str(&documento("operacion/tablero.json")).unwrap();
    let paneles = tablero["panels"].as_array().unwrap();
    let objetivos = paneles.iter().flat_map(|panel| panel["targets"].as_array().unwrap());
    objetivos.flat_map(|objetivo| nombradas(objetivo["expr"].as_str().unwrap())).collect()
}

#[tokio::test]
async fn la_tabla_las_alertas_y_el_tablero_hablan_de_lo_que_se_publica() {
    let prueba = Prueba::nueva().await;
    prueba.reserva().await;
    prueba.servicio.post("/vuelos/reserva-comando", &reserva()).await.con(202);
    let publicadas = async || Recogida::de(&prueba.servicio).await.nombres();
    hasta("que se atienda una entrega", async || publicadas().await.contains("message_deliveries_total")).await;
    let publicadas = publicadas().await;
    assert_eq!(documentadas(), publicadas, "docs/metricas.md y /metrics");
    let (alertas, tablero) = (de_las_alertas(), del_tablero());
    assert!(alertas.len() > 10 && alertas.is_subset(&publicadas), "{:?}", alertas.difference(&publicadas));
    assert_eq!(tablero, publicadas, "el tablero y /metrics");
}

#[test]
fn cada_alerta_dice_que_hacer() {
    let (reglas, manual) = (documento("operacion/alertas.yml"), documento("metricas.md"));
    let alertas: Vec<_> = reglas.lines().filter_map(|linea| linea.trim().strip_prefix("- alert: ")).collect();
    assert!(alertas.len() > 10, "{alertas:?}");
    for alerta in alertas {
        assert!(manual.contains(&format!("| `{alerta}` |")), "{alerta} no está en docs/metricas.md");
    }
}
