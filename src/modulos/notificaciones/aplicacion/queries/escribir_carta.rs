//! La consulta `EscribirCarta`: lo que dice un correo, con los datos de este momento.

use crate::modulos::clientes::{
    ClaveUsuario, EstadoUsuario, IdUsuario, ObtenerCodigoPorEntregar, ObtenerUsuario, UsuarioVista,
};
use crate::modulos::notificaciones::aplicacion::errores::ErrorNotificaciones;
use crate::modulos::notificaciones::aplicacion::puertos::Carta;
use crate::modulos::notificaciones::aplicacion::redaccion;
use crate::modulos::notificaciones::dominio::correo::{Asunto, CorreoPendiente, IdCorreo};
use crate::modulos::vuelos::{EstadoReserva, IdReserva, ObtenerReserva};
use crate::seedwork::aplicacion::mensajes::{ErrorModulo, HandlerQuery, Query};
use crate::seedwork::dominio::repositorios::Falla;

/// La carta de un correo, o nada si ya no hay a quién escribirle o ya no le sirve.
#[derive(Debug, Clone, Copy)]
pub struct EscribirCarta(pub CorreoPendiente);

impl Query for EscribirCarta {
    const NOMBRE: &'static str = "EscribirCarta";
    type Resultado = Option<Carta>;
    type Error = ErrorNotificaciones;
}

impl<L: Send> HandlerQuery<L> for EscribirCarta
where
    ObtenerCodigoPorEntregar: HandlerQuery<L>,
    ObtenerUsuario: HandlerQuery<L>,
    ObtenerReserva: HandlerQuery<L>,
{
    async fn responder(self, lector: &mut L) -> Result<Option<Carta>, ErrorNotificaciones> {
        let Self(CorreoPendiente { id, asunto, .. }) = self;
        match asunto {
            Asunto::Codigo(usuario) => {
                let consulta = ObtenerCodigoPorEntregar { id: IdUsuario(usuario) };
                let por_entregar = si_esta(consulta.responder(lector).await)?.flatten();
                Ok(por_entregar.map(|codigo| redaccion::codigo(id, &codigo)))
            }
            Asunto::Reserva(reserva) => confirmacion(lector, id, IdReserva(reserva)).await,
        }
    }
}

async fn confirmacion<L: Send>(
    lector: &mut L,
    id: IdCorreo,
    reserva: IdReserva,
) -> Result<Option<Carta>, ErrorNotificaciones>
where
    ObtenerUsuario: HandlerQuery<L>,
    ObtenerReserva: HandlerQuery<L>,
{
    let reserva = si_esta(ObtenerReserva { id: reserva }.responder(lector).await)?;
    // La que ya se canceló no se confirma.
    let vigente = reserva.filter(|reserva| reserva.resumen.estado != EstadoReserva::Cancelada);
    let Some(reserva) = vigente else { return Ok(None) };
    let Some(cliente) = reserva.resumen.id_cliente else { return Ok(None) };
    let consulta = ObtenerUsuario(ClaveUsuario::Id(IdUsuario(cliente.into())));
    let cliente = si_esta(consulta.responder(lector).await)?;
    let activo = cliente.filter(|usuario: &UsuarioVista| usuario.estado != EstadoUsuario::Desactivado);
    Ok(activo.map(|cliente| redaccion::reserva(id, &cliente, &reserva)))
}

/// Lo que se leyó; nada si el módulo dice que no está.
fn si_esta<T, E: ErrorModulo>(leido: Result<T, E>) -> Result<Option<T>, Falla> {
    match leido.map_err(E::en_falla) {
        Ok(leido) => Ok(Some(leido)),
        Err(Ok(falla)) => Err(falla),
        Err(Err(_)) => Ok(None),
    }
}
