//! La historia de la corrida, tal como la vieron los clientes: lo que se pidió, lo que se respondió y lo que se leyó.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;
use uuid::Uuid;

use super::contenidos::Contenido;

/// El efecto que pide una petición.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Efecto {
    Crear,
    Pagar,
    Aprobar,
    Cancelar,
    Registrar,
    Desactivar,
}

impl Efecto {
    /// El evento que deja.
    pub const fn evento(self) -> &'static str {
        match self {
            Self::Crear => "ReservaCreada",
            Self::Pagar => "ReservaPagada",
            Self::Aprobar => "ReservaAprobada",
            Self::Cancelar => "ReservaCancelada",
            Self::Registrar => "UsuarioRegistrado",
            Self::Desactivar => "UsuarioDesactivado",
        }
    }

    /// El comando que lo pide.
    pub const fn comando(self) -> &'static str {
        match self {
            Self::Crear => "CrearReserva",
            Self::Pagar => "PagarReserva",
            Self::Aprobar => "AprobarReserva",
            Self::Cancelar => "CancelarReserva",
            Self::Registrar => "RegistrarUsuario",
            Self::Desactivar => "DesactivarUsuario",
        }
    }

    /// Si es de un usuario, y no de una reserva.
    pub const fn es_de_usuario(self) -> bool {
        matches!(self, Self::Registrar | Self::Desactivar)
    }

    /// El estado en que deja una reserva.
    pub const fn estado(self) -> &'static str {
        match self {
            Self::Crear => "pendiente",
            Self::Pagar => "pagada",
            Self::Aprobar => "aprobada",
            Self::Cancelar => "cancelada",
            Self::Registrar => "registrado",
            Self::Desactivar => "desactivado",
        }
    }
}

/// Lo que el cliente sabe de un intento.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Desenlace {
    /// 200 o 201: está hecho.
    Hecho { id: Uuid },
    /// 202: se hará, o se dirá por qué no.
    Aceptado { id_comando: Uuid, id: Uuid },
    /// 4xx: no se hizo, ni se hará.
    Rechazado(u16, String),
    /// No se hizo, pero repetirlo puede servir.
    SinEfecto(String),
    /// No se sabe; si se sabe dónde preguntar, ahí.
    Desconocido(Option<Uuid>),
}

impl Desenlace {
    /// Si reconoce el efecto, ya o para después.
    pub const fn reconoce(&self) -> bool {
        matches!(self, Self::Hecho { .. } | Self::Aceptado { .. })
    }
}

/// Una solicitud HTTP de una petición. Su correlación (`X-Request-Id`) viaja hasta los eventos que cause.
#[derive(Debug, Clone)]
pub struct Intento {
    pub correlacion: Uuid,
    pub inicio: Instant,
    pub fin: Instant,
    pub desenlace: Desenlace,
}

/// Lo que un cliente quiso hacer, con todos sus intentos: con `Idempotency-Key` son el mismo; sin ella, cada uno es otro.
#[derive(Debug, Clone)]
pub struct Peticion {
    pub efecto: Efecto,
    /// La reserva o el usuario que cambia, si ya existe.
    pub objetivo: Option<Uuid>,
    /// Para quién es la reserva.
    pub id_cliente: Option<Uuid>,
    pub contenido: Option<Contenido>,
    pub clave: Option<Uuid>,
    pub intentos: Vec<Intento>,
}

/// El estado de una reserva, visto en algún momento entre los dos.
#[derive(Debug, Clone, Copy)]
pub struct Observacion {
    pub reserva: Uuid,
    pub inicio: Instant,
    pub fin: Instant,
    pub estado: &'static str,
}

/// En qué contador va un defecto.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clase {
    Perdida,
    Duplicada,
    Desordenada,
    Inconsistente,
    /// No cuenta como dato dañado, pero la corrida falla igual.
    Lenta,
}

/// Algo que no debió ocurrir.
#[derive(Debug, Clone)]
pub struct Defecto {
    pub clase: Clase,
    pub detalle: String,
}

/// Cuánto tardó todo en volver a moverse después de una falla.
#[derive(Debug, Clone, Copy)]
pub struct Recuperacion {
    pub duracion: Duration,
}

/// Todo lo anotado.
#[derive(Default)]
pub struct Historia {
    peticiones: Mutex<Vec<Peticion>>,
    observaciones: Mutex<Vec<Observacion>>,
    defectos: Mutex<Vec<Defecto>>,
    recuperaciones: Mutex<Vec<Recuperacion>>,
    /// Los mensajes ilegibles o desconocidos que se metieron en el bus.
    basura: Mutex<Vec<Uuid>>,
    operaciones: AtomicU64,
}

fn con<T, R>(cosas: &Mutex<Vec<T>>, hacer: impl FnOnce(&mut Vec<T>) -> R) -> R {
    hacer(&mut cosas.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
}

impl Historia {
    pub fn peticion(&self, peticion: Peticion) {
        con(&self.peticiones, |todas| todas.push(peticion));
    }

    pub fn observacion(&self, observacion: Observacion) {
        con(&self.observaciones, |todas| todas.push(observacion));
    }

    pub fn defecto(&self, clase: Clase, detalle: impl Into<String>) {
        con(&self.defectos, |todos| todos.push(Defecto { clase, detalle: detalle.into() }));
    }

    pub fn recuperacion(&self, recuperacion: Recuperacion) {
        con(&self.recuperaciones, |todas| todas.push(recuperacion));
    }

    pub fn basura(&self, id: Uuid) {
        con(&self.basura, |toda| toda.push(id));
    }

    /// Una respuesta definitiva más.
    pub fn operacion(&self) {
        self.operaciones.fetch_add(1, Ordering::Relaxed);
    }

    pub fn operaciones(&self) -> u64 {
        self.operaciones.load(Ordering::Relaxed)
    }

    pub fn peticiones(&self) -> Vec<Peticion> {
        con(&self.peticiones, |todas| todas.clone())
    }

    pub fn observaciones(&self) -> Vec<Observacion> {
        con(&self.observaciones, |todas| todas.clone())
    }

    pub fn defectos(&self) -> Vec<Defecto> {
        con(&self.defectos, |todos| todos.clone())
    }

    pub fn recuperaciones(&self) -> Vec<Recuperacion> {
        con(&self.recuperaciones, |todas| todas.clone())
    }

    pub fn toda_la_basura(&self) -> Vec<Uuid> {
        con(&self.basura, |toda| toda.clone())
    }
}
