//! Un PostgreSQL real que este proceso arranca, vigila y detiene, para ejecutar el servicio
//! sin instalar ni administrar una base de datos aparte.

mod binarios;
mod carpeta;
mod conexion;
mod cumulo;
mod descarga;
mod errores;
mod postmaster;
mod servidor;
mod superviviente;
mod usuario;
mod zocalo;

pub use carpeta::carpeta_por_defecto;
pub use errores::ErrorPostgres;
pub use servidor::{Acceso, PostgresEmbebido};
