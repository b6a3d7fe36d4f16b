//! Objetos de JSON, y nada más: serde leería también una lista como si fueran los miembros en orden.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};

/// Un valor que sólo se lee de un objeto.
pub struct Objeto<T>(pub T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Objeto<T> {
    fn deserialize<D: Deserializer<'de>>(origen: D) -> Result<Self, D::Error> {
        origen.deserialize_map(SoloObjetos(PhantomData))
    }
}

struct SoloObjetos<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for SoloObjetos<T> {
    type Value = Objeto<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("un objeto")
    }

    fn visit_map<A: MapAccess<'de>>(self, miembros: A) -> Result<Objeto<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(miembros)).map(Objeto)
    }
}
