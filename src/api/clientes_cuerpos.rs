//! Los cuerpos de los usuarios: lo que se recibe y lo que se responde.

use serde::{Deserialize, Serialize};
use time::Date;
use utoipa::ToSchema;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::fechas::{Dia, Fecha};
use super::opcional;
use crate::modulos::clientes::{Contrasena, DatosUsuario, Email, Identificacion, UsuarioVista};
use crate::seedwork::dominio::objetos_valor::Texto;
use crate::seedwork::dominio::reglas::ReglaRota;

/// Un usuario por registrar.
#[derive(Deserialize, ToSchema)]
#[schema(example = json!({"nombres": "Ana María", "apellidos": "Pérez", "email": "ana@ejemplo.co",
    "password": "correcta-y-larga", "es_empresarial": false, "cedula": "1020304050", "fecha_nacimiento": "1990-05-17"}))]
pub struct CuerpoUsuario {
    #[schema(example = "Ana María", max_length = 255)]
    nombres: String,
    #[schema(example = "Pérez", max_length = 255)]
    apellidos: String,
    /// Único entre todos los usuarios, sin distinguir mayúsculas.
    #[schema(example = "ana@ejemplo.co", format = Email, max_length = 255)]
    email: String,
    #[schema(example = "correcta-y-larga", value_type = String, format = Password, min_length = 8, max_length = 128)]
    password: Secreto,
    /// Si es una empresa.
    es_empresarial: bool,
    /// De una persona.
    #[serde(default, deserialize_with = "opcional::texto")]
    #[schema(max_length = 255)]
    cedula: Option<String>,
    /// De una persona.
    fecha_nacimiento: Option<Dia>,
    /// De una empresa.
    #[serde(default, deserialize_with = "opcional::texto")]
    #[schema(max_length = 255)]
    rut: Option<String>,
    /// De una empresa.
    fecha_constitucion: Option<Dia>,
}

/// Un texto que se borra de la memoria al soltarlo.
#[derive(Deserialize)]
#[serde(transparent)]
pub struct Secreto(Zeroizing<String>);

impl CuerpoUsuario {
    /// Los datos y la contraseña, comprobados.
    ///
    /// # Errors
    /// La primera regla rota, con el puntero del dato.
    pub fn comprobar(self, hoy: Date) -> Result<(DatosUsuario, Contrasena), ReglaRota> {
        let nombres = Texto::obligatorio(self.nombres).map_err(|rota| rota.en("nombres"))?;
        let apellidos = Texto::obligatorio(self.apellidos).map_err(|rota| rota.en("apellidos"))?;
        let email = Email::nuevo(self.email).map_err(|rota| rota.en("email"))?;
        let contrasena = Contrasena::nueva(self.password.0).map_err(|rota| rota.en("password"))?;
        let persona = (self.cedula, self.fecha_nacimiento.map(|dia| dia.0));
        let empresa = (self.rut, self.fecha_constitucion.map(|dia| dia.0));
        let identificacion = Identificacion::nueva(self.es_empresarial, persona, empresa, hoy)?;
        Ok((DatosUsuario { nombres, apellidos, email, identificacion }, contrasena))
    }
}

/// El código de validación que recibió el usuario.
#[derive(Deserialize, ToSchema)]
pub struct CuerpoValidacion {
    #[schema(example = "K7WQ2MXR4D")]
    pub codigo: String,
}

/// Las credenciales de un usuario.
#[derive(Deserialize, ToSchema)]
pub struct CuerpoSesion {
    #[schema(example = "ana@ejemplo.co")]
    email: String,
    #[schema(example = "correcta-y-larga", value_type = String, format = Password)]
    password: Secreto,
}

impl CuerpoSesion {
    /// Las credenciales; lo que no tiene la forma debida no es de nadie.
    pub fn credenciales(self) -> (Option<Email>, Option<Contrasena>) {
        (Email::nuevo(self.email).ok(), Contrasena::nueva(self.password.0).ok())
    }
}

/// Un usuario.
#[derive(Serialize, ToSchema)]
pub struct RespuestaUsuario {
    id: Uuid,
    nombres: String,
    apellidos: String,
    email: String,
    es_empresarial: bool,
    #[schema(value_type = EstadoDeUsuario)]
    estado: &'static str,
    fecha_creacion: Fecha,
    fecha_actualizacion: Fecha,
}

/// En qué punto de su vida está un usuario.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "sólo existe para la especificación; los nombres los da el dominio")]
pub enum EstadoDeUsuario {
    Registrado,
    Validado,
    Desactivado,
}

impl RespuestaUsuario {
    /// Qué usuario es.
    pub const fn id(&self) -> Uuid {
        self.id
    }
}

impl From<UsuarioVista> for RespuestaUsuario {
    fn from(usuario: UsuarioVista) -> Self {
        Self {
            id: usuario.id.into(),
            nombres: usuario.nombres,
            apellidos: usuario.apellidos,
            email: usuario.email,
            es_empresarial: usuario.es_empresarial,
            estado: usuario.estado.nombre(),
            fecha_creacion: Fecha(usuario.fecha_creacion),
            fecha_actualizacion: Fecha(usuario.fecha_actualizacion),
        }
    }
}
