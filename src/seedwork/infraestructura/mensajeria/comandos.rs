//! Comandos como mensajes: la carga de cada uno es un miembro del registro de su tópico.

use std::io::{self, Read};

use apache_avro::Schema;
use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::types::Value;
use apache_avro::writer::datum::GenericDatumWriter;
use serde::Serialize;
use serde::de::DeserializeOwned;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::seedwork::aplicacion::mensajes::Comando;
use crate::seedwork::aplicacion::rechazo::Rechazo;
use crate::seedwork::infraestructura::despacho::avro::{ErrorAvro, Mensaje};

/// El mensaje más grande que se lee, en bytes: como el cuerpo de HTTP del que sale, que siempre ocupa más.
const MAXIMO: usize = 1024 * 1024;

/// Un comando que también viaja por el bus (paso 2 del tutorial).
pub trait ComandoIntegracion: Comando {
    /// El tópico por el que viaja.
    const TOPICO: &'static str;
    /// El registro de Avro de ese tópico.
    const REGISTRO: &'static str;
    /// El miembro del registro que lleva su carga.
    const MIEMBRO: &'static str;
    /// Si es este el comando de los mensajes de su tópico que no dicen `type`: el sistema original no lo llena.
    const SIN_TIPO: bool = false;
    /// La carga, tal como viaja.
    type Carga: Serialize + DeserializeOwned + Send;

    /// El esquema de Avro de la carga: un registro.
    fn esquema_carga() -> serde_json::Value;

    /// La carga de este comando.
    fn carga(&self) -> Self::Carga;

    /// El comando que trae una carga.
    ///
    /// # Errors
    /// [`Rechazo`] si lo que trae no cumple las reglas.
    fn de_carga(carga: Self::Carga) -> Result<Self, Rechazo>;

    /// La clave de partición y de orden: la identidad de la agregación.
    fn clave(&self) -> Uuid;

    /// La dirección de lo que crea o cambia.
    fn recurso(&self) -> String;

    /// El mismo comando sobre esa agregación. Sólo lo cambia uno que crea: los demás ya dicen sobre cuál van.
    #[must_use]
    fn sobre(self, _clave: Uuid) -> Self {
        self
    }
}

/// Escribe un comando con el esquema de su tópico.
///
/// # Errors
/// [`ErrorAvro`].
pub fn escribir<C: ComandoIntegracion>(
    esquema: &Schema,
    id: Uuid,
    momento: OffsetDateTime,
    comando: &C,
) -> Result<Vec<u8>, ErrorAvro> {
    let (carga, miembro, tipo) = (comando.carga(), C::MIEMBRO, C::NOMBRE);
    Mensaje { miembro, carga: &carga, id, tipo, ocurrido_en: momento }.escribir(esquema)
}

/// Escribe con nuestro esquema un mensaje ya leído.
///
/// # Errors
/// [`ErrorAvro`].
pub fn reescribir(esquema: &Schema, leido: &Leido) -> Result<Vec<u8>, ErrorAvro> {
    let escritor = GenericDatumWriter::builder(esquema).build().map_err(Box::new)?;
    Ok(escritor.write_value_to_vec(Value::Record(leido.0.clone())).map_err(Box::new)?)
}

/// Lo que queda por leer. Donde se acaba, falla: con un fin corriente el lector de Avro supone nulos, y cuantos se le
/// digan.
struct Resto<'a> {
    datos: &'a [u8],
    falto: bool,
}

impl Read for Resto<'_> {
    fn read(&mut self, destino: &mut [u8]) -> io::Result<usize> {
        self.falto = self.datos.is_empty() && !destino.is_empty();
        if self.falto { Err(io::Error::other("faltan datos")) } else { self.datos.read(destino) }
    }
}

/// Un mensaje ya leído: sus miembros.
#[derive(Debug, Clone)]
pub struct Leido(Vec<(String, Value)>);

impl Leido {
    /// Lee un mensaje escrito con `escritor` y lo resuelve al esquema nuestro, si no es el mismo.
    ///
    /// # Errors
    /// [`ErrorAvro`] si los datos no corresponden.
    pub fn de(datos: &[u8], escritor: &Schema, nuestro: &Schema) -> Result<Self, ErrorAvro> {
        if datos.len() > MAXIMO {
            return Err(ErrorAvro::Ilegible(format!("el mensaje ocupa más de {MAXIMO} bytes")));
        }
        // Lo que se escribió con el nuestro ya está como se quiere: resolverlo otra vez costaría tanto como leerlo.
        let ajeno = Some(nuestro).filter(|nuestro| !std::ptr::eq(*nuestro, escritor));
        let lector = GenericDatumReader::builder(escritor).maybe_reader_schema(ajeno).build().map_err(Box::new)?;
        let mut resto = Resto { datos, falto: false };
        let leido = lector.read_value(&mut resto);
        if resto.falto {
            return Err(ErrorAvro::Ilegible("el mensaje está vacío o incompleto".into()));
        }
        match leido.map_err(Box::new)? {
            Value::Record(miembros) if resto.datos.is_empty() => Ok(Self(miembros)),
            _ => Err(ErrorAvro::Ilegible("el mensaje no es un registro, o le sobran datos".into())),
        }
    }

    /// Un texto de la envoltura, si está.
    pub fn texto(&self, nombre: &str) -> Option<&str> {
        match self.miembro(nombre)? {
            Value::String(texto) => Some(texto),
            _ => None,
        }
    }

    /// La carga del comando.
    ///
    /// # Errors
    /// [`ErrorAvro`] si falta o no corresponde.
    pub fn carga<C: ComandoIntegracion>(&self) -> Result<C::Carga, ErrorAvro> {
        self.interpretar(C::MIEMBRO)
    }

    /// Lo que cuenta un evento.
    ///
    /// # Errors
    /// [`ErrorAvro`] si falta o no corresponde.
    pub fn hecho<T: DeserializeOwned>(&self) -> Result<T, ErrorAvro> {
        self.interpretar("data")
    }

    fn interpretar<T: DeserializeOwned>(&self, miembro: &str) -> Result<T, ErrorAvro> {
        let falta = || ErrorAvro::Ilegible(format!("el mensaje no trae «{miembro}»"));
        Ok(apache_avro::from_value(self.miembro(miembro).ok_or_else(falta)?).map_err(Box::new)?)
    }

    /// El mensaje entero como JSON, o nada si tiene un valor que JSON no puede decir.
    #[must_use]
    pub fn json(self) -> Option<serde_json::Value> {
        Value::Record(self.0).try_into().ok()
    }

    fn miembro(&self, nombre: &str) -> Option<&Value> {
        let (_, valor) = self.0.iter().find(|(miembro, _)| miembro == nombre)?;
        match valor {
            Value::Union(_, dentro) if **dentro == Value::Null => None,
            Value::Union(_, dentro) => Some(dentro),
            otro => Some(otro),
        }
    }
}

#[cfg(test)]
mod pruebas {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use serde_json::{Value as Json, json};

    use super::*;
    use crate::seedwork::infraestructura::mensajeria::pulsar::esquema_ajeno;

    #[test]
    fn donde_se_acaban_los_datos_leer_falla() {
        let (mut resto, mut byte) = (Resto { datos: b"a", falto: false }, [0]);
        assert!(resto.read(&mut byte).is_ok_and(|leidos| leidos == 1) && !resto.falto);
        assert!(resto.read(&mut byte).is_err() && resto.falto);
    }

    /// Un esquema cualquiera, también de los que no se aceptan.
    fn esquema() -> impl Strategy<Value = Json> {
        let suelto =
            proptest::sample::select(vec!["null", "boolean", "int", "long", "float", "string", "bytes", "R", "S"]);
        let suelto = prop_oneof![
            suelto.prop_map(Json::from),
            (0_u64..20).prop_map(
                |largo| json!({"type": "fixed", "name": format!("F{largo}"), "size": largo * largo * largo * 97})
            ),
            "[a-z]{1,9}".prop_map(|simbolo| json!({"type": "enum", "name": "E", "symbols": ["a", simbolo]})),
        ];
        suelto.prop_recursive(5, 30, 6, |dentro| {
            prop_oneof![
                dentro.clone().prop_map(|elemento| json!({"type": "array", "items": elemento})),
                dentro.clone().prop_map(|elemento| json!({"type": "map", "values": elemento})),
                vec(dentro.clone(), 1..4).prop_map(Json::from),
                (proptest::sample::select(vec!["R", "S", "T", "U"]), vec(("[a-z]{1,12}", dentro), 0..6)).prop_map(
                    |(nombre, campos)| {
                        let campos: Vec<_> =
                            campos.into_iter().map(|(nombre, tipo)| json!({"name": nombre, "type": tipo})).collect();
                        json!({"type": "record", "name": nombre, "fields": campos})
                    }
                ),
            ]
        })
    }

    /// Lo que ocupa un valor en memoria, sin contar lo que el mensaje ya traía.
    fn ocupa(valor: &Value) -> usize {
        let dentro = match valor {
            Value::Union(_, valor) => ocupa(valor),
            Value::Array(lista) => lista.iter().map(ocupa).sum(),
            Value::Map(mapa) => mapa.values().map(|valor| ocupa(valor) + size_of::<String>()).sum(),
            Value::Record(campos) => {
                campos.iter().map(|(nombre, valor)| size_of::<String>() + nombre.len() + ocupa(valor)).sum()
            }
            Value::Enum(_, simbolo) => simbolo.len(),
            _ => 0,
        };
        size_of::<Value>() + dentro
    }

    /// Lee como [`Leido::de`], sin resolver a nuestro esquema.
    fn leer(datos: &[u8], escritor: &Schema) -> Option<Value> {
        let lector = GenericDatumReader::builder(escritor).build().ok()?;
        lector.read_value(&mut Resto { datos, falto: false }).ok()
    }

    #[test]
    fn donde_se_acaban_los_datos_no_se_inventan_nulos() {
        let campos: Vec<_> = (0..20).map(|n| json!({"name": format!("c{n}"), "type": ["null", "long"]})).collect();
        let lista = json!({"type": "array", "items": {"type": "record", "name": "R", "fields": campos}});
        let esquema = json!({"type": "record", "name": "L", "fields": [{"name": "l", "type": lista}]}).to_string();
        let esquema = esquema_ajeno::leer(esquema.as_bytes()).unwrap();
        // Una lista que dice tener cien mil elementos, y nada más.
        let Err(error) = Leido::de(&[0xc0, 0x9a, 0x0c], &esquema, &esquema) else { panic!("se leyó") };
        assert_eq!(error.to_string(), "el mensaje está vacío o incompleto");
    }

    #[test]
    fn un_mensaje_demasiado_grande_no_se_lee() {
        let esquema =
            Schema::parse_str(r#"{"type":"record","name":"B","fields":[{"name":"b","type":"bytes"}]}"#).unwrap();
        let Err(error) = Leido::de(&vec![0; MAXIMO + 1], &esquema, &esquema) else { panic!("se leyó") };
        assert_eq!(error.to_string(), "el mensaje ocupa más de 1048576 bytes");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1_000))]

        #[test]
        fn un_mensaje_ajeno_ocupa_en_proporcion_a_sus_bytes(esquema in esquema(), datos in vec(any::<u8>(), 0..80)) {
            let Ok(escritor) = esquema_ajeno::leer(esquema.to_string().as_bytes()) else { return Ok(()) };
            if let Some(valor) = leer(&datos, &escritor) {
                prop_assert!(ocupa(&valor) <= 256 * datos.len() + 1024 * 1024, "{} con {}", valor_corto(&valor), esquema);
            }
            let _ = Leido::de(&datos, &escritor, &escritor).map(|leido| reescribir(&escritor, &leido));
        }
    }

    fn valor_corto(valor: &Value) -> String {
        format!("{valor:?}").chars().take(200).collect()
    }
}
