//! La consulta `ListarReservas`: todas, canceladas, sin pagar, de un cliente, o las que cumplan varias cosas.

use crate::modulos::vuelos::aplicacion::dto::ReservaResumen;
use crate::modulos::vuelos::aplicacion::errores::ErrorVuelos;
use crate::modulos::vuelos::aplicacion::puertos::ConsultasReservas;
use crate::modulos::vuelos::dominio::reserva::{EstadoReserva, IdCliente};
use crate::seedwork::aplicacion::mensajes::{HandlerQuery, Query};
use crate::seedwork::aplicacion::paginas::{Cursor, Pagina, Pedido};

/// Qué reservas se quieren. Cada condición que falta no filtra; las demás se suman.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FiltroReservas {
    /// Las que están en ese estado.
    pub estado: Option<EstadoReserva>,
    /// Las pagadas (también las ya aprobadas) o las que siguen sin pagar (pendientes).
    pub pagada: Option<bool>,
    /// Las de ese cliente.
    pub id_cliente: Option<IdCliente>,
}

/// Una página de reservas, de la más nueva a la más vieja.
#[derive(Debug, Clone, Copy)]
pub struct ListarReservas {
    /// Qué reservas.
    pub filtro: FiltroReservas,
    /// Qué página.
    pub pedido: Pedido,
}

impl Query for ListarReservas {
    const NOMBRE: &'static str = "ListarReservas";
    type Resultado = Pagina<ReservaResumen>;
    type Error = ErrorVuelos;
}

impl<L: ConsultasReservas> HandlerQuery<L> for ListarReservas {
    async fn responder(self, lector: &mut L) -> Result<Pagina<ReservaResumen>, ErrorVuelos> {
        let leidas = lector.lista(self.filtro, self.pedido).await?;
        Ok(Pagina::de(leidas, self.pedido.limite, |r| Cursor { fecha: r.fecha_creacion, id: r.id.into() }))
    }
}
