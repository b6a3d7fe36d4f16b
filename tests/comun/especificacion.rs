//! Cada respuesta que ve una prueba se compara con lo que la especificación declara para esa operación.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use uuid::Uuid;

use super::servicio::Respuesta;

/// Falla si la especificación no declara esa respuesta: ruta, método, estado, tipo de contenido y forma del cuerpo.
pub fn comprobar(documento: &Value, metodo: &str, ruta: &str, respuesta: &Respuesta) {
    let ruta = ruta.split('?').next().unwrap_or_default();
    if ruta == "/docs" || ruta.starts_with("/docs/") {
        return;
    }
    // La página `/` tampoco es de la API; lo que bajo ella no exista es un problema, como en cualquier otra ruta.
    if ruta == "/" || (ruta.starts_with("/pagina/") && respuesta.estado < 400) {
        return;
    }
    let Some(operaciones) = operaciones(documento, ruta) else {
        respuesta.problema(404, "ruta-no-existe");
        return;
    };
    let metodo = if metodo == "HEAD" { "get".to_owned() } else { metodo.to_lowercase() };
    let Some(operacion) = operaciones.get(&metodo) else {
        respuesta.problema(405, "metodo-no-admitido");
        return;
    };
    let declarada = &operacion["responses"][respuesta.estado.to_string()];
    let que = format!("{metodo} {ruta} respondió {}", respuesta.estado);
    assert!(declarada.is_object(), "{que}, que la especificación no declara: {}", respuesta.texto);
    if declarada["content"].is_null() {
        assert_eq!((&*respuesta.texto, respuesta.cabecera("content-type")), ("", None), "{que} con cuerpo");
        return;
    }
    let tipo = respuesta.cabecera("content-type").unwrap_or_default();
    let contenido = &declarada["content"][tipo];
    assert!(contenido.is_object(), "{que} con el tipo «{tipo}», que la especificación no declara");
    let esquemas = Esquemas { documento };
    let cuerpos = match tipo {
        "text/event-stream" => respuesta.texto.split("\n\n").filter_map(evento).collect(),
        tipo if tipo.ends_with("json") => vec![respuesta.cuerpo.clone()],
        _ => vec![Value::String(respuesta.texto.clone())],
    };
    if let Some(falla) = cuerpos.iter().find_map(|cuerpo| esquemas.falla(&contenido["schema"], cuerpo, "")) {
        panic!("{que} con un cuerpo que no es el declarado: {falla}: {}", respuesta.texto);
    }
}

/// Un evento de un flujo como objeto, o nada si el trozo es sólo un comentario.
fn evento(trozo: &str) -> Option<Value> {
    let campo = |linea: &str| {
        let (nombre, valor) = linea.split_once(": ")?;
        let numero = valor.parse::<u64>().ok().filter(|_| nombre == "retry");
        (!nombre.is_empty()).then(|| (nombre.to_owned(), numero.map_or_else(|| valor.into(), Value::from)))
    };
    let campos: serde_json::Map<_, _> = trozo.lines().filter_map(campo).collect();
    (!campos.is_empty()).then(|| campos.into())
}

/// Las operaciones de la ruta documentada que corresponde a esa; una ruta sin partes variables va primero.
fn operaciones<'a>(documento: &'a Value, ruta: &str) -> Option<&'a Value> {
    let rutas = documento["paths"].as_object()?;
    rutas.get(ruta).or_else(|| rutas.iter().find(|(plantilla, _)| corresponde(plantilla, ruta)).map(|(_, ops)| ops))
}

fn corresponde(plantilla: &str, ruta: &str) -> bool {
    let (plantilla, ruta): (Vec<_>, Vec<_>) = (plantilla.split('/').collect(), ruta.split('/').collect());
    let igual = |(de_plantilla, de_ruta): (&&str, &&str)| {
        de_plantilla == de_ruta || (de_plantilla.starts_with('{') && !de_ruta.is_empty())
    };
    plantilla.len() == ruta.len() && plantilla.iter().zip(&ruta).all(igual)
}

/// Lo justo de JSON Schema para los esquemas de este servicio; un miembro que no conste es una falla.
pub struct Esquemas<'a> {
    pub documento: &'a Value,
}

impl<'a> Esquemas<'a> {
    /// Por qué el valor no es como dice el esquema, si no lo es.
    pub fn falla(&self, esquema: &'a Value, valor: &Value, donde: &str) -> Option<String> {
        let esquema = self.resolver(esquema);
        for varias in ["oneOf", "anyOf"] {
            if let Some(opciones) = esquema[varias].as_array() {
                let ninguna = opciones.iter().all(|opcion| self.falla(opcion, valor, donde).is_some());
                return ninguna.then(|| format!("{donde}: no es ninguna de las opciones"));
            }
        }
        Self::falla_suelta(esquema, valor, donde)
            .or_else(|| self.falla_de_objeto(esquema, valor, donde))
            .or_else(|| self.falla_de_lista(esquema, valor, donde))
    }

    fn resolver(&self, esquema: &'a Value) -> &'a Value {
        match esquema["$ref"].as_str() {
            Some(referencia) => self.documento.pointer(&referencia[1..]).expect("una referencia que no lleva a nada"),
            None => esquema,
        }
    }

    fn falla_suelta(esquema: &Value, valor: &Value, donde: &str) -> Option<String> {
        let tipos: Vec<_> = match &esquema["type"] {
            Value::Array(tipos) => tipos.iter().filter_map(Value::as_str).collect(),
            tipo => tipo.as_str().into_iter().collect(),
        };
        if !tipos.is_empty() && !tipos.iter().any(|tipo| es_de_tipo(tipo, valor)) {
            return Some(format!("{donde}: no es {tipos:?}"));
        }
        if esquema["enum"].as_array().is_some_and(|valores| !valores.contains(valor)) {
            return Some(format!("{donde}: {valor} no es un valor declarado"));
        }
        let texto = valor.as_str()?;
        let con_formato = match esquema["format"].as_str() {
            Some("uuid") => Uuid::parse_str(texto).is_ok(),
            // Los tiempos salen con milisegundos, y lo declaran.
            Some("date-time") if !esquema["pattern"].is_null() => es_instante(texto),
            Some("date-time") => es_fecha(texto),
            _ => true,
        };
        (!con_formato).then(|| format!("{donde}: {texto} no tiene el formato declarado"))
    }

    fn falla_de_objeto(&self, esquema: &'a Value, valor: &Value, donde: &str) -> Option<String> {
        let objeto = valor.as_object()?;
        let (mut miembros, mut obligatorios) = (BTreeMap::new(), BTreeSet::new());
        self.juntar(esquema, &mut miembros, &mut obligatorios);
        if let Some(falta) = obligatorios.iter().find(|nombre| !objeto.contains_key(**nombre)) {
            return Some(format!("{donde}: falta {falta}"));
        }
        objeto.iter().filter(|_| !miembros.is_empty()).find_map(|(nombre, dentro)| {
            match miembros.get(nombre.as_str()) {
                Some(esquema) => self.falla(esquema, dentro, &format!("{donde}/{nombre}")),
                None => Some(format!("{donde}/{nombre}: no consta en la especificación")),
            }
        })
    }

    /// Los miembros de un objeto, también los que junta con `allOf`.
    fn juntar(
        &self,
        esquema: &'a Value,
        miembros: &mut BTreeMap<&'a str, &'a Value>,
        obligatorios: &mut BTreeSet<&'a str>,
    ) {
        let esquema = self.resolver(esquema);
        for parte in esquema["allOf"].as_array().into_iter().flatten() {
            self.juntar(parte, miembros, obligatorios);
        }
        let propios = esquema["properties"].as_object().into_iter().flatten();
        miembros.extend(propios.map(|(nombre, esquema)| (nombre.as_str(), esquema)));
        obligatorios.extend(esquema["required"].as_array().into_iter().flatten().filter_map(Value::as_str));
    }

    fn falla_de_lista(&self, esquema: &'a Value, valor: &Value, donde: &str) -> Option<String> {
        let mut elementos = valor.as_array()?.iter().enumerate();
        let cada_uno = esquema.get("items")?;
        elementos.find_map(|(indice, dentro)| self.falla(cada_uno, dentro, &format!("{donde}/{indice}")))
    }
}

fn es_de_tipo(tipo: &str, valor: &Value) -> bool {
    match tipo {
        "string" => valor.is_string(),
        "object" => valor.is_object(),
        "array" => valor.is_array(),
        "boolean" => valor.is_boolean(),
        "integer" => valor.is_i64() || valor.is_u64(),
        "null" => valor.is_null(),
        otro => panic!("la especificación usa un tipo que estas pruebas no conocen: {otro}"),
    }
}

/// La forma en que sale un tiempo que se mide.
fn es_instante(texto: &str) -> bool {
    let formato =
        time::macros::format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
    time::PrimitiveDateTime::parse(texto, formato).is_ok()
}

/// La única forma en que sale una fecha: `%Y-%m-%dT%H:%M:%SZ`.
pub fn es_fecha(texto: &str) -> bool {
    let formato = time::macros::format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");
    time::PrimitiveDateTime::parse(texto, formato).is_ok()
}
