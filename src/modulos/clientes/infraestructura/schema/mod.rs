//! Los mensajes de usuarios tal como viajan, por versiones.

pub mod v1;
