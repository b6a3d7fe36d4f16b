//! Apache Pulsar: publicar con recibo, relevar la bandeja de salida y recibir en las entregas.

pub mod acceso;
mod castigadas;
pub mod conexion;
pub mod esquema_ajeno;
pub mod esquemas_ajenos;
pub mod ingesta;
mod lectura;
pub mod motivo;
pub mod particiones;
pub mod publicador;
pub mod recepcion;
pub mod relevo_bandeja_salida;
mod ventana;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use pulsar::error::ServiceDiscoveryError;
use pulsar::proto::ServerError;
use thiserror::Error;

use self::motivo::Motivo;
use self::particiones::{ErrorAdministracion, ErrorParticiones};
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
    /// No se pudo conectar, y se sabe por qué.
    #[error("Pulsar no admite la conexión: {0}")]
    Conexion(Motivo),
    /// El archivo de las autoridades dejó de poderse leer.
    #[error("no se puede leer el archivo de PULSAR_TLS_CA")]
    Autoridades(#[source] std::io::Error),
    /// El archivo de la ficha dejó de poderse leer.
    #[error("no se puede leer el archivo de PULSAR_TOKEN_ARCHIVO")]
    FichaIlegible,
    /// Un tópico no tiene las particiones que se piden.
    #[error(transparent)]
    Particiones(#[from] ErrorParticiones),
    /// No se pudo crear un tópico particionado.
    #[error("la administración de Pulsar (PULSAR_ADMIN_URL) no crea el tópico: {0}")]
    Administracion(#[from] ErrorAdministracion),
    /// El tópico no existe, y el bróker no los crea solo.
    #[error("el tópico no existe")]
    NoExiste,
    /// No hubo respuesta a tiempo.
    #[error("Pulsar no respondió a tiempo")]
    Plazo,
    /// Todavía no están registrados los esquemas y creadas las suscripciones.
    #[error("Pulsar todavía no está preparado")]
    SinPreparar,
}

impl From<pulsar::Error> for ErrorPulsar {
    fn from(error: pulsar::Error) -> Self {
        const NO_EXISTE: Option<ServerError> = Some(ServerError::TopicNotFound);
        match error {
            pulsar::Error::ServiceDiscovery(ServiceDiscoveryError::Query(NO_EXISTE, _)) => Self::NoExiste,
            error => Self::Cliente(error.to_string()),
        }
    }
}

/// Si Pulsar responde, para quien pregunte por la salud: sólo si les responde a todas las partes que lo usan.
#[derive(Clone, Default)]
pub struct Pulso(Arc<Mutex<Vec<Parte>>>);

/// Una parte que usa Pulsar.
#[derive(Clone, Default)]
pub struct Parte(Arc<AtomicBool>);

impl Parte {
    /// Anota cómo fue lo último que intentó.
    pub fn anotar(&self, responde: bool) {
        self.0.store(responde, Ordering::Relaxed);
    }
}

impl Pulso {
    /// Una parte más, a la que todavía no le ha respondido.
    #[must_use]
    pub fn parte(&self) -> Parte {
        let parte = Parte::default();
        if let Ok(mut partes) = self.0.lock() {
            partes.push(parte.clone());
        }
        parte
    }

    /// Si a todas les salió bien lo último que intentaron.
    #[must_use]
    pub fn late(&self) -> bool {
        self.0.lock().is_ok_and(|partes| partes.iter().all(|parte| parte.0.load(Ordering::Relaxed)))
    }
}
