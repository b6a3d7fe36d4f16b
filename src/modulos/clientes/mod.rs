//! Módulo de clientes: usuarios que reservan. Esta es su fachada; sus capas son privadas.

mod aplicacion;
mod dominio;
mod infraestructura;

pub use aplicacion::comandos::*;
pub use aplicacion::dto::UsuarioVista;
pub use aplicacion::errores::ErrorClientes;
pub use aplicacion::puertos::{CifradoContrasenas, CodigosValidacion, EntregaCodigos, Ficha, FichasSesion};
pub use aplicacion::queries::*;
pub use aplicacion::reacciones::reacciones;
pub use dominio::codigo::CodigoIncorrecto;
pub use dominio::contrasena::Contrasena;
pub use dominio::email::Email;
pub use dominio::estado::EstadoUsuario;
pub use dominio::identificacion::Identificacion;
pub use dominio::usuario::{DatosUsuario, IdUsuario};
pub use infraestructura::administradores::{ErrorAdministradores, conceder_administracion, retirar_administracion};
pub use infraestructura::fichas::{Fichas, PlazosFichas};
pub use infraestructura::rutas::rutas;
pub use infraestructura::schema::v1::eventos::{CargaUsuario, TIPOS as TIPOS_EVENTOS, topico as topico_eventos};
pub use infraestructura::servicios::{EntregaPorConsola, EntregaPorEvento, ServiciosClientes};
