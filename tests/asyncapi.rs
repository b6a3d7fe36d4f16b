//! `docs/asyncapi.json` dice lo mismo que el código: tópicos, esquemas, mensajes, suscripciones y ejemplos.
//!
//! Con `ACTUALIZAR=1` escribe en él los esquemas del código; lo demás se escribe a mano.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use aeroalpes::arranque::{Contrato, contratos};
use aeroalpes::seedwork::infraestructura::mensajeria::pulsar::acceso::Espacio;
use aeroalpes::seedwork::infraestructura::mensajeria::pulsar::letras_muertas;
use apache_avro::Schema;
use apache_avro::types::Value as Avro;
use serde_json::{Map, Value};

const RUTA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/asyncapi.json");
const FORMATO: &str = "application/vnd.apache.avro+json;version=1.9.0";

fn documento() -> Value {
    serde_json::from_str(&fs::read_to_string(RUTA).unwrap()).unwrap()
}

fn objeto(valor: &Value) -> &Map<String, Value> {
    valor.as_object().unwrap_or_else(|| panic!("no es un objeto: {valor}"))
}

fn claves(valor: &Value) -> BTreeSet<String> {
    objeto(valor).keys().cloned().collect()
}

/// Lo que nombra una referencia, o el mismo valor si no lo es.
fn resolver<'a>(documento: &'a Value, valor: &'a Value) -> &'a Value {
    match valor["$ref"].as_str() {
        Some(referencia) => resolver(documento, documento.pointer(&referencia[1..]).expect(referencia)),
        None => valor,
    }
}

fn del_codigo() -> BTreeMap<&'static str, Contrato> {
    contratos().unwrap().into_iter().map(|contrato| (contrato.topico.nombre, contrato)).collect()
}

#[test]
fn no_falta_ni_sobra_un_topico() {
    let (documento, codigo) = (documento(), del_codigo());
    let esperados: BTreeSet<_> =
        codigo.keys().flat_map(|topico| [(*topico).to_owned(), letras_muertas(topico)]).collect();
    assert_eq!(claves(&documento["channels"]), esperados);
    for (nombre, canal) in objeto(&documento["channels"]) {
        assert_eq!(canal["address"], Espacio::default().completo(nombre));
    }
    for (topico, contrato) in codigo {
        let canal = &documento["channels"][topico];
        assert_eq!(canal["x-suscripcion"], contrato.topico.suscripcion, "{topico}");
        assert_eq!(canal["x-letras-muertas"], letras_muertas(topico));
    }
}

#[test]
fn los_esquemas_y_los_mensajes_son_los_del_codigo() {
    let mut documento = documento();
    if std::env::var_os("ACTUALIZAR").is_some() {
        for contrato in del_codigo().into_values() {
            let esquema: Value = serde_json::from_str(&contrato.topico.esquema.json).unwrap();
            let registro = esquema["name"].as_str().unwrap().to_owned();
            documento["components"]["schemas"][registro]["schema"] = esquema;
        }
        fs::write(RUTA, format!("{documento:#}\n")).unwrap();
    }
    let mut usados = BTreeSet::new();
    for (topico, contrato) in del_codigo() {
        let mensajes = &documento["channels"][topico]["messages"];
        assert_eq!(claves(mensajes), contrato.tipos.iter().map(ToString::to_string).collect(), "{topico}");
        let esperado: Value = serde_json::from_str(&contrato.topico.esquema.json).unwrap();
        for (tipo, mensaje) in objeto(mensajes) {
            assert_eq!(mensaje["name"], **tipo);
            let carga = resolver(&documento, &mensaje["payload"]);
            assert_eq!((&carga["schemaFormat"], &carga["schema"]), (&FORMATO.into(), &esperado), "{topico} {tipo}");
            usados.insert(esperado["name"].as_str().unwrap().to_owned());
        }
    }
    let esquemas = objeto(&documento["components"]["schemas"]).iter();
    let de_avro: BTreeSet<_> =
        esquemas.filter(|(_, e)| e.get("schemaFormat").is_some()).map(|(n, _)| n.clone()).collect();
    assert_eq!(de_avro, usados, "sobra un esquema");
}

#[test]
fn cada_canal_tiene_sus_operaciones() {
    let documento = documento();
    let mut halladas = BTreeSet::new();
    for (nombre, operacion) in objeto(&documento["operations"]) {
        let canal = operacion["channel"]["$ref"].as_str().unwrap();
        let mensajes = &resolver(&documento, &operacion["channel"])["messages"];
        let nombrados: BTreeSet<_> =
            operacion["messages"].as_array().unwrap().iter().map(|m| m["$ref"].as_str().unwrap().to_owned()).collect();
        let suyos = claves(mensajes).iter().map(|mensaje| format!("{canal}/messages/{mensaje}")).collect();
        assert_eq!(nombrados, suyos, "{nombre}");
        let accion = operacion["action"].as_str().unwrap();
        halladas.insert((canal.trim_start_matches("#/channels/").to_owned(), accion.to_owned()));
    }
    let mut esperadas = BTreeSet::new();
    for topico in del_codigo().into_keys() {
        for (canal, accion) in
            [(topico.to_owned(), "send"), (topico.to_owned(), "receive"), (letras_muertas(topico), "send")]
        {
            esperadas.insert((canal, accion.to_owned()));
        }
    }
    assert_eq!(halladas, esperadas);
}

/// El valor de Avro que dice un JSON, sin conocer el esquema.
fn avro(valor: &Value) -> Avro {
    match valor {
        Value::Null => Avro::Null,
        Value::String(texto) => Avro::String(texto.clone()),
        Value::Number(numero) => Avro::Long(numero.as_i64().unwrap()),
        Value::Array(elementos) => Avro::Array(elementos.iter().map(avro).collect()),
        Value::Object(miembros) => Avro::Map(miembros.iter().map(|(n, v)| (n.clone(), avro(v))).collect()),
        Value::Bool(_) => panic!("ningún esquema tiene {valor}"),
    }
}

#[test]
fn los_ejemplos_se_escriben_con_su_esquema() {
    let documento = documento();
    for (topico, contrato) in del_codigo() {
        for (tipo, mensaje) in objeto(&documento["channels"][topico]["messages"]) {
            let ejemplo = &mensaje["examples"][0];
            let propiedades = resolver(&documento, &mensaje["headers"]);
            for propiedad in propiedades["required"].as_array().unwrap() {
                assert!(ejemplo["headers"][propiedad.as_str().unwrap()].is_string(), "{tipo}: falta {propiedad}");
            }
            let carga = &ejemplo["payload"];
            assert_eq!((&carga["type"], &ejemplo["headers"]["type"]), (&Value::from(tipo.as_str()), &carga["type"]));
            let miembro = mensaje["x-miembro"].as_str().unwrap_or("data");
            assert!(carga[miembro].is_object(), "{tipo}: su carga va en {miembro}");
            let Schema::Record(registro) = &contrato.topico.esquema.avro else { panic!("{topico} no es un registro") };
            let campos: BTreeSet<_> = registro.fields.iter().map(|campo| campo.name.clone()).collect();
            assert_eq!(claves(carga), campos, "{tipo}");
            let escrito = avro(carga).resolve(&contrato.topico.esquema.avro);
            assert!(escrito.is_ok(), "{tipo}: {escrito:?}");
        }
    }
}

#[test]
fn ninguna_referencia_esta_rota() {
    fn mirar(documento: &Value, valor: &Value) {
        match valor {
            Value::Object(miembros) => {
                resolver(documento, valor);
                miembros.values().for_each(|dentro| mirar(documento, dentro));
            }
            Value::Array(elementos) => elementos.iter().for_each(|dentro| mirar(documento, dentro)),
            _ => {}
        }
    }
    let documento = documento();
    assert_eq!(documento["asyncapi"], "3.0.0");
    assert_eq!(documento["info"]["version"], env!("CARGO_PKG_VERSION"));
    mirar(&documento, &documento);
}
