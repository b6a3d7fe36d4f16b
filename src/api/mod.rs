//! El borde HTTP: interpreta la petición, la despacha por el mediador y responde. Nada más.

pub mod acceso;
pub mod capas;
mod clientes;
mod clientes_cuerpos;
mod comandos;
mod comprimido;
mod cuerpo;
pub mod en_vivo;
mod entrada;
pub mod especificacion;
mod fechas;
mod frecuencia;
mod idempotencia;
mod json;
mod medidas;
mod objeto;
mod opcional;
mod pagina;
mod paginas;
mod permisos;
mod problema;
#[cfg(test)]
mod propiedades;
mod respuesta_asincrona;
mod ruta;
mod salud;
mod seguridad;
pub mod servidor;
mod vuelos;
mod vuelos_cuerpos;
mod vuelos_eventos;

use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use utoipa_axum::router::OpenApiRouter;

use self::acceso::{Acceso, Puerta};
use self::en_vivo::EnVivo;
use self::problema::Problema;
use crate::seedwork::infraestructura::conexiones::Conexiones;
use crate::seedwork::infraestructura::idempotencia::Huellas;
use crate::seedwork::infraestructura::mensajeria::pulsar::Pulso;
use crate::seedwork::infraestructura::observador::Observador;
use crate::servicios::{DespachadorApp, MediadorApp};

/// Lo que comparten todas las rutas; cada una lo recibe de [`acceso::Permitido`].
#[derive(Clone)]
pub struct App {
    /// Por donde se despacha todo.
    pub mediador: Arc<MediadorApp>,
    /// Por donde se acepta lo que se cumplirá después.
    pub despachador: Arc<DespachadorApp>,
    /// Cómo está el bróker, si lo hay.
    pub broker: Option<Pulso>,
    /// Para reconocer las solicitudes que se repiten.
    pub huellas: Huellas,
    /// Para saber si la base de datos responde.
    pub lectura: Conexiones,
    /// Lo que se cuenta según pasa.
    pub en_vivo: EnVivo,
    /// A quién se deja pasar.
    pub acceso: Arc<Acceso>,
    /// Lo que se mide cuando alguien recoge las métricas.
    pub observador: Arc<Observador>,
}

/// Todas las rutas, con su especificación y sus capas.
pub fn rutas(app: App) -> Router {
    let de_la_aplicacion = OpenApiRouter::new()
        .merge(vuelos::rutas())
        .merge(vuelos_eventos::rutas())
        .merge(clientes::rutas())
        .merge(comandos::rutas())
        .merge(especificacion::rutas());
    let bus = if app.broker.is_some() { "Pulsar" } else { "PostgreSQL" };
    let paginas = especificacion::pagina().merge(pagina::rutas(app.acceso.es_cerrado(), bus));
    vestir(app, de_la_aplicacion, paginas)
}

/// Sólo las rutas de quien no atiende la aplicación: las que miran las sondas.
pub fn rutas_de_salud(app: App) -> Router {
    vestir(app, OpenApiRouter::new(), Router::new())
}

/// Esas rutas y las que hay siempre, con sus capas.
fn vestir(app: App, documentadas: OpenApiRouter<Puerta>, paginas: Router<Puerta>) -> Router {
    let documentadas = OpenApiRouter::with_openapi(especificacion::base()).merge(documentadas).merge(salud::rutas());
    let (rutas, openapi) = documentadas.split_for_parts();
    let documento = especificacion::publicar(openapi, app.acceso.es_cerrado());
    let rutas = rutas
        .merge(paginas)
        .fallback(async || capas::ruta_no_existe())
        .method_not_allowed_fallback(async || {
            let detalle = "Esa ruta no admite ese método; la cabecera Allow dice cuáles";
            Problema::nuevo(StatusCode::METHOD_NOT_ALLOWED, "metodo-no-admitido", "Método no admitido", detalle)
        })
        .with_state(Puerta::de(app, documento));
    capas::vestir(rutas)
}
