//! Consultas de usuarios y el puerto de lectura que necesitan.

mod autenticar_usuario;
mod listar_usuarios;
mod obtener_usuario;
mod reservas_de_usuario;

use std::future::Future;

pub use autenticar_usuario::AutenticarUsuario;
pub use listar_usuarios::ListarUsuarios;
pub use obtener_usuario::{ClaveUsuario, ObtenerUsuario};
pub use reservas_de_usuario::{ReservaDeUsuario, ReservasDeUsuario};

use super::dto::UsuarioVista;
use crate::modulos::clientes::dominio::contrasena::ContrasenaCifrada;
use crate::modulos::clientes::dominio::email::Email;
use crate::modulos::clientes::dominio::usuario::{EstadoUsuario, IdUsuario};
use crate::seedwork::aplicacion::paginas::Pedido;
use crate::seedwork::dominio::repositorios::Falla;

/// Lo que las consultas de usuarios leen.
pub trait ConsultasUsuarios: Send + Sync {
    /// Un usuario por su identidad o su e-mail.
    fn usuario(&self, clave: &ClaveUsuario) -> impl Future<Output = Result<Option<UsuarioVista>, Falla>> + Send;

    /// Los usuarios, de todos los estados o de uno, del más nuevo al más viejo: uno más que el límite, si los hay.
    fn usuarios(
        &self,
        estado: Option<EstadoUsuario>,
        pedido: Pedido,
    ) -> impl Future<Output = Result<Vec<UsuarioVista>, Falla>> + Send;

    /// Las reservas de un usuario, de la más nueva a la más vieja: una más que el límite, si las hay.
    fn reservas(
        &self,
        id: IdUsuario,
        pedido: Pedido,
    ) -> impl Future<Output = Result<Vec<ReservaDeUsuario>, Falla>> + Send;

    /// Con qué se autentica el usuario activo de ese e-mail.
    fn credencial(&self, email: &Email) -> impl Future<Output = Result<Option<Credencial>, Falla>> + Send;
}

/// Con qué se autentica un usuario.
pub struct Credencial {
    /// El usuario.
    pub id: IdUsuario,
    /// Su contraseña cifrada.
    pub contrasena: ContrasenaCifrada,
}
