//! Propiedades de las reservas: la máquina de estados hace lo que dice un modelo más simple que ella, y las reglas también.

use proptest::collection::vec;
use proptest::prelude::*;
use time::{Duration, OffsetDateTime};

use super::eventos::EventoReserva;
use super::itinerario::pruebas::itinerarios;
use super::itinerario::{Aeropuerto, Leg, Segmento};
use super::reserva::{IdCliente, IdReserva, Reserva};
use crate::seedwork::dominio::entidades::AgregacionRaiz;

const INICIO: OffsetDateTime = time::macros::datetime!(2026-11-24 10:00 UTC);

/// A qué estado lleva cada orden, si lo permite.
fn modelo(estado: &str, orden: &str) -> Option<&'static str> {
    match (estado, orden) {
        ("pendiente", "pagar") => Some("pagada"),
        ("pagada", "aprobar") => Some("aprobada"),
        ("pendiente" | "pagada" | "aprobada", "cancelar") => Some("cancelada"),
        _ => None,
    }
}

/// El nombre y el contenido de un evento.
fn contar(evento: EventoReserva) -> (&'static str, super::eventos::HechoReserva) {
    match evento {
        EventoReserva::Creada(evento) => ("pendiente", evento.0),
        EventoReserva::Pagada(evento) => ("pagada", evento.0),
        EventoReserva::Aprobada(evento) => ("aprobada", evento.0),
        EventoReserva::Cancelada(evento) => ("cancelada", evento.0),
    }
}

fn leg(origen: usize, destino: usize, salida: i64, llegada: i64) -> Option<Leg> {
    let aeropuerto = |cual: usize| Aeropuerto::nuevo(["BOG", "JFK", "MIA"][cual], "").unwrap();
    let a = |minutos| INICIO + Duration::minutes(minutos);
    Leg::nuevo(a(salida), a(llegada), aeropuerto(origen), aeropuerto(destino)).ok()
}

proptest! {
    #[test]
    fn una_reserva_hace_lo_que_dice_su_modelo(
        ordenes in vec((proptest::sample::select(vec!["pagar", "aprobar", "cancelar"]), -100_i64..100), 0..12),
        con_cliente in any::<bool>(),
    ) {
        let (id, cliente) = (IdReserva::nueva(), con_cliente.then(IdCliente::nueva));
        let mut reserva = Reserva::crear(id, cliente, itinerarios(), INICIO);
        let (mut estado, mut actualizada, mut anotados) = ("pendiente", INICIO, vec!["pendiente"]);
        for (orden, minutos) in ordenes {
            let ahora = INICIO + Duration::minutes(minutos);
            let resultado = match orden {
                "pagar" => reserva.pagar(ahora),
                "aprobar" => reserva.aprobar(ahora),
                _ => reserva.cancelar(ahora),
            };
            prop_assert_eq!(resultado.is_ok(), modelo(estado, orden).is_some(), "{} desde {}", orden, estado);
            if let Some(nuevo) = modelo(estado, orden) {
                (estado, actualizada) = (nuevo, actualizada.max(ahora));
                anotados.push(nuevo);
            }
            prop_assert_eq!((reserva.estado().nombre(), reserva.fecha_actualizacion()), (estado, actualizada));
        }
        let eventos: Vec<_> = reserva.tomar_eventos().into_iter().map(contar).collect();
        prop_assert_eq!(eventos.iter().map(|(nombre, _)| *nombre).collect::<Vec<_>>(), anotados);
        for (nombre, hecho) in &eventos {
            prop_assert_eq!((hecho.id_reserva, hecho.id_cliente, hecho.estado.nombre()), (id, cliente, *nombre));
        }
        prop_assert!(eventos.is_sorted_by_key(|(_, hecho)| hecho.fecha_actualizacion));
        prop_assert!(reserva.tomar_eventos().is_empty());
    }

    #[test]
    fn un_segmento_se_admite_si_sus_vuelos_se_conectan_y_se_suceden(
        vuelos in vec((0_usize..3, 0_usize..3, -50_i64..50, -50_i64..50), 0..5)
    ) {
        let legs: Vec<_> = vuelos.iter().filter_map(|(o, d, s, l)| leg(*o, *d, *s, *l)).collect();
        prop_assert!(vuelos.iter().all(|(o, d, s, l)| leg(*o, *d, *s, *l).is_some() == (o != d && s < l)));
        let vale = |par: &[Leg]| {
            par[0].destino() == par[1].origen() && par[0].fecha_llegada() <= par[1].fecha_salida()
        };
        let bueno = !legs.is_empty() && legs.windows(2).all(vale);
        prop_assert_eq!(Segmento::nuevo(legs).is_ok(), bueno);
    }

    #[test]
    fn un_codigo_son_tres_o_cuatro_letras_y_queda_en_mayusculas(codigo in "[A-Za-z]{2,5}|.{0,5}") {
        let letras = codigo.chars().all(|c| c.is_ascii_alphabetic());
        match Aeropuerto::nuevo(&codigo, "") {
            Ok(aeropuerto) => prop_assert_eq!(aeropuerto.codigo(), codigo.to_uppercase()),
            Err(_) => prop_assert!(!letras || !(3..=4).contains(&codigo.chars().count())),
        }
    }
}
