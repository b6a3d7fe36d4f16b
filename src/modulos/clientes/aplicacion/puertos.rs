//! Lo que los casos de uso de los usuarios piden fuera del dominio.

use std::future::Future;
use std::time::Duration;

use secrecy::SecretString;
use time::OffsetDateTime;
use uuid::Uuid;

use super::dto::UsuarioVista;
use super::queries::{ClaveUsuario, Portador, ReservaDeUsuario};
use crate::modulos::clientes::dominio::codigo::CodigoEmitido;
use crate::modulos::clientes::dominio::contrasena::{Contrasena, ContrasenaCifrada};
use crate::modulos::clientes::dominio::email::Email;
use crate::modulos::clientes::dominio::estado::EstadoUsuario;
use crate::modulos::clientes::dominio::eventos::UsuarioBorrado;
use crate::modulos::clientes::dominio::usuario::{IdUsuario, Usuario};
use crate::seedwork::aplicacion::paginas::Pedido;
use crate::seedwork::dominio::repositorios::{Falla, Repositorio};

/// Cifra y compara contraseñas.
pub trait CifradoContrasenas: Send + Sync {
    /// Cifra una contraseña con una sal nueva.
    ///
    /// # Errors
    /// [`Falla::Interna`].
    fn cifrar(&self, contrasena: Contrasena) -> impl Future<Output = Result<ContrasenaCifrada, Falla>> + Send;

    /// Si la contraseña es la cifrada. Sin cifrada responde que no, y tarda lo mismo.
    ///
    /// # Errors
    /// [`Falla::Interna`].
    fn coincide(
        &self,
        contrasena: Contrasena,
        cifrada: Option<ContrasenaCifrada>,
    ) -> impl Future<Output = Result<bool, Falla>> + Send;
}

/// El código con que un usuario confirma su registro. Se calcula: no se guarda ni viaja en ningún mensaje.
pub trait CodigosValidacion: Send + Sync {
    /// El código de ese usuario que se emite en ese momento; en otro momento es otro.
    fn codigo(&self, id: IdUsuario, emitido_en: OffsetDateTime) -> String;

    /// Si el código es el suyo; la comparación tarda lo mismo acierte o no.
    fn es_su_codigo(&self, id: IdUsuario, emitido_en: OffsetDateTime, codigo: &str) -> bool;

    /// Cuánto vale un código desde que se emite.
    fn vigencia(&self) -> Duration;
}

/// Hace llegar el código a su usuario. Puede entregarlo más de una vez; nunca a un usuario que no sea el suyo.
pub trait EntregaCodigos: Send + Sync {
    /// Entrega el código.
    ///
    /// # Errors
    /// [`Falla::Interna`] si no se pudo; entonces no hay registro, o sigue valiendo el código anterior.
    fn entregar(&self, id: IdUsuario, codigo: &str) -> Result<(), Falla>;
}

/// Los usuarios y las reservas que cada uno tiene.
pub trait RepositorioUsuarios: Repositorio<Usuario> {
    /// Anota que la reserva es del usuario, para escribirlo al confirmar.
    fn anotar_reserva(&mut self, reserva: ReservaAnotada) -> impl Future<Output = Result<(), Falla>> + Send;

    /// Anota que se borren el usuario y su lista de reservas, y el evento que lo cuenta, para escribirlo al confirmar.
    ///
    /// # Errors
    /// Las del almacén, cuando antes hay que escribir lo que ya estaba anotado del mismo usuario.
    fn borrar(&mut self, borrado: UsuarioBorrado) -> impl Future<Output = Result<(), Falla>> + Send;
}

/// Una reserva en la lista de un usuario.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReservaAnotada {
    /// El usuario.
    pub id_usuario: IdUsuario,
    /// La reserva, que es de otro módulo.
    pub id_reserva: Uuid,
    /// Cuándo se creó la reserva.
    pub fecha_creacion: OffsetDateTime,
}

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

    /// El usuario de esa identidad, si está activo, y lo que puede.
    fn activo(&self, id: IdUsuario) -> impl Future<Output = Result<Option<Portador>, Falla>> + Send;

    /// Con qué se valida un usuario, esté como esté.
    fn por_validar(&self, id: IdUsuario) -> impl Future<Output = Result<Option<PorValidar>, Falla>> + Send;

    /// Con qué se autentica el usuario activo de ese e-mail.
    fn credencial(&self, email: &Email) -> impl Future<Output = Result<Option<Credencial>, Falla>> + Send;
}

/// Emite y reconoce fichas de sesión (*bearer tokens*, RFC 6750), las mismas en todas las instancias.
pub trait FichasSesion: Send + Sync {
    /// Una ficha nueva para ese usuario.
    ///
    /// # Errors
    /// Las del almacén.
    fn emitir(&self, usuario: IdUsuario) -> impl Future<Output = Result<Ficha, Falla>> + Send;

    /// De quién es una ficha, si es nuestra y no ha caducado. No dice si ese usuario sigue activo.
    ///
    /// # Errors
    /// Las del almacén.
    fn portador(&self, ficha: &str) -> impl Future<Output = Result<Option<IdUsuario>, Falla>> + Send;
}

/// Una ficha de sesión.
#[derive(Debug)]
pub struct Ficha {
    /// Lo que presenta quien la lleva.
    pub texto: SecretString,
    /// Hasta cuándo vale.
    pub caduca_en: OffsetDateTime,
}

/// Con qué se valida un usuario.
pub struct PorValidar {
    /// Adónde se le escribe.
    pub email: String,
    /// El código con que se confirma su registro.
    pub codigo: CodigoEmitido,
    /// Su estado.
    pub estado: EstadoUsuario,
}

/// Con qué se autentica un usuario.
pub struct Credencial {
    /// El usuario.
    pub id: IdUsuario,
    /// Su contraseña cifrada.
    pub contrasena: ContrasenaCifrada,
}
