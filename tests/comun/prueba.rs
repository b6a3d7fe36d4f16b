//! Un servicio con su base.

use super::BaseDePrueba;
use super::servicio::Servicio;

/// Un servicio y su base de datos. El servicio va primero: se suelta antes que la base.
pub struct Prueba {
    pub servicio: Servicio,
    pub base: BaseDePrueba,
}

impl Prueba {
    pub async fn nueva() -> Self {
        Self::con(&[]).await
    }

    /// Con esas variables de entorno además de las necesarias.
    pub async fn con(entorno: &[(&str, &str)]) -> Self {
        let base = BaseDePrueba::vacia().await;
        Self { servicio: Servicio::arrancar(&base, entorno).await, base }
    }
}
