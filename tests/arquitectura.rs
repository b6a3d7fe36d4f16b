//! Las reglas entre capas y módulos, comprobadas sobre los caminos que nombra el código (`use` o completos).
//!
//! El compilador ya impide que un módulo entre en otro (sus capas son privadas); esto cuida lo que él no ve.

use std::fs;
use std::path::{Path, PathBuf};

/// Lo que el código de unos archivos no puede nombrar.
struct Regla {
    nombre: &'static str,
    /// Si la regla se aplica a ese archivo, por su ruta desde `src/`.
    aplica: fn(&str) -> bool,
    /// Si ese camino la viola, en ese archivo.
    viola: fn(&str, &str) -> bool,
    /// Un archivo y un camino que la violan: prueban que muerde.
    ejemplo: (&'static str, &'static str),
}

const DE_ENTRADA_Y_SALIDA: [&str; 11] =
    ["sqlx", "tokio", "axum", "hyper", "pulsar", "ureq", "reqwest", "deadpool", "apache_avro", "tower", "lettre"];

fn nombra(camino: &str, crates: &[&str]) -> bool {
    crates.contains(&camino.split("::").next().unwrap_or_default())
}

fn en_capa(archivo: &str, capa: &str) -> bool {
    archivo.starts_with(&format!("seedwork/{capa}/"))
        || archivo.strip_prefix("modulos/").is_some_and(|resto| resto.split('/').nth(1) == Some(capa))
}

fn modulo(archivo: &str) -> Option<&str> {
    archivo.strip_prefix("modulos/")?.split('/').next().filter(|nombre| *nombre != "mod.rs")
}

const REGLAS: [Regla; 7] = [
    Regla {
        nombre: "dominio no nombra otras capas",
        aplica: |archivo| en_capa(archivo, "dominio"),
        viola: |_, camino| {
            let partes: Vec<_> = camino.split("::").collect();
            partes.iter().any(|parte| ["aplicacion", "infraestructura", "api", "arranque"].contains(parte))
        },
        ejemplo: ("modulos/vuelos/dominio/reserva.rs", "crate::modulos::vuelos::infraestructura::consultas"),
    },
    Regla {
        nombre: "dominio no nombra serde ni entrada y salida",
        aplica: |archivo| en_capa(archivo, "dominio"),
        viola: |_, camino| {
            nombra(camino, &DE_ENTRADA_Y_SALIDA) || nombra(camino, &["serde", "serde_json", "utoipa", "tracing"])
        },
        ejemplo: ("seedwork/dominio/entidades.rs", "serde::Serialize"),
    },
    Regla {
        nombre: "aplicacion no nombra infraestructura ni el borde",
        aplica: |archivo| en_capa(archivo, "aplicacion"),
        viola: |_, camino| camino.split("::").any(|parte| ["infraestructura", "api", "arranque"].contains(&parte)),
        ejemplo: ("modulos/clientes/aplicacion/dto.rs", "crate::seedwork::infraestructura::conexiones"),
    },
    Regla {
        nombre: "aplicacion no nombra entrada y salida",
        // El mediador da a cada orden un turno, una tarea y un plazo: es lo único de tokio que la aplicación necesita.
        aplica: |archivo| {
            let con_tokio = ["seedwork/aplicacion/mediador.rs", "seedwork/aplicacion/turnos.rs"];
            en_capa(archivo, "aplicacion") && !con_tokio.contains(&archivo)
        },
        viola: |_, camino| nombra(camino, &DE_ENTRADA_Y_SALIDA),
        ejemplo: ("modulos/vuelos/aplicacion/dto.rs", "sqlx::PgConnection"),
    },
    Regla {
        nombre: "seedwork no nombra los módulos ni el borde",
        aplica: |archivo| archivo.starts_with("seedwork/"),
        viola: |_, camino| {
            ["crate::modulos", "crate::api", "crate::arranque"].iter().any(|prohibido| camino.starts_with(prohibido))
        },
        ejemplo: ("seedwork/aplicacion/mediador.rs", "crate::modulos::vuelos::CrearReserva"),
    },
    Regla {
        nombre: "un módulo sólo nombra la fachada de otro",
        aplica: |archivo| modulo(archivo).is_some(),
        viola: |archivo, camino| {
            let Some(resto) = camino.strip_prefix("crate::modulos::") else { return false };
            let mut partes = resto.split("::");
            let ajeno = partes.next() != modulo(archivo);
            ajeno && partes.next().is_some_and(|parte| parte.starts_with(char::is_lowercase))
        },
        ejemplo: ("modulos/clientes/aplicacion/dto.rs", "crate::modulos::vuelos::dominio::reserva::Reserva"),
    },
    Regla {
        nombre: "el borde no nombra SQL",
        aplica: |archivo| archivo.starts_with("api/"),
        viola: |_, camino| nombra(camino, &["sqlx"]) || camino.contains("unidad_trabajo_pg"),
        ejemplo: ("api/vuelos.rs", "sqlx::query"),
    },
];

fn archivos(carpeta: &Path) -> Vec<PathBuf> {
    let entradas = fs::read_dir(carpeta).unwrap().map(|entrada| entrada.unwrap().path());
    entradas.flat_map(|ruta| if ruta.is_dir() { archivos(&ruta) } else { vec![ruta] }).collect()
}

/// Los caminos que nombra un archivo: todo lo que tenga `::`, con las llaves de los `use` ya desplegadas.
fn caminos(codigo: &str) -> Vec<String> {
    let sin_pruebas = codigo.split("#[cfg(test)]").next().unwrap_or_default();
    let sin_comentarios: Vec<_> = sin_pruebas.lines().filter(|linea| !linea.trim_start().starts_with("//")).collect();
    let texto = sin_comentarios.join("\n");
    let de_uso = texto.split("use ").skip(1).filter_map(|resto| resto.split_once(';'));
    let desplegados = de_uso.flat_map(|(uso, _)| desplegar(&uso.split_whitespace().collect::<String>()));
    let sueltos = texto.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'));
    desplegados.chain(sueltos.filter(|camino| camino.contains("::")).map(str::to_owned)).collect()
}

/// `a::{b,c::{d}}` → `a::b`, `a::c::d`.
fn desplegar(uso: &str) -> Vec<String> {
    let Some((prefijo, resto)) = uso.split_once('{') else { return vec![uso.to_owned()] };
    let dentro = resto.strip_suffix('}').unwrap_or(resto);
    let (mut partes, mut nivel, mut inicio) = (Vec::new(), 0, 0);
    for (i, c) in dentro.char_indices() {
        match c {
            '{' => nivel += 1,
            '}' => nivel -= 1,
            ',' if nivel == 0 => {
                partes.push(&dentro[inicio..i]);
                inicio = i + 1;
            }
            _ => {}
        }
    }
    partes.push(&dentro[inicio..]);
    let partes = partes.into_iter().filter(|parte| !parte.is_empty());
    partes.flat_map(desplegar).map(|parte| format!("{prefijo}{parte}")).collect()
}

#[test]
fn el_codigo_respeta_las_reglas() {
    let raiz = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let codigo: Vec<(String, Vec<String>)> = archivos(&raiz)
        .into_iter()
        // Los archivos de pruebas pueden usar lo que quieran.
        .filter(|ruta| !ruta.ends_with("pruebas.rs"))
        .map(|ruta| {
            let nombre = ruta.strip_prefix(&raiz).unwrap().to_str().unwrap().to_owned();
            (nombre, caminos(&fs::read_to_string(&ruta).unwrap()))
        })
        .collect();
    for regla in &REGLAS {
        let suyos: Vec<_> = codigo.iter().filter(|(archivo, _)| (regla.aplica)(archivo)).collect();
        assert!(suyos.len() > 2, "«{}» no tiene archivos que mirar", regla.nombre);
        assert!(suyos.iter().any(|(_, caminos)| !caminos.is_empty()), "«{}» no vio ningún camino", regla.nombre);
        for (archivo, caminos) in suyos {
            let violacion = caminos.iter().find(|camino| (regla.viola)(archivo, camino));
            assert_eq!(violacion, None, "«{}» no se cumple en {archivo}", regla.nombre);
        }
    }
}

#[test]
fn cada_regla_muerde() {
    for Regla { nombre, aplica, viola, ejemplo: (archivo, camino) } in &REGLAS {
        assert!(aplica(archivo), "«{nombre}» no se aplica a su propio ejemplo");
        let sueltos = caminos(&format!("fn f() {{ {camino}(); }}"));
        let (prefijo, ultimo) = camino.rsplit_once("::").unwrap();
        let agrupados = caminos(&format!("use {prefijo}::{{self, Otro, {ultimo}}};"));
        for (forma, caminos) in [("suelto", sueltos), ("agrupado", agrupados)] {
            assert!(caminos.iter().any(|camino| viola(archivo, camino)), "«{nombre}» no muerde a un camino {forma}");
        }
    }
}

#[test]
fn los_usos_agrupados_se_despliegan() {
    assert_eq!(desplegar("a::{b,c::{d,e},f}"), ["a::b", "a::c::d", "a::c::e", "a::f"]);
}
