//! La consulta `ObtenerCodigoPorEntregar`: a quién hay que hacerle llegar un código de validación, y cuál.

use secrecy::SecretString;
use time::OffsetDateTime;

use crate::modulos::clientes::aplicacion::errores::ErrorClientes;
use crate::modulos::clientes::aplicacion::puertos::{CodigosValidacion, ConsultasUsuarios};
use crate::modulos::clientes::dominio::estado::EstadoUsuario;
use crate::modulos::clientes::dominio::usuario::IdUsuario;
use crate::seedwork::aplicacion::mensajes::{HandlerQuery, Query};

/// El código de un usuario que todavía le sirve, o nada: si ya no existe, no está recién registrado, o su código
/// caducó o se agotó.
#[derive(Debug, Clone, Copy)]
pub struct ObtenerCodigoPorEntregar {
    /// El usuario.
    pub id: IdUsuario,
}

/// Un código y a quién hacerlo llegar.
pub struct CodigoPorEntregar {
    /// El e-mail de su usuario.
    pub email: String,
    /// El código que vale ahora.
    pub codigo: SecretString,
    /// Hasta cuándo vale.
    pub vence_en: OffsetDateTime,
}

impl Query for ObtenerCodigoPorEntregar {
    const NOMBRE: &'static str = "ObtenerCodigoPorEntregar";
    type Resultado = Option<CodigoPorEntregar>;
    type Error = ErrorClientes;
}

impl<L: ConsultasUsuarios + CodigosValidacion> HandlerQuery<L> for ObtenerCodigoPorEntregar {
    async fn responder(self, lector: &mut L) -> Result<Option<CodigoPorEntregar>, ErrorClientes> {
        let Some(usuario) = lector.por_validar(self.id).await? else { return Ok(None) };
        let (emitido, vigencia) = (usuario.codigo, lector.vigencia());
        let vale = emitido.admitir_intento(vigencia, OffsetDateTime::now_utc()).is_ok();
        if usuario.estado != EstadoUsuario::Registrado || !vale {
            return Ok(None);
        }
        let codigo = lector.codigo(self.id, emitido.emitido_en).into();
        Ok(Some(CodigoPorEntregar { email: usuario.email, codigo, vence_en: emitido.emitido_en + vigencia }))
    }
}
