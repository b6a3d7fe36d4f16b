//! La guía como pasos: cada bloque, con el archivo que nombra su título.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Un bloque de la guía.
pub struct Paso {
    /// El archivo, desde la raíz del proyecto.
    pub archivo: String,
    /// La sección en que está.
    pub seccion: String,
    cambio: Cambio,
}

enum Cambio {
    /// El archivo no existía, y este es su contenido.
    Nuevo(String),
    /// Donde estaba lo primero queda lo segundo.
    Donde { antes: String, despues: String },
}

/// Los bloques de la guía, en orden. Un bloque es del archivo que nombra el título `###` que tiene encima.
pub fn leer(guia: &str) -> Vec<Paso> {
    let (mut pasos, mut seccion, mut archivo) = (Vec::new(), "", None);
    let mut lineas = guia.lines();
    while let Some(linea) = lineas.next() {
        if let Some(titulo) = linea.strip_prefix("## ") {
            (seccion, archivo) = (titulo, None);
        } else if let Some(titulo) = linea.strip_prefix("### ") {
            archivo = Some(titulo.split('`').nth(1).unwrap_or_else(|| panic!("«{titulo}» no nombra un archivo")));
        } else if let Some(lenguaje) = linea.strip_prefix("```") {
            let dentro: Vec<_> = lineas.by_ref().take_while(|linea| *linea != "```").collect();
            let archivo = archivo.unwrap_or_else(|| panic!("un bloque de «{seccion}» no es de ningún archivo"));
            let cambio = cambio(lenguaje, &dentro);
            pasos.push(Paso { archivo: archivo.to_owned(), seccion: seccion.to_owned(), cambio });
        }
    }
    pasos
}

fn cambio(lenguaje: &str, lineas: &[&str]) -> Cambio {
    let con = |marcas: [char; 2]| {
        let quedan = lineas.iter().filter(|linea| linea.is_empty() || linea.starts_with(marcas));
        juntar(quedan.map(|linea| linea.get(1..).unwrap_or_default()))
    };
    match lenguaje {
        "rust" => Cambio::Nuevo(juntar(lineas.iter().copied())),
        "diff" => Cambio::Donde { antes: con([' ', '-']), despues: con([' ', '+']) },
        otro => panic!("la guía tiene un bloque «{otro}»"),
    }
}

fn juntar<'a>(lineas: impl Iterator<Item = &'a str>) -> String {
    lineas.flat_map(|linea| [linea, "\n"]).collect()
}

/// Los archivos que tocan esos pasos.
pub fn archivos<'a>(pasos: impl IntoIterator<Item = &'a Paso>) -> BTreeSet<&'a str> {
    pasos.into_iter().map(|paso| paso.archivo.as_str()).collect()
}

impl Paso {
    /// Da el paso en una copia del proyecto.
    pub fn dar(&self, raiz: &Path) {
        let (archivo, ruta) = (&self.archivo, raiz.join(&self.archivo));
        let texto = match &self.cambio {
            Cambio::Nuevo(texto) => {
                assert!(!ruta.exists(), "{archivo} no es nuevo");
                texto.clone()
            }
            Cambio::Donde { antes, despues } => {
                let texto = fs::read_to_string(&ruta).unwrap_or_else(|error| panic!("{archivo}: {error}"));
                let veces = texto.matches(antes.as_str()).count();
                assert_eq!(veces, 1, "{archivo} tiene {veces} veces lo que la guía da por sabido:\n{antes}");
                texto.replace(antes.as_str(), despues)
            }
        };
        fs::write(ruta, texto).unwrap();
    }
}
