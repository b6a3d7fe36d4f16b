//! Cómo se escriben las letras muertas: para personas y en JSON. Nada de lo escrito puede manejar la terminal.

use std::error::Error;
use std::fmt::Write;

use aeroalpes::arranque::descodificar;
use aeroalpes::seedwork::infraestructura::mensajeria::letras_muertas::{LetraMuerta, Resumen};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Lo más que se escribe de un dato descodificado, en bytes de JSON; el que pasa se escribe en hexadecimal.
const JSON_MAXIMO: usize = 64 * 1024;
/// Lo más que se escribe en hexadecimal, en bytes del dato.
const HEX_MAXIMO: usize = 512;
/// Lo más largo que se escribe de un motivo en una lista, en caracteres.
const MOTIVO_MAXIMO: usize = 80;

type Texto = Result<String, Box<dyn Error>>;

/// Una tabla, y cómo se pide la página siguiente.
pub fn lista(letras: &[Resumen], siguiente: Option<i64>) -> Texto {
    if letras.is_empty() {
        return Ok("No hay letras muertas.\n".into());
    }
    let titulos = ["ID", "apartada", "tópico", "tipo", "mensaje", "motivo"].map(str::to_owned);
    let mut filas = vec![titulos];
    for letra in letras {
        let motivo: String = visible(&letra.motivo).chars().take(MOTIVO_MAXIMO).collect();
        let (topico, tipo) = (visible(&letra.topico), visible(&letra.tipo));
        let (id, muerta_en) = (letra.posicion.to_string(), momento(letra.muerta_en)?);
        filas.push([id, muerta_en, topico, tipo, visible(&letra.id_mensaje), motivo]);
    }
    let ancho = |columna: usize| filas.iter().map(|fila| fila[columna].chars().count()).max().unwrap_or_default();
    let anchos: [usize; 6] = std::array::from_fn(ancho);
    let mut texto = String::new();
    for fila in &filas {
        let celdas: Vec<_> = fila.iter().zip(anchos).map(|(celda, ancho)| format!("{celda:ancho$}")).collect();
        writeln!(texto, "{}", celdas.join("  ").trim_end())?;
    }
    if let Some(siguiente) = siguiente {
        writeln!(texto, "Hay más: --antes-de {siguiente}")?;
    }
    Ok(texto)
}

/// Lo mismo, como un objeto de JSON; `siguiente` es el `--antes-de` de la página siguiente, o nulo.
pub fn lista_json(letras: &[Resumen], siguiente: Option<i64>) -> Texto {
    let letras: Vec<_> = letras.iter().map(resumen_json).collect::<Result<_, _>>()?;
    Ok(format!("{}\n", json_visible(&json!({"letras_muertas": letras, "siguiente": siguiente}))))
}

fn resumen_json(letra: &Resumen) -> Result<Value, Box<dyn Error>> {
    Ok(json!({
        "id": letra.posicion,
        "muerta_en": momento(letra.muerta_en)?,
        "topico": letra.topico,
        "suscripcion": letra.suscripcion,
        "tipo": letra.tipo,
        "id_mensaje": letra.id_mensaje,
        "motivo": letra.motivo,
    }))
}

/// Todo lo que se sabe de una, en líneas «nombre: valor».
pub fn entera(letra: &LetraMuerta) -> Texto {
    let Value::Object(miembros) = como_json(letra)? else { return Err("no es un objeto".into()) };
    let mut texto = String::new();
    for (nombre, valor) in miembros {
        match valor {
            Value::Null => {}
            Value::String(valor) => writeln!(texto, "{nombre}: {}", visible(&valor))?,
            valor => writeln!(texto, "{nombre}: {}", json_visible(&valor))?,
        }
    }
    Ok(texto)
}

/// Lo mismo, como un objeto de JSON.
pub fn entera_json(letra: &LetraMuerta) -> Texto {
    Ok(format!("{}\n", json_visible(&como_json(letra)?)))
}

fn como_json(letra: &LetraMuerta) -> Result<Value, Box<dyn Error>> {
    let cuando = |momento_en: Option<OffsetDateTime>| momento_en.map(momento).transpose();
    let mut todo = resumen_json(&letra.resumen)?;
    todo["clave"] = letra.clave.to_string().into();
    todo["publicado_en"] = json!(cuando(letra.publicado_en)?);
    todo["correlacion"] = json!(letra.correlacion);
    todo["traceparent"] = json!(letra.traceparent);
    todo["intentos"] = json!(letra.intentos);
    todo["ilegible_al_recibirla"] = json!(letra.ilegible.is_some());
    todo["reintentada_en"] = json!(cuando(letra.reintentada_en)?);
    todo["descartada_en"] = json!(cuando(letra.descartada_en)?);
    todo["descartada_por"] = json!(letra.descartada_por);
    todo["descartada_porque"] = json!(letra.descartada_porque);
    todo["dato"] = dato(letra)?;
    Ok(todo)
}

/// El dato descodificado, si se deja leer con el esquema de su tópico y no es enorme; si no, sus primeros bytes.
fn dato(letra: &LetraMuerta) -> Result<Value, Box<dyn Error>> {
    // Lo que no se pudo leer al llegar está escrito con otro esquema: con el nuestro diría cualquier cosa.
    let leido = if letra.ilegible.is_none() { descodificar(&letra.resumen.topico, &letra.datos)? } else { None };
    if let Some(leido) = leido.filter(|leido| leido.to_string().len() <= JSON_MAXIMO) {
        return Ok(leido);
    }
    let mut hexadecimal = String::new();
    for byte in letra.datos.iter().take(HEX_MAXIMO) {
        write!(hexadecimal, "{byte:02x}")?;
    }
    Ok(json!({"bytes": letra.datos.len(), "hexadecimal": hexadecimal}))
}

fn momento(momento: OffsetDateTime) -> Result<String, time::error::Format> {
    momento.replace_nanosecond(0).unwrap_or(momento).format(&Rfc3339)
}

/// Un texto ajeno sin caracteres de control.
fn visible(texto: &str) -> String {
    texto.chars().map(|c| if c.is_control() { '·' } else { c }).collect()
}

/// El JSON de un valor, con todo carácter de control como `\u00XX`: serde sólo escapa los primeros treinta y dos, y los que
/// faltan también manejan una terminal.
fn json_visible(valor: &Value) -> String {
    let escapar = |c: char| match c {
        '\n' => c.to_string(),
        c if c.is_control() => format!("\\u{:04x}", u32::from(c)),
        c => c.to_string(),
    };
    format!("{valor:#}").chars().map(escapar).collect()
}

#[cfg(test)]
mod pruebas {
    use super::*;

    #[test]
    fn un_texto_ajeno_no_maneja_la_terminal_y_el_json_sigue_siendolo() {
        let valor = json!({"motivo": "\u{9b}2J\u{7f}\u{1b}[0m·ñ"});
        let escrito = json_visible(&valor);
        assert!(!escrito.chars().any(|c| c.is_control() && c != '\n'), "{escrito:?}");
        assert_eq!(serde_json::from_str::<Value>(&escrito).unwrap(), valor);
        assert_eq!(visible("a\u{9b}b"), "a·b");
    }
}
