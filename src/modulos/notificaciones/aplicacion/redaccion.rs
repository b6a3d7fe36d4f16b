//! Lo que dicen las cartas, en texto plano.
//!
//! A una dirección que nadie ha confirmado no va nada que haya escrito quien la dio: nadie puede usar este servicio para
//! hacer llegar un mensaje suyo a otro.

use std::fmt::Write;

use secrecy::ExposeSecret;
use time::macros::offset;
use time::{Month, OffsetDateTime};

use crate::modulos::clientes::{CodigoPorEntregar, EstadoUsuario, UsuarioVista};
use crate::modulos::notificaciones::aplicacion::puertos::Carta;
use crate::modulos::notificaciones::dominio::correo::IdCorreo;
use crate::modulos::vuelos::{Aeropuerto, Leg, Odo, ReservaDetalle, Segmento};

/// La carta con un código de validación.
#[must_use]
pub fn codigo(id: IdCorreo, por_entregar: &CodigoPorEntregar) -> Carta {
    let (codigo, vence) = (por_entregar.codigo.expose_secret(), fecha(por_entregar.vence_en));
    let texto = format!(
        "Hola:\n\n\
         El código para validar su registro en AeroAlpes es:\n\n    {codigo}\n\n\
         Vale hasta el {vence}. Si pidió varios, sólo sirve el último.\n\n\
         Si no fue usted quien se registró, no haga nada: sin el código, el registro no se completa.\n\n\
         AeroAlpes\n"
    );
    let asunto = "Su código de validación de AeroAlpes".into();
    Carta { id, nombre: None, email: por_entregar.email.clone(), asunto, texto: texto.into() }
}

/// La carta que confirma una reserva.
#[must_use]
pub fn reserva(id: IdCorreo, cliente: &UsuarioVista, reserva: &ReservaDetalle) -> Carta {
    let confirmado = cliente.estado == EstadoUsuario::Validado;
    let saludo = if confirmado { format!("Hola, {}:", cliente.nombres) } else { "Hola:".into() };
    let (numero, estado) = (reserva.resumen.id, reserva.resumen.estado.nombre());
    let texto = format!(
        "{saludo}\n\n\
         Esta es la confirmación de su reserva {numero}.\n\
         Estado: {estado}.\n\
         {}\n\
         AeroAlpes\n",
        itinerarios(reserva, confirmado)
    );
    Carta {
        id,
        nombre: confirmado.then(|| format!("{} {}", cliente.nombres, cliente.apellidos)),
        email: cliente.email.clone(),
        asunto: format!("Su reserva {numero} en AeroAlpes"),
        texto: texto.into(),
    }
}

/// Los itinerarios, con un vuelo en cada párrafo.
fn itinerarios(reserva: &ReservaDetalle, con_nombres: bool) -> String {
    let lista = reserva.itinerarios.lista();
    let mut texto = String::new();
    for (i, itinerario) in lista.iter().enumerate() {
        let numero = if lista.len() > 1 { format!(" {}", i + 1) } else { String::new() };
        // Escribir en un texto no falla.
        let _ = writeln!(texto, "\nItinerario{numero}");
        let segmentos = itinerario.odos().iter().flat_map(Odo::segmentos);
        for leg in segmentos.flat_map(Segmento::legs) {
            texto.push_str(&vuelo(leg, con_nombres));
        }
    }
    texto
}

fn vuelo(leg: &Leg, con_nombres: bool) -> String {
    let lugar = |aeropuerto: &Aeropuerto| match (con_nombres, aeropuerto.nombre()) {
        (false, _) | (true, "") => aeropuerto.codigo().to_owned(),
        (true, nombre) => format!("{} ({nombre})", aeropuerto.codigo()),
    };
    format!(
        "\n  {} → {}\n    Sale:  {}\n    Llega: {}\n",
        lugar(leg.origen()),
        lugar(leg.destino()),
        fecha(leg.fecha_salida()),
        fecha(leg.fecha_llegada())
    )
}

/// `22 de noviembre de 2022 a las 13:10 (UTC)`.
fn fecha(momento: OffsetDateTime) -> String {
    let utc = momento.to_offset(offset!(UTC));
    let mes = mes(utc.month());
    format!("{} de {mes} de {} a las {:02}:{:02} (UTC)", utc.day(), utc.year(), utc.hour(), utc.minute())
}

const fn mes(mes: Month) -> &'static str {
    match mes {
        Month::January => "enero",
        Month::February => "febrero",
        Month::March => "marzo",
        Month::April => "abril",
        Month::May => "mayo",
        Month::June => "junio",
        Month::July => "julio",
        Month::August => "agosto",
        Month::September => "septiembre",
        Month::October => "octubre",
        Month::November => "noviembre",
        Month::December => "diciembre",
    }
}
