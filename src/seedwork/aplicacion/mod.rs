//! Puertos de la aplicación: mensajes, mediador, reacciones y unidad de trabajo.

pub mod actor;
pub mod causas;
pub mod contexto;
#[cfg(test)]
pub mod dobles;
pub mod idempotencia;
pub mod mediador;
pub mod medidas;
pub mod mensajes;
pub mod paginas;
pub mod reacciones;
pub mod recepcion;
pub mod rechazo;
pub mod resultados;
pub mod turnos;
pub mod unidad_trabajo;
