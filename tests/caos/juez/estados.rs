//! Los estados: ninguna transición ilegal, ni en los eventos ni en lo que leyeron los clientes.

use std::collections::{BTreeMap, HashMap, HashSet};

use tokio::time::Instant;
use uuid::Uuid;

use super::datos::{Datos, Mensaje};
use super::exigir;
use crate::historia::{Clase, Desenlace, Efecto, Historia, Observacion, Peticion};

pub fn juzgar(historia: &Historia, datos: &Datos, peticiones: &[Peticion]) {
    let por_clave = datos.por_clave();
    agregaciones(historia, datos, &por_clave);
    lecturas(historia, &por_clave);
    desactivados(historia, datos, peticiones);
    for reserva in &datos.discordes {
        let detalle = format!("las listas de los usuarios y la reserva {reserva} no cuentan lo mismo");
        historia.defecto(Clase::Inconsistente, detalle);
    }
}

/// El estado en que deja cada evento, y los estados desde los que puede ocurrir.
fn transicion(tipo: &str) -> Option<(&'static str, &'static [&'static str])> {
    Some(match tipo {
        "ReservaCreada" => ("pendiente", &[""]),
        "ReservaPagada" => ("pagada", &["pendiente"]),
        "ReservaAprobada" => ("aprobada", &["pagada"]),
        "ReservaCancelada" => ("cancelada", &["pendiente", "pagada", "aprobada"]),
        "UsuarioRegistrado" => ("registrado", &[""]),
        "UsuarioDesactivado" => ("desactivado", &["registrado"]),
        _ => return None,
    })
}

/// Los eventos de cada agregación son una vida legal, y llevan a lo que consta.
fn agregaciones(historia: &Historia, datos: &Datos, por_clave: &BTreeMap<Uuid, Vec<&Mensaje>>) {
    for (clave, eventos) in por_clave {
        let tipos: Vec<_> = eventos.iter().map(|evento| evento.tipo.as_str()).collect();
        let mut estado = "";
        for tipo in &tipos {
            let paso = transicion(tipo).filter(|(_, desde)| desde.contains(&estado));
            exigir(historia, paso.is_some(), Clase::Duplicada, || format!("transición ilegal de {clave}: {tipos:?}"));
            estado = paso.map_or(estado, |(nuevo, _)| nuevo);
        }
        let consta = datos.reservas.get(clave).map(|reserva| (reserva.estado.as_str(), Some(reserva.version)));
        let usuario = || datos.usuarios.get(clave).map(|usuario| (usuario.estado.as_str(), None));
        let consta = consta.or_else(usuario);
        let debe = (estado, i64::try_from(eventos.len()).ok());
        let concuerda = consta.is_some_and(|(hay, version)| hay == debe.0 && version.is_none_or(|v| Some(v) == debe.1));
        exigir(historia, concuerda, Clase::Inconsistente, || {
            format!("de {clave} consta {consta:?}, y sus eventos son {tipos:?}")
        });
    }
    for clave in datos.reservas.keys().chain(datos.usuarios.keys()).filter(|clave| !por_clave.contains_key(clave)) {
        historia.defecto(Clase::Perdida, format!("{clave} consta, y no hay ningún evento suyo"));
    }
}

/// El orden en que una reserva puede pasar por sus estados.
fn rango(estado: &str) -> usize {
    ["pendiente", "pagada", "aprobada", "cancelada"].iter().position(|otro| *otro == estado).unwrap_or_default()
}

/// Nadie vio un estado que la reserva no tuvo, ni uno anterior a otro que ya se había visto.
fn lecturas(historia: &Historia, por_clave: &BTreeMap<Uuid, Vec<&Mensaje>>) {
    let mut por_reserva = HashMap::<Uuid, Vec<Observacion>>::new();
    for observacion in historia.observaciones() {
        por_reserva.entry(observacion.reserva).or_default().push(observacion);
    }
    for (reserva, vistas) in &por_reserva {
        let eventos = por_clave.get(reserva).map_or(&[][..], Vec::as_slice);
        let tenidos: HashSet<_> =
            eventos.iter().filter_map(|e| transicion(&e.tipo)).map(|(estado, _)| estado).collect();
        for vista in vistas.iter().filter(|vista| !tenidos.contains(vista.estado)) {
            let detalle = format!("se vio la reserva {reserva} {}, y nunca lo estuvo", vista.estado);
            historia.defecto(Clase::Inconsistente, detalle);
        }
        if let Some((antes, despues)) = retroceso(vistas) {
            let detalle = format!("se vio la reserva {reserva} {antes} y, después, {despues}");
            historia.defecto(Clase::Inconsistente, detalle);
        }
    }
}

/// Dos observaciones que no se solapan y van hacia atrás.
fn retroceso(vistas: &[Observacion]) -> Option<(&'static str, &'static str)> {
    let (mut por_inicio, mut por_fin) = (vistas.to_vec(), vistas.to_vec());
    por_inicio.sort_by_key(|vista| vista.inicio);
    por_fin.sort_by_key(|vista| vista.fin);
    let (mut terminadas, mut mayor) = (por_fin.iter().peekable(), None::<&'static str>);
    for vista in &por_inicio {
        while let Some(otra) = terminadas.next_if(|otra| otra.fin < vista.inicio) {
            if mayor.is_none_or(|mayor| rango(otra.estado) > rango(mayor)) {
                mayor = Some(otra.estado);
            }
        }
        if let Some(mayor) = mayor.filter(|mayor| rango(mayor) > rango(vista.estado)) {
            return Some((mayor, vista.estado));
        }
    }
    None
}

/// A nombre de quien ya estaba desactivado no se reserva.
fn desactivados(historia: &Historia, datos: &Datos, peticiones: &[Peticion]) {
    let mut desde = HashMap::<Uuid, Instant>::new();
    for peticion in peticiones.iter().filter(|peticion| peticion.efecto == Efecto::Desactivar) {
        for intento in &peticion.intentos {
            if let (Desenlace::Hecho { .. }, Some(usuario)) = (&intento.desenlace, peticion.objetivo) {
                let fin = desde.entry(usuario).or_insert(intento.fin);
                *fin = intento.fin.min(*fin);
            }
        }
    }
    for peticion in peticiones.iter().filter(|peticion| peticion.efecto == Efecto::Crear) {
        let Some(fin) = peticion.id_cliente.and_then(|cliente| desde.get(&cliente)) else { continue };
        // El primer intento: con clave, los siguientes sólo repiten su respuesta.
        let despues = peticion.intentos.first().is_some_and(|primero| primero.inicio > *fin);
        let cumplida = peticion.intentos.iter().any(|intento| match &intento.desenlace {
            Desenlace::Hecho { .. } => true,
            Desenlace::Aceptado { id, .. } => datos.reservas.contains_key(id),
            _ => false,
        });
        exigir(historia, !(despues && cumplida), Clase::Inconsistente, || {
            format!("se reservó a nombre del usuario {:?}, ya desactivado", peticion.id_cliente)
        });
    }
}
