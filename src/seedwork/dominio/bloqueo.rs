//! Los bloqueos entre los que elige quien lee; los toma cada `infraestructura/repositorios.rs`.

/// Cómo se protege de los demás lo que se lee para cambiarlo. Lo elige quien lee (paso 6 del tutorial).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bloqueo {
    /// La fila queda bloqueada (`SELECT … FOR UPDATE`) hasta el fin de la unidad de trabajo.
    Pesimista,
    /// Quien lee no espera a nadie; si otra transacción la cambió entretanto, guardar falla con
    /// [`Falla::Conflicto`](super::repositorios::Falla::Conflicto).
    Optimista,
}
