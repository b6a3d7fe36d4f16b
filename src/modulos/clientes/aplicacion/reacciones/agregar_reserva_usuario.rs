//! La reacción `AgregarReservaUsuario`: una reserva con cliente sólo existe si el cliente puede tenerla.

use crate::modulos::clientes::aplicacion::puertos::{RepositorioUsuarios, ReservaAnotada};
use crate::modulos::clientes::dominio::usuario::IdUsuario;
use crate::modulos::vuelos::ReservaCreada;
use crate::seedwork::aplicacion::reacciones::{Negativa, Reaccion};
use crate::seedwork::aplicacion::rechazo::{Clase, Rechazo};
use crate::seedwork::dominio::bloqueo::Bloqueo;

/// Bloquea al usuario, comprueba que existe y está activo, y anota la reserva en su lista.
pub struct AgregarReservaUsuario;

impl<U: RepositorioUsuarios> Reaccion<ReservaCreada, U> for AgregarReservaUsuario {
    async fn reaccionar(ReservaCreada(hecho): &ReservaCreada, udt: &mut U) -> Result<(), Negativa> {
        let Some(cliente) = hecho.id_cliente else { return Ok(()) };
        let id_usuario = IdUsuario(cliente.into());
        let usuario = udt.obtener(id_usuario, Bloqueo::Pesimista).await?.ok_or_else(|| no_existe(id_usuario))?;
        if !usuario.esta_activo() {
            return Err(desactivado(id_usuario).into());
        }
        let (id_reserva, fecha_creacion) = (hecho.id_reserva.into(), hecho.fecha_creacion);
        Ok(udt.anotar_reserva(ReservaAnotada { id_usuario, id_reserva, fecha_creacion }).await?)
    }
}

fn no_existe(id: IdUsuario) -> Rechazo {
    Rechazo::nuevo(Clase::NoProcesable, "cliente-no-existe", format!("No existe el cliente {id}"))
        .por_regla("ClienteExiste")
        .en("/id_cliente")
}

fn desactivado(id: IdUsuario) -> Rechazo {
    Rechazo::nuevo(Clase::Conflicto, "cliente-desactivado", format!("El cliente {id} está desactivado"))
        .por_regla("ClienteActivo")
        .en("/id_cliente")
}
