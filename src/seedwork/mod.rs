//! Lo que comparten los módulos: bloques del dominio, puertos de la aplicación y su infraestructura.

pub mod aplicacion;
pub mod dominio;
pub mod infraestructura;
