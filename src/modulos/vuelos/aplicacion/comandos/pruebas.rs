//! Los comandos de reservas sobre un doble de la unidad de trabajo.

use super::{AprobarReserva, CancelarReserva, CrearReserva, PagarReserva};
use crate::modulos::vuelos::aplicacion::errores::ErrorVuelos;
use crate::modulos::vuelos::dominio::eventos::EventoReserva;
use crate::modulos::vuelos::dominio::itinerario::pruebas::itinerarios;
use crate::modulos::vuelos::dominio::reserva::{EstadoReserva, IdCliente, IdReserva, Reserva};
use crate::seedwork::aplicacion::dobles::UdtDoble;
use crate::seedwork::aplicacion::mensajes::{ErrorModulo, Handler};
use crate::seedwork::aplicacion::rechazo::Clase;
use crate::seedwork::dominio::bloqueo::Bloqueo;
use crate::seedwork::dominio::entidades::AgregacionRaiz;

fn pendiente() -> Reserva {
    let mut reserva = Reserva::crear(IdReserva::nueva(), None, itinerarios(), time::OffsetDateTime::UNIX_EPOCH);
    reserva.tomar_eventos();
    reserva
}

#[tokio::test]
async fn crear_guarda_la_reserva_con_la_identidad_pedida_y_la_devuelve() {
    let mut udt = UdtDoble::con([]);
    let (id, id_cliente) = (IdReserva::nueva(), Some(IdCliente::nueva()));
    let creada = CrearReserva { id, id_cliente, itinerarios: itinerarios() }.manejar(&mut udt).await.unwrap();
    assert_eq!((creada.resumen.id, creada.resumen.id_cliente), (id, id_cliente));
    assert_eq!(
        (creada.resumen.estado, creada.resumen.fecha_creacion),
        (EstadoReserva::Pendiente, udt.contexto.momento)
    );
    assert!(matches!(&udt.guardados[..], [EventoReserva::Creada(evento)] if evento.0.id_reserva == id));
}

#[tokio::test]
async fn cada_transicion_bloquea_la_reserva_y_guarda_su_evento() {
    let reserva = pendiente();
    let id = reserva.id();
    let mut udt = UdtDoble::con([reserva]);
    let pagada = PagarReserva { id }.manejar(&mut udt).await.unwrap();
    assert_eq!(pagada.resumen.estado, EstadoReserva::Pagada);
    assert_eq!(udt.bloqueos, [Bloqueo::Pesimista]);
    assert!(matches!(udt.guardados[..], [EventoReserva::Pagada(_)]));

    let mut pagada = pendiente();
    pagada.pagar(udt.contexto.momento).unwrap();
    pagada.tomar_eventos();
    let id = pagada.id();
    let mut udt = UdtDoble::con([pagada]);
    assert_eq!(AprobarReserva { id }.manejar(&mut udt).await.unwrap().resumen.estado, EstadoReserva::Aprobada);
    assert_eq!(udt.bloqueos, [Bloqueo::Pesimista]);
    assert!(matches!(udt.guardados[..], [EventoReserva::Aprobada(_)]));

    let reserva = pendiente();
    let id = reserva.id();
    let mut udt = UdtDoble::con([reserva]);
    assert_eq!(CancelarReserva { id }.manejar(&mut udt).await.unwrap().resumen.estado, EstadoReserva::Cancelada);
    assert_eq!(udt.bloqueos, [Bloqueo::Pesimista]);
    assert!(matches!(udt.guardados[..], [EventoReserva::Cancelada(_)]));
}

#[tokio::test]
async fn lo_que_el_estado_no_permite_no_guarda_nada() {
    let reserva = pendiente();
    let id = reserva.id();
    let mut udt = UdtDoble::con([reserva]);
    let error = AprobarReserva { id }.manejar(&mut udt).await.unwrap_err();
    assert_eq!(error.rechazo().clase, Clase::Conflicto);
    assert_eq!(error.to_string(), "Una reserva pendiente no puede pasar a aprobada");
    assert!(udt.guardados.is_empty());
}

#[tokio::test]
async fn una_reserva_que_no_existe_se_dice() {
    let (mut udt, id) = (UdtDoble::con([]), IdReserva::nueva());
    let error = PagarReserva { id }.manejar(&mut udt).await.unwrap_err();
    assert!(matches!(error, ErrorVuelos::ReservaNoExiste(no_existe) if no_existe == id));
    assert_eq!(error.rechazo().clase, Clase::NoEncontrado);
}
