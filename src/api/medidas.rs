//! Las métricas: lo que se mide de cada solicitud, y la ruta por donde las recoge Prometheus.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, RwLock};
use std::time::Instant;

use axum::extract::{MatchedPath, Request};
use axum::http::{Method, StatusCode, header};
use axum::response::IntoResponse;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::acceso::{Permitido, Puerta};
use super::permisos::Administracion;
use super::problema::Problema;
use crate::metricas::{Recogidas, de_una_vez};
use crate::seedwork::aplicacion::medidas::{self, OTRO};
use crate::seedwork::infraestructura::mensajeria::pulsar::Pulso;

/// El formato de texto de Prometheus, versión 0.0.4.
const FORMATO: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Las plantillas de ruta ya vistas, para no copiarlas en cada solicitud. Son las del programa: no crecen más.
static PLANTILLAS: LazyLock<RwLock<HashMap<Box<str>, Arc<str>>>> = LazyLock::new(RwLock::default);
/// Los estados posibles, escritos una vez.
static ESTADOS: LazyLock<Vec<Arc<str>>> = LazyLock::new(|| (0..1000).map(|estado| estado.to_string().into()).collect());
/// Lo que se dice de lo que no tiene plantilla: una ruta que nadie atiende, o quien se fue sin respuesta.
static SIN_NOMBRE: LazyLock<Arc<str>> = LazyLock::new(|| OTRO.into());

/// La ruta de las métricas.
pub fn rutas() -> OpenApiRouter<Puerta> {
    OpenApiRouter::new().routes(routes!(metricas))
}

/// Las métricas de esta instancia, para Prometheus. En modo cerrado las lee quien administra, o la clave de servicio.
///
/// Si PostgreSQL no contesta, `db_up` es 0 y faltan las que se leen de él.
#[utoipa::path(get, path = "/metrics", tag = "salud",
    responses((status = 200, description = "Las métricas, en el formato de texto de Prometheus", body = String, content_type = FORMATO),
        (status = 503, description = "No se puede saber quién llama: PostgreSQL no contesta (sólo en modo cerrado)", body = Problema)))]
async fn metricas(Permitido { app, .. }: Permitido<Administracion>) -> impl IntoResponse {
    let lectura = app.observador.leer().await;
    let bus = app.broker.as_ref().map_or(lectura.is_some(), Pulso::late);
    let nombre_bus = if app.broker.is_some() { "pulsar" } else { "local" };
    let de_ahora = de_una_vez(|| {
        app.observador.anotar(lectura.as_ref());
        medidas::bus(nombre_bus, bus);
    });
    ([(header::CONTENT_TYPE, FORMATO)], Recogidas::del_proceso().texto() + &de_ahora)
}

/// La medida de una solicitud en curso. Se anota también si quien llama se va antes de la respuesta.
pub struct Medida {
    desde: Instant,
    metodo: &'static str,
    ruta: Arc<str>,
    estado: Option<StatusCode>,
}

impl Medida {
    /// Empieza a medir una solicitud.
    pub fn empezar(solicitud: &Request) -> Self {
        medidas::en_curso(1.0);
        let ruta = solicitud.extensions().get::<MatchedPath>();
        let ruta = ruta.map_or_else(|| Arc::clone(&SIN_NOMBRE), |ruta| plantilla(ruta.as_str()));
        Self { desde: Instant::now(), metodo: metodo(solicitud.method()), ruta, estado: None }
    }

    /// La solicitud tuvo respuesta.
    pub fn terminar(mut self, estado: StatusCode) {
        self.estado = Some(estado);
    }
}

impl Drop for Medida {
    fn drop(&mut self) {
        let estado = self.estado.and_then(|estado| ESTADOS.get(usize::from(estado.as_u16())));
        let estado = Arc::clone(estado.unwrap_or(&SIN_NOMBRE));
        medidas::solicitud(self.desde, self.metodo, Arc::clone(&self.ruta).into(), estado.into());
        medidas::en_curso(-1.0);
    }
}

fn plantilla(ruta: &str) -> Arc<str> {
    if let Ok(vistas) = PLANTILLAS.read()
        && let Some(vista) = vistas.get(ruta)
    {
        return Arc::clone(vista);
    }
    let nueva = Arc::<str>::from(ruta);
    if let Ok(mut vistas) = PLANTILLAS.write() {
        vistas.insert(ruta.into(), Arc::clone(&nueva));
    }
    nueva
}

/// El nombre de un método conocido: quien llama puede inventarse otros.
pub fn metodo(metodo: &Method) -> &'static str {
    const CONOCIDOS: [(Method, &str); 9] = [
        (Method::GET, "GET"),
        (Method::POST, "POST"),
        (Method::DELETE, "DELETE"),
        (Method::PUT, "PUT"),
        (Method::PATCH, "PATCH"),
        (Method::HEAD, "HEAD"),
        (Method::OPTIONS, "OPTIONS"),
        (Method::TRACE, "TRACE"),
        (Method::CONNECT, "CONNECT"),
    ];
    CONOCIDOS.iter().find(|(conocido, _)| conocido == metodo).map_or(OTRO, |(_, nombre)| *nombre)
}
