//! El formato de texto de Prometheus, leído.

use std::collections::{BTreeMap, BTreeSet};

use crate::comun::servicio::Servicio;

/// Lo que se recogió de un servicio.
pub struct Recogida {
    muestras: Vec<(String, BTreeMap<String, String>, f64)>,
    /// El nombre y la clase de cada métrica anunciada.
    pub clases: BTreeMap<String, String>,
}

impl Recogida {
    pub async fn de(servicio: &Servicio) -> Self {
        let respuesta = servicio.get("/metrics").await;
        assert_eq!(respuesta.estado, 200, "{}", respuesta.texto);
        assert_eq!(respuesta.cabecera("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
        Self::leer(&respuesta.texto)
    }

    pub fn leer(texto: &str) -> Self {
        let mut clases = BTreeMap::new();
        for linea in texto.lines() {
            if let Some((nombre, clase)) = linea.strip_prefix("# TYPE ").and_then(|resto| resto.split_once(' ')) {
                assert_eq!(clases.insert(nombre.to_owned(), clase.to_owned()), None, "{nombre} sale dos veces");
            }
        }
        let lineas = texto.lines().filter(|linea| !linea.is_empty() && !linea.starts_with('#'));
        Self { muestras: lineas.map(muestra).collect(), clases }
    }

    /// Las métricas que tienen alguna muestra.
    pub fn nombres(&self) -> BTreeSet<String> {
        self.muestras.iter().map(|(nombre, ..)| self.familia(nombre)).collect()
    }

    fn familia(&self, muestra: &str) -> String {
        let base = ["_bucket", "_sum", "_count"].iter().find_map(|final_| muestra.strip_suffix(final_));
        base.filter(|base| self.clases.get(*base).is_some_and(|c| c == "histogram")).unwrap_or(muestra).to_owned()
    }

    /// Lo que vale una muestra con esas etiquetas, y quizá otras; nada si no está.
    pub fn valor(&self, nombre: &str, etiquetas: &[(&str, &str)]) -> Option<f64> {
        let es_esa = |(suyo, suyas, _): &&(String, BTreeMap<String, String>, f64)| {
            suyo == nombre && etiquetas.iter().all(|(clave, valor)| suyas.get(*clave).is_some_and(|v| v == valor))
        };
        self.muestras.iter().find(es_esa).map(|(.., valor)| *valor)
    }

    /// Los valores que tiene una etiqueta.
    pub fn etiqueta(&self, nombre: &str, clave: &str) -> BTreeSet<String> {
        let suyas = self.muestras.iter().filter(|(suyo, ..)| suyo == nombre);
        suyas.filter_map(|(_, etiquetas, _)| etiquetas.get(clave).cloned()).collect()
    }
}

fn muestra(linea: &str) -> (String, BTreeMap<String, String>, f64) {
    let (serie, valor) = linea.rsplit_once(' ').unwrap();
    let (nombre, etiquetas) = serie.split_once('{').unwrap_or((serie, "}"));
    let pares = etiquetas.trim_end_matches('}').split("\",").filter(|par| !par.is_empty());
    let pares = pares.map(|par| par.split_once("=\"").unwrap());
    let etiquetas = pares.map(|(clave, valor)| (clave.to_owned(), valor.trim_end_matches('"').to_owned())).collect();
    (nombre.to_owned(), etiquetas, valor.parse().unwrap())
}
