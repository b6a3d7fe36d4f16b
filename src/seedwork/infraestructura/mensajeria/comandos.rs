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
use crate::seedwork::infraestructura::despacho::avro::{ErrorAvro, envoltura};

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
    let carga = apache_avro::to_value(comando.carga()).map_err(Box::new)?;
    let mut miembros = envoltura(id, C::NOMBRE, momento);
    miembros.push((C::MIEMBRO.to_owned(), Value::Union(1, Box::new(carga))));
    let Schema::Record(registro) = esquema else { return Err(ErrorAvro::Esquema("no es un registro".into())) };
    let valor = |nombre: &str| {
        let hallado = miembros.iter().find(|(miembro, _)| miembro == nombre);
        hallado.map_or(Value::Union(0, Box::new(Value::Null)), |(_, valor)| valor.clone())
    };
    let campos = registro.fields.iter().map(|campo| (campo.name.clone(), valor(&campo.name))).collect();
    let mensaje = Value::Record(campos).resolve(esquema).map_err(Box::new)?;
    let escritor = GenericDatumWriter::builder(esquema).build().map_err(Box::new)?;
    Ok(escritor.write_value_to_vec(mensaje).map_err(Box::new)?)
}

/// Escribe con nuestro esquema un mensaje ya leído.
///
/// # Errors
/// [`ErrorAvro`].
pub fn reescribir(esquema: &Schema, leido: &Leido) -> Result<Vec<u8>, ErrorAvro> {
    let escritor = GenericDatumWriter::builder(esquema).build().map_err(Box::new)?;
    Ok(escritor.write_value_to_vec(Value::Record(leido.0.clone())).map_err(Box::new)?)
}

/// Lo que queda por leer. Recuerda si faltó algo: donde se acaban los datos, el lector de Avro supone nulos.
struct Resto<'a> {
    datos: &'a [u8],
    falto: bool,
}

impl Read for Resto<'_> {
    fn read(&mut self, destino: &mut [u8]) -> io::Result<usize> {
        self.falto |= self.datos.is_empty() && !destino.is_empty();
        self.datos.read(destino)
    }
}

/// Un mensaje ya leído: sus miembros.
pub struct Leido(Vec<(String, Value)>);

impl Leido {
    /// Lee un mensaje escrito con `escritor` y lo resuelve al esquema nuestro.
    ///
    /// # Errors
    /// [`ErrorAvro`] si los datos no corresponden.
    pub fn de(datos: &[u8], escritor: &Schema, nuestro: &Schema) -> Result<Self, ErrorAvro> {
        let lector = GenericDatumReader::builder(escritor).reader_schema(nuestro).build().map_err(Box::new)?;
        let mut resto = Resto { datos, falto: false };
        match lector.read_value(&mut resto).map_err(Box::new)? {
            _ if resto.falto => Err(ErrorAvro::Ilegible("el mensaje está vacío o incompleto".into())),
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
        let falta = || ErrorAvro::Ilegible(format!("el mensaje no trae «{}»", C::MIEMBRO));
        let carga = self.miembro(C::MIEMBRO).ok_or_else(falta)?;
        Ok(apache_avro::from_value(carga).map_err(Box::new)?)
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
