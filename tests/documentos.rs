//! Los documentos nombran lo que hay: archivos, funciones, enlaces, variables, mensajes y consultas.

#[path = "comun/mod.rs"]
mod comun;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use comun::BaseDePrueba;

const RAIZ: &str = env!("CARGO_MANIFEST_DIR");
/// El archivo que enseña a escribir `docs/anadir-un-comando.md`; lo comprueba `tests/guia`.
const POR_ESCRIBIR: &str = "vender_reserva.rs";
/// Los archivos del tutorial, que `docs/tutorial.md` compara con los nuestros.
const DEL_TUTORIAL: &str = "src/aeroalpes/";
/// De la biblioteca de Pulsar, que `docs/arquitectura.md` nombra.
const AJENO: &str = "consumer/engine.rs";
const EXTENSIONES: [&str; 10] = ["rs", "md", "py", "sql", "sh", "json", "toml", "yml", "yaml", "txt"];

/// Los archivos y carpetas del proyecto, por su ruta desde la raíz; una carpeta termina en `/`.
fn arbol(carpeta: &Path, rutas: &mut BTreeSet<String>) {
    for entrada in fs::read_dir(carpeta).unwrap() {
        let ruta = entrada.unwrap().path();
        let relativa = ruta.strip_prefix(RAIZ).unwrap().to_str().unwrap().to_owned();
        if [".git", "target", "datos", "data"].contains(&relativa.as_str()) || ruta.join("CACHEDIR.TAG").exists() {
            continue;
        }
        if ruta.is_dir() {
            rutas.insert(format!("{relativa}/"));
            arbol(&ruta, rutas);
        } else {
            rutas.insert(relativa);
        }
    }
}

fn proyecto() -> BTreeSet<String> {
    let mut rutas = BTreeSet::new();
    arbol(Path::new(RAIZ), &mut rutas);
    rutas
}

fn tiene_extension(ruta: &str, extension: &str) -> bool {
    Path::new(ruta).extension().is_some_and(|suya| suya == extension)
}

fn leer(ruta: &str) -> String {
    fs::read_to_string(Path::new(RAIZ).join(ruta)).unwrap()
}

/// Cada documento y su texto. El registro de cambios cuenta lo que hubo, no lo que hay.
fn documentos(proyecto: &BTreeSet<String>) -> BTreeMap<&str, String> {
    let son = proyecto.iter().filter(|ruta| tiene_extension(ruta, "md") && *ruta != "CHANGELOG.md");
    son.map(|ruta| (ruta.as_str(), leer(ruta))).collect()
}

/// Un texto sin sus bloques de código.
fn prosa(texto: &str) -> String {
    texto.split("\n```").step_by(2).collect::<Vec<_>>().join("\n")
}

/// Lo que va entre comillas invertidas, y lo que hay detrás hasta lo siguiente.
fn citas(texto: &str) -> Vec<(String, String)> {
    let prosa = prosa(texto);
    let trozos: Vec<_> = prosa.split('`').collect();
    trozos
        .chunks(2)
        .map(|par| par.get(1).map_or("", |cita| cita))
        .zip(trozos.iter().skip(2).step_by(2))
        .map(|(cita, detras)| (cita.to_owned(), (*detras).to_owned()))
        .collect()
}

/// `a/{b,c}.rs` → `a/b.rs`, `a/c.rs`.
fn desplegar(cita: &str) -> Vec<String> {
    let Some((antes, resto)) = cita.split_once('{') else { return vec![cita.to_owned()] };
    let Some((dentro, despues)) = resto.split_once('}') else { return vec![cita.to_owned()] };
    dentro.split(',').map(|parte| format!("{antes}{}{despues}", parte.trim())).collect()
}

/// Si la cita es la ruta de un archivo o de una carpeta nuestra.
fn es_ruta(cita: &str) -> bool {
    let extension = cita.rsplit_once('.').map(|(_, extension)| extension);
    let con_forma = extension.is_some_and(|extension| EXTENSIONES.contains(&extension));
    let de_carpeta = cita.ends_with('/')
        && ["src/", "tests/", "docs/", "migrations/", "ejemplos/", ".dev/"].iter().any(|c| cita.starts_with(c));
    let ajena = cita.starts_with(['/', '~', '*'])
        || cita.starts_with(DEL_TUTORIAL)
        || cita.ends_with(POR_ESCRIBIR)
        || cita == AJENO;
    (con_forma || de_carpeta) && !ajena && !cita.contains([' ', ':', '<', '$', '('])
}

/// Los archivos del proyecto que una cita nombra, entera o por su final; `*` es un tramo cualquiera.
fn nombrados<'a>(proyecto: &'a BTreeSet<String>, cita: &str) -> Vec<&'a str> {
    let tramos: Vec<_> = cita.trim_end_matches('/').split('/').collect();
    let corresponde = |ruta: &str| {
        let suyos: Vec<_> = ruta.trim_end_matches('/').split('/').collect();
        let final_de = suyos.len().checked_sub(tramos.len()).map(|desde| &suyos[desde..]);
        final_de.is_some_and(|suyos| suyos.iter().zip(&tramos).all(|(suyo, tramo)| *tramo == "*" || suyo == tramo))
    };
    proyecto
        .iter()
        .map(String::as_str)
        .filter(|ruta| ruta.ends_with('/') == cita.ends_with('/') && corresponde(ruta))
        .collect()
}

fn tiene_palabra(texto: &str, palabra: &str) -> bool {
    texto.split(|c: char| !c.is_alphanumeric() && c != '_').any(|parte| parte == palabra)
}

fn es_nombre(cita: &str) -> bool {
    !cita.is_empty() && cita.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

#[test]
fn todo_archivo_nombrado_existe() {
    let proyecto = proyecto();
    let (mut faltan, mut vistos) = (Vec::new(), 0);
    for (documento, texto) in documentos(&proyecto) {
        for cita in citas(&texto).into_iter().flat_map(|(cita, _)| desplegar(&cita)).filter(|cita| es_ruta(cita)) {
            vistos += 1;
            if nombrados(&proyecto, &cita).is_empty() {
                faltan.push(format!("{documento}: {cita}"));
            }
        }
    }
    assert!(vistos > 100, "sólo se vieron {vistos} rutas");
    assert!(faltan.is_empty(), "no existe:\n{}", faltan.join("\n"));
}

/// «`archivo.rs`, `funcion`» promete que esa función está en ese archivo.
#[test]
fn toda_funcion_nombrada_tras_su_archivo_esta_en_el() {
    let proyecto = proyecto();
    let (mut faltan, mut vistas) = (Vec::new(), 0);
    for (documento, texto) in documentos(&proyecto) {
        let citas = citas(&texto);
        for (indice, (archivo, detras)) in citas.iter().enumerate() {
            let Some((funcion, _)) = citas.get(indice + 1) else { continue };
            if !tiene_extension(archivo, "rs") || !es_ruta(archivo) || detras != ", " || !es_nombre(funcion) {
                continue;
            }
            vistas += 1;
            let suyos = desplegar(archivo)
                .into_iter()
                .flat_map(|ruta| nombrados(&proyecto, &ruta))
                .map(leer)
                .collect::<Vec<_>>();
            if !suyos.iter().any(|codigo| tiene_palabra(codigo, funcion)) {
                faltan.push(format!("{documento}: {funcion} en {archivo}"));
            }
        }
    }
    assert!(vistas > 20, "sólo se vieron {vistas} funciones");
    assert!(faltan.is_empty(), "no está:\n{}", faltan.join("\n"));
}

/// `Tipo::nombre` promete que algún archivo habla de los dos.
#[test]
fn todo_miembro_nombrado_con_su_tipo_existe() {
    let proyecto = proyecto();
    // El de clippy nombra lo que no se puede usar.
    let suyos = proyecto
        .iter()
        .filter(|ruta| (ruta.starts_with("src/") && tiene_extension(ruta, "rs")) || *ruta == ".clippy.toml");
    let codigo: Vec<_> = suyos.map(|ruta| leer(ruta)).collect();
    let (mut faltan, mut vistos) = (Vec::new(), 0);
    for (documento, texto) in documentos(&proyecto) {
        for (cita, _) in citas(&texto) {
            let Some((tipo, nombre)) = cita.split_once("::") else { continue };
            let nombre: String = nombre.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            let es_tipo = tipo.starts_with(char::is_uppercase) && tipo.chars().all(char::is_alphanumeric);
            if !es_tipo || nombre.is_empty() {
                continue;
            }
            vistos += 1;
            if !codigo.iter().any(|texto| tiene_palabra(texto, tipo) && tiene_palabra(texto, &nombre)) {
                faltan.push(format!("{documento}: {cita}"));
            }
        }
    }
    assert!(vistos > 50, "sólo se vieron {vistos} miembros");
    assert!(faltan.is_empty(), "no está:\n{}", faltan.join("\n"));
}

/// El ancla que GitHub da a un título.
fn ancla(titulo: &str) -> String {
    let queda = titulo.trim().to_lowercase().replace(' ', "-");
    queda.chars().filter(|c| c.is_alphanumeric() || ['-', '_'].contains(c)).collect()
}

fn anclas(texto: &str) -> Vec<String> {
    prosa(texto)
        .lines()
        .filter(|linea| linea.starts_with('#'))
        .map(|linea| ancla(linea.trim_start_matches('#')))
        .collect()
}

#[test]
fn todo_enlace_lleva_a_algo() {
    let proyecto = proyecto();
    let (mut rotos, mut vistos) = (Vec::new(), 0);
    for (documento, texto) in documentos(&proyecto) {
        for enlace in prosa(&texto).split("](").skip(1).filter_map(|resto| resto.split(')').next()) {
            if enlace.contains("://") {
                continue;
            }
            vistos += 1;
            let (ruta, ancla) = enlace.split_once('#').map_or((enlace, None), |(ruta, ancla)| (ruta, Some(ancla)));
            let destino = match ruta {
                "" => Path::new(RAIZ).join(documento),
                _ => Path::new(RAIZ).join(documento).with_file_name("").join(ruta),
            };
            let existe = destino.exists();
            if !existe
                || ancla.is_some_and(|ancla| !anclas(&fs::read_to_string(destino).unwrap()).iter().any(|a| a == ancla))
            {
                rotos.push(format!("{documento}: {enlace}"));
            }
        }
    }
    assert!(vistos > 40, "sólo se vieron {vistos} enlaces");
    assert!(rotos.is_empty(), "no llevan a nada:\n{}", rotos.join("\n"));
}

/// Las variables de entorno que nombra un texto entre esas comillas.
fn variables(texto: &str, comilla: char) -> BTreeSet<String> {
    let es_variable = |trozo: &&str| {
        trozo.len() > 4
            && trozo.starts_with(|c: char| c.is_ascii_uppercase())
            && trozo.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
    };
    texto.split(comilla).filter(es_variable).map(str::to_owned).collect()
}

/// El código de los archivos de una carpeta, sin sus pruebas.
fn codigo(proyecto: &BTreeSet<String>, carpeta: &str) -> String {
    let suyos = proyecto.iter().filter(|ruta| ruta.starts_with(carpeta) && tiene_extension(ruta, "rs"));
    let suyos = suyos.filter(|ruta| !ruta.ends_with("propiedades.rs")).map(|ruta| leer(ruta));
    suyos.map(|texto| texto.split("#[cfg(test)]\nmod pruebas").next().unwrap().to_owned()).collect()
}

#[test]
fn las_variables_del_programa_son_las_de_la_tabla() {
    let (proyecto, readme) = (proyecto(), leer("README.md"));
    let seccion = readme.split("\n## Configuración\n").nth(1).unwrap().split("\n## ").next().unwrap();
    let leidas = variables(&codigo(&proyecto, "src/config/"), '"');
    assert!(leidas.len() > 30, "{leidas:?}");
    let sin_decir: Vec<_> = leidas.difference(&variables(seccion, '`')).cloned().collect();
    assert!(sin_decir.is_empty(), "no están en el README: {sin_decir:?}");

    let del_programa = seccion.split("Sólo de `./dev`").next().unwrap();
    let filas = del_programa.lines().filter_map(|linea| linea.strip_prefix("| ")?.split(" | ").next());
    let de_la_tabla: BTreeSet<_> = filas.flat_map(|primera| variables(primera, '`')).collect();
    let en_el_codigo = variables(&codigo(&proyecto, "src/"), '"');
    let sin_leer: Vec<_> = de_la_tabla.difference(&en_el_codigo).cloned().collect();
    assert!(sin_leer.is_empty(), "nadie las lee: {sin_leer:?}");
}

/// Los mensajes que cita la página del operador son los que el programa escribe.
#[test]
fn lo_que_dice_el_programa_lo_dice_asi() {
    let (programa, pagina) = (codigo(&proyecto(), "src/"), leer("docs/operacion.md"));
    let citados = pagina.split('«').skip(1).filter_map(|resto| resto.split('»').next());
    let citados: Vec<_> = citados.map(|cita| cita.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    assert!(citados.len() > 10, "{citados:?}");
    let callados: Vec<_> = citados.iter().filter(|cita| !programa.contains(cita.as_str())).collect();
    assert!(callados.is_empty(), "el programa no dice: {callados:?}");
}

#[tokio::test]
async fn las_consultas_de_la_pagina_del_operador_corren() {
    let (base, pagina) = (BaseDePrueba::nueva().await, leer("docs/operacion.md"));
    let bloques: Vec<_> = pagina.split("```sql\n").skip(1).filter_map(|resto| resto.split("```").next()).collect();
    assert!(bloques.len() > 3, "{bloques:?}");
    for bloque in bloques {
        base.ordenar(bloque).await;
    }
}
