//! Bloques de construcción del dominio: sin entrada ni salida, sin serde, sin marcos de trabajo.

pub mod bloqueo;
pub mod entidades;
pub mod eventos;
pub mod objetos_valor;
pub mod reglas;
pub mod repositorios;
