//! Comandos y consultas como tipos, y sus handlers, que el compilador encuentra.

use std::future::Future;

use super::reacciones::Negativa;
use super::rechazo::Rechazo;
use crate::seedwork::dominio::repositorios::Falla;

/// Una orden de cambiar algo. Se cumple entera o no cambia nada.
///
/// Es `Clone` porque un interbloqueo la repite desde el principio.
pub trait Comando: Clone + Send + Sync + 'static {
    /// Su identidad fuera del proceso: sobrevive a un cambio de nombre del tipo.
    const NOMBRE: &'static str;
    /// Lo que queda al cumplirla.
    type Salida: Send + 'static;
    /// El error de su módulo.
    type Error: ErrorModulo;
}

/// Quien cumple un comando dentro de una unidad de trabajo `U`.
///
/// Cada implementación pide a `U` justo lo que usa (repositorios, servicios): el compilador resuelve el
/// resto, y en las pruebas `U` es un doble de pocas líneas.
#[diagnostic::on_unimplemented(
    message = "`{Self}` no tiene un Handler para la unidad de trabajo `{U}`",
    label = "falta `impl<U: …> Handler<U> for {Self}`, o `{U}` no cumple lo que ese handler pide"
)]
pub trait Handler<U>: Comando {
    /// Cumple el comando. No confirma: de eso se encarga el mediador.
    ///
    /// # Errors
    /// Los de su módulo; con cualquiera de ellos no queda nada guardado.
    fn manejar(self, udt: &mut U) -> impl Future<Output = Result<Self::Salida, Self::Error>> + Send;
}

/// Una pregunta: no cambia nada.
pub trait Query: Send + Sync + 'static {
    /// Nombre para los registros.
    const NOMBRE: &'static str;
    /// La respuesta.
    type Resultado: Send + 'static;
    /// El error de su módulo.
    type Error: ErrorModulo;
}

/// Quien responde una consulta con un lector `L`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` no tiene un HandlerQuery para el lector `{L}`",
    label = "falta `impl<L: …> HandlerQuery<L> for {Self}`, o `{L}` no cumple lo que ese handler pide"
)]
pub trait HandlerQuery<L>: Query {
    /// Responde la consulta.
    ///
    /// # Errors
    /// Los de su módulo.
    fn responder(self, lector: &mut L) -> impl Future<Output = Result<Self::Resultado, Self::Error>> + Send;
}

/// El error de un módulo: se puede crear desde lo que otros le digan y se puede explicar hacia fuera.
pub trait ErrorModulo: std::error::Error + From<Falla> + From<Rechazo> + Send + 'static {
    /// La falla técnica que hay debajo, si es eso lo que ocurrió.
    fn falla(&self) -> Option<&Falla>;

    /// La explicación para quien lo pidió.
    fn rechazo(&self) -> Rechazo;

    /// La falla técnica o, si no es eso lo que ocurrió, la explicación.
    ///
    /// # Errors
    /// El rechazo.
    fn en_falla(self) -> Result<Falla, Rechazo>;

    /// El error de este módulo por el que otro no dejó seguir.
    fn de_negativa(negativa: Negativa) -> Self
    where
        Self: Sized,
    {
        match negativa {
            Negativa::Rechazo(rechazo) => rechazo.into(),
            Negativa::Falla(falla) => falla.into(),
        }
    }
}
