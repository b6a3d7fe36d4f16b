//! La cabecera `Idempotency-Key` (borrador 07 del IETF): repetir una solicitud repite la respuesta, no el efecto.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

use super::App;
use super::clientes_cuerpos::RespuestaUsuario;
use super::json::Json;
use super::problema::{Problema, estado};
use super::respuesta_asincrona::prefiere_no_esperar;
use super::vuelos_cuerpos::RespuestaReserva;
use crate::modulos::clientes::{ClaveUsuario, ErrorClientes, IdUsuario, ObtenerUsuario};
use crate::seedwork::aplicacion::actor::Actor;
use crate::seedwork::aplicacion::contexto::Contexto;
use crate::seedwork::aplicacion::idempotencia::{Recuerdo, Solicitud, UnaSolaVez};
use crate::seedwork::aplicacion::mensajes::Handler;
use crate::seedwork::aplicacion::rechazo::{Clase, Rechazo};
use crate::seedwork::aplicacion::unidad_trabajo::Fabrica;
use crate::seedwork::dominio::repositorios::Falla;
use crate::seedwork::infraestructura::mensajeria::resultados::RechazoGuardado;
use crate::servicios::FabricaApp;

/// El nombre de la cabecera.
pub const CABECERA: &str = "idempotency-key";
/// Lo más larga que puede ser una clave, en caracteres.
pub const LARGO_MAXIMO: usize = 255;

/// La clave que el cliente le puso a su solicitud, si le puso una.
pub struct ClaveIdempotencia(Option<ConClave>);

struct ConClave {
    clave: String,
    metodo: String,
    ruta: String,
    asincrona: bool,
}

impl<S: Sync> FromRequestParts<S> for ClaveIdempotencia {
    type Rejection = Problema;

    async fn from_request_parts(partes: &mut Parts, _: &S) -> Result<Self, Problema> {
        let Some(clave) = leer(&partes.headers)? else { return Ok(Self(None)) };
        Ok(Self(Some(ConClave {
            clave,
            metodo: partes.method.to_string(),
            ruta: partes.uri.path().to_owned(),
            asincrona: prefiere_no_esperar(&partes.headers),
        })))
    }
}

impl ClaveIdempotencia {
    /// La solicitud, con ese cuerpo y de quien la hace.
    pub fn con(self, app: &App, contexto: &Contexto, cuerpo: &[u8]) -> Option<Solicitud> {
        let ConClave { clave, metodo, ruta, asincrona } = self.0?;
        let huella = app.huellas.de(&[metodo.as_bytes(), ruta.as_bytes(), &[u8::from(asincrona)], cuerpo]);
        Some(Solicitud { ambito: ambito(contexto.actor), clave, huella })
    }

    /// La solicitud, si su ruta no lee ningún cuerpo.
    pub fn sin_cuerpo(self, app: &App, contexto: &Contexto) -> Option<Solicitud> {
        self.con(app, contexto, &[])
    }
}

/// De quién son las claves: las de un usuario no se encuentran con las de otro.
fn ambito(actor: Actor) -> String {
    match actor {
        Actor::Abierto | Actor::Anonimo => String::new(),
        Actor::Usuario(id) | Actor::Administrador(id) => id.to_string(),
        Actor::Servicio => "servicio".to_owned(),
    }
}

/// La clave, como texto simple o entre comillas, que es como la escribe el borrador (RFC 8941, *string*).
pub(super) fn leer(cabeceras: &HeaderMap) -> Result<Option<String>, Problema> {
    let mut valores = cabeceras.get_all(CABECERA).iter();
    let Some(valor) = valores.next() else { return Ok(None) };
    let texto = valor.to_str().ok().map(str::trim).filter(|_| valores.next().is_none());
    let clave = texto.map(|texto| texto.strip_prefix('"').and_then(|t| t.strip_suffix('"')).unwrap_or(texto));
    match clave {
        Some(clave) if (1..=LARGO_MAXIMO).contains(&clave.len()) => Ok(Some(clave.to_owned())),
        _ => {
            let detalle = format!("Idempotency-Key debe ser una sola, de 1 a {LARGO_MAXIMO} caracteres ASCII visibles");
            Err(Problema::cuerpo_invalido("clave-idempotencia-invalida", detalle))
        }
    }
}

/// Lo que se responde a un comando cumplido.
pub struct Respuesta<R> {
    estado: StatusCode,
    direccion: Option<String>,
    cuerpo: R,
}

impl<R> Respuesta<R> {
    /// 200 con ese cuerpo.
    pub const fn nueva(cuerpo: R) -> Self {
        Self { estado: StatusCode::OK, direccion: None, cuerpo }
    }

    /// 201 con ese cuerpo, y dónde quedó lo creado.
    pub const fn creada(direccion: String, cuerpo: R) -> Self {
        Self { estado: StatusCode::CREATED, direccion: Some(direccion), cuerpo }
    }
}

impl Respuesta<()> {
    /// 204.
    pub const fn vacia() -> Self {
        Self { estado: StatusCode::NO_CONTENT, direccion: None, cuerpo: () }
    }
}

impl<R: Serialize> IntoResponse for Respuesta<R> {
    fn into_response(self) -> Response {
        if self.estado == StatusCode::NO_CONTENT {
            return self.estado.into_response();
        }
        let direccion = self.direccion.map(|direccion| [(header::LOCATION, direccion)]);
        (self.estado, direccion, Json(self.cuerpo)).into_response()
    }
}

/// Un cuerpo que se puede recordar.
pub trait Recordable: Serialize + 'static {
    /// Qué se guarda para poder repetirlo.
    ///
    /// # Errors
    /// Si no se deja escribir.
    fn recordado(&self) -> serde_json::Result<Recordado>;
}

/// Lo que se guarda de un cuerpo.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Recordado {
    /// El cuerpo entero.
    Cuerpo(Box<RawValue>),
    /// De un usuario, sólo quién es: sus datos personales viven en una sola tabla, y de ahí se vuelven a leer.
    Usuario(Uuid),
    /// Un «no» que también tuvo efecto, como el que cuenta un intento.
    Rechazo(RechazoGuardado),
}

impl Recordable for () {
    fn recordado(&self) -> serde_json::Result<Recordado> {
        serde_json::value::to_raw_value(self).map(Recordado::Cuerpo)
    }
}

impl Recordable for RespuestaReserva {
    fn recordado(&self) -> serde_json::Result<Recordado> {
        serde_json::value::to_raw_value(self).map(Recordado::Cuerpo)
    }
}

impl Recordable for RespuestaUsuario {
    fn recordado(&self) -> serde_json::Result<Recordado> {
        Ok(Recordado::Usuario(self.id()))
    }
}

/// Lo que se guarda de una respuesta.
#[derive(Serialize, Deserialize)]
struct RespuestaRecordada {
    estado: u16,
    direccion: Option<String>,
    cuerpo: Recordado,
}

/// Cumple un comando y responde; si es de una solicitud que ya se cumplió, responde lo mismo que entonces.
///
/// # Errors
/// El problema que diga el módulo; 409 si la misma solicitud está en curso, 422 si la clave fue de otra.
pub async fn cumplir<C, R>(
    app: &App,
    contexto: Contexto,
    solicitud: Option<Solicitud>,
    comando: C,
    formar: fn(C::Salida) -> Respuesta<R>,
) -> Result<Response, Problema>
where
    C: Handler<<FabricaApp as Fabrica>::Udt>,
    R: Recordable,
{
    cumplir_o_negar(app, contexto, solicitud, comando, move |salida| Ok(formar(salida))).await
}

/// Lo mismo, con un comando que, aun cumplido, puede responder que no.
///
/// # Errors
/// Los de [`cumplir`], y el «no».
pub async fn cumplir_o_negar<C, R>(
    app: &App,
    contexto: Contexto,
    solicitud: Option<Solicitud>,
    comando: C,
    formar: impl Fn(C::Salida) -> Result<Respuesta<R>, Rechazo> + Clone + Send + Sync + 'static,
) -> Result<Response, Problema>
where
    C: Handler<<FabricaApp as Fabrica>::Udt>,
    R: Recordable,
{
    let Some(solicitud) = solicitud else {
        return Ok(formar(app.mediador.ejecutar(contexto, comando).await?)?.into_response());
    };
    let recordar = move |salida| recordar(formar(salida)).map_err(Falla::interna);
    let recuerdo = app.mediador.ejecutar(contexto, UnaSolaVez { solicitud, comando, recordar }).await?;
    repetir(app, &recuerdo).await
}

fn recordar<R: Recordable>(respuesta: Result<Respuesta<R>, Rechazo>) -> serde_json::Result<Recuerdo> {
    let (estado, direccion, cuerpo) = match respuesta {
        Ok(Respuesta { estado, direccion, cuerpo }) => (estado.as_u16(), direccion, cuerpo.recordado()?),
        Err(rechazo) => (estado(rechazo.clase).as_u16(), None, Recordado::Rechazo(rechazo.into())),
    };
    serde_json::to_vec(&RespuestaRecordada { estado, direccion, cuerpo })
}

async fn repetir(app: &App, recuerdo: &[u8]) -> Result<Response, Problema> {
    let ilegible = |causa: serde_json::Error| ErrorClientes::from(Falla::interna(causa));
    let RespuestaRecordada { estado, direccion, cuerpo } = serde_json::from_slice(recuerdo).map_err(ilegible)?;
    let estado = StatusCode::from_u16(estado).unwrap_or(StatusCode::OK);
    Ok(match cuerpo {
        Recordado::Cuerpo(cuerpo) => Respuesta { estado, direccion, cuerpo }.into_response(),
        Recordado::Usuario(id) => {
            let usuario = app.mediador.consultar(ObtenerUsuario(ClaveUsuario::Id(IdUsuario(id)))).await;
            let cuerpo = RespuestaUsuario::from(usuario.map_err(ya_no_esta)?);
            Respuesta { estado, direccion, cuerpo }.into_response()
        }
        Recordado::Rechazo(rechazo) => return Err(Rechazo::from(rechazo).into()),
    })
}

/// La solicitud se cumplió, pero el usuario se borró después: su respuesta ya no se puede repetir.
fn ya_no_esta(error: ErrorClientes) -> Problema {
    match error {
        ErrorClientes::UsuarioNoExiste(_) => {
            let mensaje = "La solicitud se cumplió; el usuario se borró después.";
            Rechazo::nuevo(Clase::Caducado, "usuario-borrado", mensaje).into()
        }
        otro => otro.into(),
    }
}

#[cfg(test)]
mod pruebas {
    use axum::http::HeaderValue;

    use super::*;

    fn leida(valores: &[&'static str]) -> Result<Option<String>, ()> {
        let mut cabeceras = HeaderMap::new();
        for valor in valores {
            cabeceras.append(CABECERA, HeaderValue::from_static(valor));
        }
        leer(&cabeceras).map_err(drop)
    }

    #[test]
    fn la_clave_va_suelta_o_entre_comillas() {
        assert_eq!(leida(&[]), Ok(None));
        assert_eq!(leida(&["abc-1"]), Ok(Some("abc-1".into())));
        assert_eq!(leida(&["\"abc-1\""]), Ok(Some("abc-1".into())));
        assert_eq!(leida(&["\""]), Ok(Some("\"".into())));
    }

    #[test]
    fn una_clave_vacia_repetida_o_muy_larga_no_sirve() {
        let larga: &'static str = Box::leak("x".repeat(LARGO_MAXIMO + 1).into_boxed_str());
        for malas in [&[""][..], &["\"\""], &["a", "b"], &[larga]] {
            assert_eq!(leida(malas), Err(()), "{malas:?}");
        }
        assert_eq!(leida(&[&larga[1..]]).map(|clave| clave.map(|c| c.len())), Ok(Some(LARGO_MAXIMO)));
    }
}
