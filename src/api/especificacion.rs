//! La especificación OpenAPI 3.1, generada del código, y la página para probarla.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use axum::{Router, middleware};
use utoipa::openapi::path::{Operation, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{Content, OpenApi as Documento, Ref, RefOr, Response, ResponseBuilder};
use utoipa::{Modify, OpenApi};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use utoipa_swagger_ui::{Config, SwaggerUi};

use super::acceso::Puerta;
use super::comprimido::segun_se_admita;
use super::idempotencia::LARGO_MAXIMO;
use super::problema::Problema;

#[derive(OpenApi)]
#[openapi(
    info(title = "AeroAlpes", description = "Reservas de la aerolínea AeroAlpes", license(name = "MIT", identifier = "MIT")),
    tags((name = "vuelos", description = "Reservas"), (name = "clientes", description = "Usuarios"),
        (name = "comandos", description = "Cómo terminó lo aceptado"),
        (name = "salud", description = "Si el servicio vive y puede atender"),
        (name = "especificación", description = "Este documento")),
    components(schemas(Problema))
)]
struct Base;

/// El documento sin rutas.
pub fn base() -> Documento {
    Base::openapi()
}

/// La ruta del documento.
pub fn rutas() -> OpenApiRouter<Puerta> {
    OpenApiRouter::new().routes(routes!(especificacion))
}

/// El documento terminado y ya escrito, para compartirlo con su ruta.
#[derive(Clone)]
pub struct Publicado(Bytes);

/// El nombre con que el documento se refiere a cómo hay que identificarse.
const FICHA: &str = "ficha";

/// Termina el documento; `cerrado` si hay que identificarse.
pub fn publicar(mut documento: Documento, cerrado: bool) -> Publicado {
    let descripcion = "La ficha que da `POST /clientes/sesion`, o la clave de servicio. Sólo en modo cerrado.";
    let esquema = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(descripcion)).build();
    let componentes = documento.components.get_or_insert_default();
    componentes.add_security_scheme(FICHA, SecurityScheme::Http(esquema));
    ProblemasComunes { cerrado }.modify(&mut documento);
    Publicado(serde_json::to_vec(&documento).unwrap_or_default().into())
}

/// Devuelve la especificación OpenAPI 3.1 de este servicio.
#[utoipa::path(get, path = "/spec", tag = "especificación", security(()),
    responses((status = 200, description = "El documento", body = serde_json::Value)))]
async fn especificacion(State(Publicado(documento)): State<Publicado>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], documento)
}

/// La página `/docs`, que viaja comprimida dentro del programa y no pide nada a nadie más.
pub fn pagina() -> Router<Puerta> {
    let pagina: Router<Puerta> = SwaggerUi::new("/docs").config(Config::from("/spec").validator_url("none")).into();
    pagina.layer(middleware::from_fn(segun_se_admita))
}

/// Los problemas que puede dar cualquier operación de su forma, para no repetirlos en cada una.
struct ProblemasComunes {
    cerrado: bool,
}

impl Modify for ProblemasComunes {
    fn modify(&self, documento: &mut Documento) {
        for (ruta, elemento) in &mut documento.paths.paths {
            let con_id = ruta.contains('{');
            for operacion in [&mut elemento.get, &mut elemento.post, &mut elemento.delete].into_iter().flatten() {
                completar(operacion, con_id);
                exigir_ficha(operacion, self.cerrado);
            }
            if let Some(operacion) = &mut elemento.post {
                admitir_clave(operacion);
            }
        }
    }
}

fn completar(operacion: &mut Operation, con_id: bool) {
    let con_cuerpo = operacion.request_body.is_some();
    let del_negocio =
        operacion.tags.iter().flatten().any(|etiqueta| etiqueta != "salud" && etiqueta != "especificación");
    // Una operación pública lo dice: `security(())`.
    let publica = operacion.security.is_some();
    let con_parametros = operacion.parameters.as_ref().is_some_and(|parametros| !parametros.is_empty());
    let comunes = [
        ("400", con_cuerpo || con_parametros, "Los datos no se pueden leer o rompen una regla"),
        ("401", !publica, "No se sabe quién llama: falta la ficha o no sirve (sólo en modo cerrado)"),
        ("403", !publica, "Quien llama no puede hacer eso (sólo en modo cerrado)"),
        ("404", con_id, "No existe nada con esa identidad"),
        ("408", con_cuerpo, "El cuerpo tardó demasiado en llegar"),
        ("413", con_cuerpo, "El cuerpo es demasiado grande"),
        ("415", con_cuerpo, "El cuerpo no es JSON"),
        ("429", publica && con_cuerpo, "Demasiados intentos; `Retry-After` dice cuándo volver (sólo en modo cerrado)"),
        ("500", del_negocio, "Error interno"),
        ("503", del_negocio, "El servicio no está disponible; `Retry-After` dice cuándo repetir"),
    ];
    for (estado, puede_darlo, descripcion) in comunes {
        if puede_darlo {
            declarar(operacion, estado, descripcion);
        }
    }
    for respuesta in operacion.responses.responses.values_mut() {
        if let RefOr::T(respuesta) = respuesta {
            nombrar_tipo(respuesta);
        }
    }
}

/// Todo `POST` admite `Idempotency-Key`.
fn admitir_clave(operacion: &mut Operation) {
    let esquema = ObjectBuilder::new().schema_type(Type::String).min_length(Some(1));
    let clave = ParameterBuilder::new()
        .name("Idempotency-Key")
        .parameter_in(ParameterIn::Header)
        .description(Some("Clave que distingue esta solicitud de cualquier otra: al repetirla se repite la respuesta"))
        .schema(Some(esquema.max_length(Some(LARGO_MAXIMO)).pattern(Some("^[!-~]+$"))));
    operacion.parameters.get_or_insert_default().push(RefOr::T(clave.build()));
    let propias = [
        ("400", "Los datos no se pueden leer o rompen una regla"),
        ("409", "Otra solicitud con la misma clave está en curso; `Retry-After` dice cuándo repetir"),
        ("422", "La clave ya se usó en una solicitud distinta"),
    ];
    for (estado, descripcion) in propias {
        declarar(operacion, estado, descripcion);
    }
}

fn declarar(operacion: &mut Operation, estado: &str, descripcion: &str) {
    operacion.responses.responses.entry(estado.into()).or_insert_with(|| RefOr::T(problema(descripcion)));
}

fn exigir_ficha(operacion: &mut Operation, cerrado: bool) {
    let exige = cerrado && operacion.security.is_none();
    operacion.security = exige.then(|| vec![SecurityRequirement::new::<_, _, &str>(FICHA, [])]);
}

fn problema(descripcion: &str) -> Response {
    let contenido = Content::new(Some(Ref::from_schema_name("Problema")));
    ResponseBuilder::new().description(descripcion).content("application/problem+json", contenido).build()
}

/// Un `Problema` viaja siempre como `application/problem+json`, también donde la ruta lo declara como JSON.
fn nombrar_tipo(respuesta: &mut Response) {
    let es_problema = respuesta.content.get("application/json").is_some_and(|contenido| {
        let RefOr::T(contenido) = contenido else { return false };
        matches!(&contenido.schema, Some(RefOr::Ref(esquema)) if esquema.ref_location.ends_with("/Problema"))
    });
    if es_problema && let Some(contenido) = respuesta.content.shift_remove("application/json") {
        respuesta.content.insert("application/problem+json".into(), contenido);
    }
}
