//! Lo que hace cada cliente mientras dura la corrida.

use std::sync::Arc;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use super::cliente::Corte;
use super::contenidos;
use super::historia::{Clase, Desenlace, Efecto, Observacion};
use super::mundo::{Deseo, Mundo};

/// Clientes a la vez.
const CLIENTES: u64 = 24;
/// Registrar cifra una contraseña, y eso cuesta adrede: se hace poco.
const ENTRE_REGISTROS: Duration = Duration::from_millis(2_500);
/// Lo más que un cliente pregunta por un comando.
const ESPERA: Duration = Duration::from_secs(3);
/// Órdenes iguales y simultáneas sobre una reserva: sólo una puede cumplirse.
const RAFAGA: usize = 4;

/// Pone a todos los clientes a trabajar, hasta que el mundo se pare.
pub fn empezar(mundo: &Arc<Mundo>, semilla: u64) -> JoinSet<()> {
    let mut clientes = JoinSet::new();
    for numero in 0..CLIENTES {
        let azar = StdRng::seed_from_u64(semilla.wrapping_mul(31).wrapping_add(numero));
        clientes.spawn(trabajar(Arc::clone(mundo), azar));
    }
    let azar = StdRng::seed_from_u64(semilla.wrapping_mul(31).wrapping_add(CLIENTES));
    clientes.spawn(registrar(Arc::clone(mundo), azar));
    clientes
}

async fn trabajar(mundo: Arc<Mundo>, mut azar: StdRng) {
    while !mundo.parar.is_cancelled() {
        match azar.random_range(0..100) {
            0..28 => crear(&mundo, &mut azar).await,
            28..58 => cambiar(&mundo, &mut azar).await,
            58..64 => rafaga(&mundo, &mut azar).await,
            64..88 => leer(&mundo, &mut azar).await,
            88..96 => preguntar(&mundo, &mut azar).await,
            _ => listar(&mundo, &mut azar).await,
        }
        // Sin esto, una dependencia caída haría girar a los clientes en vacío.
        sleep(Duration::from_millis(azar.random_range(1..25))).await;
    }
}

/// Registra usuarios y, de vez en cuando, desactiva a alguno.
async fn registrar(mundo: Arc<Mundo>, mut azar: StdRng) {
    while !mundo.parar.is_cancelled() {
        let contenido = contenidos::usuario(&mut azar, Uuid::new_v4());
        mundo
            .hacer(Deseo { con_clave: azar.random_bool(0.7), ..Deseo::nuevo(Efecto::Registrar, contenido) }, &mut azar)
            .await;
        if azar.random_bool(0.3)
            && let Some(usuario) = mundo.usuario(&mut azar)
        {
            let (asincrona, con_clave) = (azar.random(), azar.random());
            mundo.hacer(Deseo { asincrona, con_clave, ..Deseo::cambio(Efecto::Desactivar, usuario) }, &mut azar).await;
        }
        mundo.parar.run_until_cancelled(sleep(ENTRE_REGISTROS)).await;
    }
}

fn corte(azar: &mut StdRng) -> Corte {
    match azar.random_range(0..20) {
        0 => Corte::AlEnviar,
        1 => Corte::AMedias,
        _ => Corte::Nunca,
    }
}

async fn crear(mundo: &Mundo, azar: &mut StdRng) {
    let id_cliente = if azar.random_bool(0.25) { mundo.usuario(azar) } else { None };
    let contenido = contenidos::reserva(azar, Uuid::new_v4(), id_cliente);
    let deseo = Deseo {
        id_cliente,
        asincrona: azar.random_bool(0.4),
        con_clave: azar.random_bool(0.6),
        corte: corte(azar),
        ..Deseo::nuevo(Efecto::Crear, contenido)
    };
    let desenlace = mundo.hacer(deseo, azar).await;
    esperar(mundo, desenlace, azar).await;
}

/// Quien pidió que no se le hiciera esperar suele preguntar luego cómo terminó: así nadie encarga sin fin.
async fn esperar(mundo: &Mundo, desenlace: Desenlace, azar: &mut StdRng) {
    let Desenlace::Aceptado { id_comando, .. } = desenlace else { return };
    let limite = Instant::now() + ESPERA;
    while azar.random_bool(0.95) && Instant::now() < limite && !mundo.parar.is_cancelled() {
        let leida = mundo.cliente.leer(mundo.alguna(azar), &format!("/comandos/{id_comando}")).await;
        let Some(leida) = leida.filter(|leida| leida.estado != 503) else { return };
        mundo.historia.operacion();
        if leida.cuerpo["estado"] != "pendiente" {
            return;
        }
        sleep(Duration::from_millis(azar.random_range(10..80))).await;
    }
}

fn algun_cambio(azar: &mut StdRng) -> Efecto {
    match azar.random_range(0..10) {
        0..5 => Efecto::Pagar,
        5..8 => Efecto::Aprobar,
        _ => Efecto::Cancelar,
    }
}

async fn cambiar(mundo: &Mundo, azar: &mut StdRng) {
    let Some(reserva) = mundo.caliente(azar) else { return };
    let deseo = Deseo {
        asincrona: azar.random_bool(0.4),
        con_clave: azar.random_bool(0.6),
        corte: corte(azar),
        ..Deseo::cambio(algun_cambio(azar), reserva)
    };
    let desenlace = mundo.hacer(deseo, azar).await;
    esperar(mundo, desenlace, azar).await;
}

/// Varias órdenes iguales a la vez sobre la misma reserva, por las dos instancias.
async fn rafaga(mundo: &Mundo, azar: &mut StdRng) {
    let Some(reserva) = mundo.caliente(azar) else { return };
    let efecto = algun_cambio(azar);
    let ordenes = (0..RAFAGA).map(|_| {
        let mut azar = StdRng::from_rng(azar);
        async move { mundo.hacer(Deseo::cambio(efecto, reserva), &mut azar).await }
    });
    futures_util::future::join_all(ordenes).await;
}

async fn leer(mundo: &Mundo, azar: &mut StdRng) {
    let Some((reserva, desde)) = mundo.conocida(azar) else { return };
    let (direccion, inicio) = (mundo.alguna(azar), Instant::now());
    let Some(respuesta) = mundo.cliente.leer(direccion, &format!("/vuelos/reserva/{reserva}")).await else { return };
    match respuesta.estado {
        200 => {
            mundo.historia.operacion();
            let dicho = respuesta.cuerpo["estado"].as_str().unwrap_or_default();
            let estados = ["pendiente", "pagada", "aprobada", "cancelada"];
            match estados.into_iter().find(|estado| *estado == dicho) {
                Some(estado) => {
                    mundo.historia.observacion(Observacion { reserva, inicio, fin: Instant::now(), estado });
                }
                None => mundo.historia.defecto(Clase::Inconsistente, format!("la reserva {reserva} se leyó «{dicho}»")),
            }
        }
        404 => {
            let hace = desde.elapsed().as_secs_f64();
            let detalle = format!("la reserva {reserva}, creada hace {hace:.3} s, no se halló al leerla");
            mundo.historia.defecto(Clase::Perdida, detalle);
        }
        estado => inesperado(mundo, estado, "leer una reserva"),
    }
}

/// Pregunta cómo va un comando aceptado: siempre hay respuesta, y una vez terminado no cambia.
async fn preguntar(mundo: &Mundo, azar: &mut StdRng) {
    let Some(comando) = mundo.comando(azar) else { return };
    let ruta = format!("/comandos/{comando}");
    let leer = async |direccion: &str| mundo.cliente.leer(direccion, &ruta).await.filter(|leida| leida.estado != 503);
    let Some(primera) = leer(mundo.alguna(azar)).await else { return };
    let Some(segunda) = leer(mundo.alguna(azar)).await else { return };
    for respuesta in [&primera, &segunda] {
        mundo.historia.operacion();
        if respuesta.estado != 200 {
            let detalle = format!("el comando {comando}, aceptado, respondió {}", respuesta.estado);
            mundo.historia.defecto(Clase::Inconsistente, detalle);
        }
    }
    if primera.cuerpo["estado"] != "pendiente" && primera.cuerpo != segunda.cuerpo {
        let detalle = format!("el comando {comando} cambió de resultado: {} y {}", primera.cuerpo, segunda.cuerpo);
        mundo.historia.defecto(Clase::Inconsistente, detalle);
    }
}

async fn listar(mundo: &Mundo, azar: &mut StdRng) {
    let Some(usuario) = mundo.usuario(azar) else { return };
    let ruta = format!("/clientes/usuario/{usuario}/reservas?limite=20");
    let Some(respuesta) = mundo.cliente.leer(mundo.alguna(azar), &ruta).await else { return };
    if respuesta.estado != 200 {
        return inesperado(mundo, respuesta.estado, "listar las reservas de un usuario");
    }
    mundo.historia.operacion();
    for reserva in respuesta.cuerpo.as_array().into_iter().flatten() {
        if reserva["id_cliente"] != usuario.to_string() {
            let detalle = format!("la lista del usuario {usuario} tiene una reserva ajena: {reserva}");
            mundo.historia.defecto(Clase::Inconsistente, detalle);
        }
    }
}

/// Sólo un 503 se entiende mientras se rompen cosas.
fn inesperado(mundo: &Mundo, estado: u16, que: &str) {
    if estado != 503 {
        mundo.historia.defecto(Clase::Inconsistente, format!("{que} respondió {estado}"));
    }
}

/// Comprueba, con una orden que nunca se puede cumplir, que un carril se mueve: dice con qué comando.
pub async fn centinela(mundo: &Mundo, carril: u8, azar: &mut StdRng) -> Option<Uuid> {
    let mut bytes = *Uuid::new_v4().as_bytes();
    bytes[15] = (bytes[15] & 0xf0) | carril;
    let deseo = Deseo { asincrona: true, ..Deseo::cambio(Efecto::Pagar, Uuid::from_bytes(bytes)) };
    match mundo.hacer(deseo, azar).await {
        Desenlace::Aceptado { id_comando, .. } => Some(id_comando),
        _ => None,
    }
}
