//! Cómo llegan a los handlers los servicios que no son repositorios.

/// Quien lleva consigo los servicios con que se compuso el programa: la unidad de trabajo y el lector.
///
/// Cada módulo implementa sus puertos para cualquiera que lleve los suyos; así el compilador comprueba que
/// `arranque` los compuso todos, y `seedwork` no conoce ninguno.
pub trait ConServicios: Send + Sync {
    /// Los servicios compuestos.
    type Servicios: Send + Sync;

    /// Los servicios compuestos.
    fn servicios(&self) -> &Self::Servicios;
}
