//! El servicio con un Apache Pulsar de verdad, también cuando algo muere a mitad de camino.
//!
//! Los nombres de los tópicos son fijos: las pruebas van de una en una y cada una empieza con el bróker vacío.

#[path = "../comun/mod.rs"]
mod comun;

mod apoyo;
mod atraso;
mod broker;
mod broker_caido;
mod caidas;
mod cambio_de_bus;
mod dos_instancias;
mod ida_y_vuelta;
mod letras_muertas;
mod local;
mod orden;
mod oyente;
mod particiones;
mod persona;
mod personas;
mod preparacion;
mod protegido;
mod roles;
