//! Apache Pulsar: publicar con recibo, relevar la bandeja de salida y recibir en las entregas.

pub mod conexion;
pub mod ingesta;
pub mod publicador;
pub mod relevo;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use thiserror::Error;

use crate::seedwork::infraestructura::despacho::avro::Esquema;

/// Un tópico del servicio.
#[derive(Debug, Clone)]
pub struct Topico {
    /// Su nombre, sin inquilino ni espacio de nombres.
    pub nombre: &'static str,
    /// El esquema que registramos y con el que leemos.
    pub esquema: Esquema,
    /// Nuestra suscripción.
    pub suscripcion: &'static str,
}

/// El nombre completo de un tópico.
#[must_use]
pub fn completo(nombre: &str) -> String {
    format!("persistent://public/default/{nombre}")
}

/// El nombre del tópico de letras muertas de otro.
#[must_use]
pub fn letras_muertas(nombre: &str) -> String {
    format!("{nombre}-aeroalpes-dlq")
}

/// Por qué no se pudo usar Pulsar. De un envío que falla no se sabe si llegó.
#[derive(Debug, Error)]
pub enum ErrorPulsar {
    /// Lo dijo el cliente o el bróker.
    #[error("Pulsar no lo hizo: {0}")]
    Cliente(String),
    /// No hubo respuesta a tiempo.
    #[error("Pulsar no respondió a tiempo")]
    Plazo,
    /// Todavía no están registrados los esquemas y creadas las suscripciones.
    #[error("Pulsar todavía no está preparado")]
    SinPreparar,
}

impl From<pulsar::Error> for ErrorPulsar {
    fn from(error: pulsar::Error) -> Self {
        Self::Cliente(error.to_string())
    }
}

/// Si Pulsar responde, para quien pregunte por la salud.
#[derive(Clone, Default)]
pub struct Pulso(Arc<AtomicBool>);

impl Pulso {
    /// Anota cómo fue lo último que se intentó.
    pub fn anotar(&self, responde: bool) {
        self.0.store(responde, Ordering::Relaxed);
    }

    /// Si lo último que se intentó salió bien.
    pub fn late(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
