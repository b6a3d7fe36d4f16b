//! Cómo dice «no» la aplicación, igual para todos los módulos y para todos los bordes.

use std::borrow::Cow;

use thiserror::Error;

use crate::seedwork::dominio::reglas::ReglaRota;
use crate::seedwork::dominio::repositorios::Falla;

/// De qué clase es un rechazo; cada borde la traduce a lo suyo (en HTTP, un código de estado).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clase {
    /// Los datos no cumplen una regla.
    Invalido,
    /// Las credenciales no sirven.
    NoAutenticado,
    /// Lo que se pide no existe.
    NoEncontrado,
    /// El estado actual no lo permite.
    Conflicto,
    /// Existió, pero ya no se guarda.
    Caducado,
    /// Se pidió demasiadas veces en poco tiempo.
    DemasiadoFrecuente,
    /// Los datos se entienden, pero se refieren a algo que no existe.
    NoProcesable,
    /// Otra operación ocupa los datos; vale la pena repetir.
    Ocupado,
    /// No hay recursos o falta una dependencia; vale la pena repetir.
    NoDisponible,
    /// Un defecto nuestro.
    Interno,
}

impl Clase {
    const TODAS: [(Self, &'static str); 10] = [
        (Self::Invalido, "invalido"),
        (Self::NoAutenticado, "no-autenticado"),
        (Self::NoEncontrado, "no-encontrado"),
        (Self::Conflicto, "conflicto"),
        (Self::Caducado, "caducado"),
        (Self::DemasiadoFrecuente, "demasiado-frecuente"),
        (Self::NoProcesable, "no-procesable"),
        (Self::Ocupado, "ocupado"),
        (Self::NoDisponible, "no-disponible"),
        (Self::Interno, "interno"),
    ];

    /// El nombre con que se guarda.
    #[must_use]
    pub fn nombre(self) -> &'static str {
        Self::TODAS.iter().find(|(clase, _)| *clase == self).map_or("interno", |(_, nombre)| nombre)
    }

    /// La clase de ese nombre; uno que no se conoce es un defecto.
    #[must_use]
    pub fn de_nombre(nombre: &str) -> Self {
        Self::TODAS.iter().find(|(_, conocido)| *conocido == nombre).map_or(Self::Interno, |(clase, _)| *clase)
    }
}

/// Una negativa con su motivo: lo único que un módulo necesita saber del error de otro.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{mensaje}")]
pub struct Rechazo {
    /// De qué clase es.
    pub clase: Clase,
    /// Nombre estable del problema, en minúsculas y con guiones.
    pub codigo: Cow<'static, str>,
    /// La regla de negocio incumplida, si la hay.
    pub regla: Option<Cow<'static, str>>,
    /// El motivo, dicho para el cliente.
    pub mensaje: String,
    /// JSON Pointer del dato que lo causó, si lo causó un dato.
    pub puntero: Option<String>,
    /// Cuánto conviene esperar antes de repetir, en segundos, si se sabe.
    pub espera: Option<u64>,
}

impl Rechazo {
    /// Un rechazo sin regla ni puntero.
    pub fn nuevo(clase: Clase, codigo: &'static str, mensaje: impl Into<String>) -> Self {
        Self { clase, codigo: codigo.into(), regla: None, mensaje: mensaje.into(), puntero: None, espera: None }
    }

    /// Dice qué dato lo causó.
    #[must_use]
    pub fn en(mut self, puntero: impl Into<String>) -> Self {
        self.puntero = Some(puntero.into());
        self
    }

    /// Dice cuántos segundos conviene esperar antes de repetir.
    #[must_use]
    pub const fn tras(mut self, segundos: u64) -> Self {
        self.espera = Some(segundos);
        self
    }

    /// Dice qué regla lo causó.
    #[must_use]
    pub fn por_regla(mut self, regla: &'static str) -> Self {
        self.regla = Some(regla.into());
        self
    }
}

impl From<ReglaRota> for Rechazo {
    fn from(rota: ReglaRota) -> Self {
        Self {
            clase: Clase::Invalido,
            codigo: "regla-de-negocio".into(),
            regla: Some(rota.regla.into()),
            mensaje: rota.mensaje,
            puntero: Some(rota.puntero),
            espera: None,
        }
    }
}

impl From<&Falla> for Rechazo {
    fn from(falla: &Falla) -> Self {
        let (clase, codigo, mensaje) = match falla {
            Falla::Conflicto => (
                Clase::Conflicto,
                "conflicto-de-version",
                "Otra operación cambió antes los mismos datos. Léalos de nuevo y repita.",
            ),
            Falla::Duplicado { .. } => (Clase::Conflicto, "valor-duplicado", "Ya existe un valor igual."),
            Falla::YaRecibido => (Clase::Conflicto, "mensaje-repetido", "Ese mensaje ya se había recibido."),
            Falla::Bloqueada => {
                (Clase::Ocupado, "datos-bloqueados", "Otra operación tiene ocupados los datos. Repita en un momento.")
            }
            Falla::Interbloqueo => (
                Clase::Ocupado,
                "choque-de-operaciones",
                "La operación chocó con otras y se deshizo. Repita en un momento.",
            ),
            Falla::Saturada => {
                (Clase::NoDisponible, "servicio-saturado", "El servicio está saturado. Repita en un momento.")
            }
            Falla::PlazoVencido => (
                Clase::NoDisponible,
                "plazo-vencido",
                "La operación no terminó a tiempo y se deshizo. Repita en un momento.",
            ),
            Falla::Inaccesible(_) => (
                Clase::NoDisponible,
                "sin-base-de-datos",
                "No hay contacto con la base de datos; no se guardó nada. Repita en un momento.",
            ),
            Falla::Desconectada(_) => (
                Clase::NoDisponible,
                "sin-base-de-datos",
                "No hay contacto con la base de datos. Repita en un momento; la operación pudo haber quedado guardada.",
            ),
            Falla::Interna(_) => (Clase::Interno, "error-interno", "Ocurrió un error interno."),
        };
        Self::nuevo(clase, codigo, mensaje)
    }
}
