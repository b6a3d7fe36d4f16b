//! La consulta `EmitirFicha`.

use crate::modulos::clientes::aplicacion::errores::ErrorClientes;
use crate::modulos::clientes::aplicacion::puertos::{Ficha, FichasSesion};
use crate::modulos::clientes::dominio::usuario::IdUsuario;
use crate::seedwork::aplicacion::mensajes::{HandlerQuery, Query};

/// Una ficha para quien acaba de autenticarse. De los usuarios no cambia nada.
#[derive(Debug, Clone, Copy)]
pub struct EmitirFicha {
    /// El usuario, ya autenticado.
    pub id: IdUsuario,
}

impl Query for EmitirFicha {
    const NOMBRE: &'static str = "EmitirFicha";
    type Resultado = Ficha;
    type Error = ErrorClientes;
}

impl<L: FichasSesion + Send> HandlerQuery<L> for EmitirFicha {
    async fn responder(self, lector: &mut L) -> Result<Ficha, ErrorClientes> {
        Ok(lector.emitir(self.id).await?)
    }
}
