//! Los mensajes de reservas tal como viajan, por versiones.

pub mod v1;
