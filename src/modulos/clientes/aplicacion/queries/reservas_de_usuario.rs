//! La consulta `ReservasDeUsuario`: qué reservas tiene; cómo son lo sabe el módulo de vuelos.

use time::OffsetDateTime;
use uuid::Uuid;

use super::ClaveUsuario;
use crate::modulos::clientes::aplicacion::errores::ErrorClientes;
use crate::modulos::clientes::aplicacion::puertos::ConsultasUsuarios;
use crate::modulos::clientes::dominio::usuario::IdUsuario;
use crate::seedwork::aplicacion::mensajes::{HandlerQuery, Query};
use crate::seedwork::aplicacion::paginas::{Cursor, Pagina, Pedido};

/// Una reserva de un usuario.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReservaDeUsuario {
    /// La reserva, que es de otro módulo.
    pub id_reserva: Uuid,
    /// Cuándo se creó.
    pub fecha_creacion: OffsetDateTime,
}

/// Una página de las reservas de un usuario, de la más nueva a la más vieja.
#[derive(Debug, Clone, Copy)]
pub struct ReservasDeUsuario {
    /// El usuario.
    pub id: IdUsuario,
    /// Qué página.
    pub pedido: Pedido,
}

impl Query for ReservasDeUsuario {
    const NOMBRE: &'static str = "ReservasDeUsuario";
    type Resultado = Pagina<ReservaDeUsuario>;
    type Error = ErrorClientes;
}

impl<L: ConsultasUsuarios> HandlerQuery<L> for ReservasDeUsuario {
    async fn responder(self, lector: &mut L) -> Result<Pagina<ReservaDeUsuario>, ErrorClientes> {
        let usuario = lector.usuario(&ClaveUsuario::Id(self.id)).await?;
        usuario.ok_or(ErrorClientes::UsuarioNoExiste(self.id))?;
        let leidas = lector.reservas(self.id, self.pedido).await?;
        Ok(Pagina::de(leidas, self.pedido.limite, |r| Cursor { fecha: r.fecha_creacion, id: r.id_reserva }))
    }
}
