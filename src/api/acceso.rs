//! A quién se deja pasar: identificación, permisos y límites de intentos.
//!
//! Las rutas no tienen a mano [`App`]: se la da [`Permitido`], después de comprobar el permiso que nombran. Una ruta
//! que no declare ninguno no puede hacer nada.

use std::marker::PhantomData;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::extract::{FromRef, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;

use super::especificacion::Publicado;
use super::frecuencia::Frecuencia;
use super::permisos::Permiso;
use super::problema::Problema;
use super::{App, capas};
use crate::config::{Cerrado, Modo};
use crate::modulos::clientes::{Portador, ReconocerPortador};
use crate::seedwork::aplicacion::actor::Actor;
use crate::seedwork::aplicacion::contexto::Contexto;

/// De dónde llegó la conexión.
#[derive(Debug, Clone, Copy)]
pub struct Par(pub SocketAddr);

/// El estado de las rutas. Lo que hay detrás sólo lo da [`Permitido`]; el documento, que es público, lo ve cualquiera.
#[derive(Clone)]
pub struct Puerta {
    // Compartida: se copia varias veces en cada solicitud.
    app: Arc<App>,
    documento: Publicado,
}

impl Puerta {
    /// Guarda lo que las rutas usan.
    pub fn de(app: App, documento: Publicado) -> Self {
        Self { app: Arc::new(app), documento }
    }
}

impl FromRef<Puerta> for Publicado {
    fn from_ref(puerta: &Puerta) -> Self {
        puerta.documento.clone()
    }
}

/// Lo que una ruta puede usar, comprobado ya el permiso `P`.
pub struct Permitido<P> {
    /// Lo que comparten las rutas.
    pub app: Arc<App>,
    /// El contexto de lo que se pide, con su actor.
    pub contexto: Contexto,
    permiso: PhantomData<P>,
}

impl<P: Permiso> FromRequestParts<Puerta> for Permitido<P> {
    type Rejection = Problema;

    async fn from_request_parts(partes: &mut Parts, Puerta { app, .. }: &Puerta) -> Result<Self, Problema> {
        let actor = P::comprobar(app, partes).await?;
        Ok(Self { contexto: capas::contexto(partes).de(actor), app: Arc::clone(app), permiso: PhantomData })
    }
}

/// Lo que hace falta para saber quién llama y cuántas veces lo ha intentado; nada, en modo abierto.
pub struct Acceso(Option<Cierre>);

struct Cierre {
    clave_servicio: Option<SecretString>,
    intermediarios: usize,
    frecuencia: Frecuencia,
}

impl Acceso {
    /// El acceso de ese modo.
    #[must_use]
    pub fn nuevo(modo: &Modo) -> Self {
        let Modo::Cerrado(Cerrado { clave_servicio, por_direccion, por_cuenta, intermediarios }) = modo else {
            return Self(None);
        };
        Self(Some(Cierre {
            clave_servicio: clave_servicio.clone(),
            intermediarios: *intermediarios,
            frecuencia: Frecuencia::nueva(*por_direccion, *por_cuenta),
        }))
    }

    /// Si hay que identificarse.
    #[must_use]
    pub const fn es_cerrado(&self) -> bool {
        self.0.is_some()
    }

    /// Cuenta un intento sobre una cuenta, exista o no.
    ///
    /// # Errors
    /// 429 si ya van demasiados.
    pub fn contar_cuenta(&self, ruta: &str, cuenta: &str) -> Result<(), Problema> {
        self.0.as_ref().map_or(Ok(()), |cierre| cierre.frecuencia.contar_cuenta(ruta, cuenta))
    }

    /// Cuenta un intento desde la dirección de quien llama.
    ///
    /// # Errors
    /// 429 si ya van demasiados.
    pub fn contar_direccion(&self, partes: &Parts) -> Result<(), Problema> {
        self.0.as_ref().map_or(Ok(()), |cierre| {
            let par = partes.extensions.get::<Par>().map_or(Ipv4Addr::UNSPECIFIED.into(), |Par(par)| par.ip());
            let ruta = partes.extensions.get::<axum::extract::MatchedPath>().map_or("", |ruta| ruta.as_str());
            cierre.frecuencia.contar_direccion(ruta, direccion(par, &partes.headers, cierre.intermediarios))
        })
    }

    /// Quién llama cuando no hace falta decirlo.
    pub const fn sin_identificar(&self) -> Actor {
        if self.es_cerrado() { Actor::Anonimo } else { Actor::Abierto }
    }

    /// Quién llama.
    ///
    /// # Errors
    /// 401 si no se identifica o lo que trae no sirve; 503 si no se puede saber.
    pub async fn identificar(&self, app: &App, cabeceras: &HeaderMap) -> Result<Actor, Problema> {
        let Some(cierre) = &self.0 else { return Ok(Actor::Abierto) };
        let ficha = ficha(cabeceras).ok_or_else(sin_ficha)?;
        if cierre.es_la_clave(&ficha) {
            return Ok(Actor::Servicio);
        }
        let Portador { id, administra } = app.mediador.consultar(ReconocerPortador { ficha }).await?;
        Ok(if administra { Actor::Administrador(id.into()) } else { Actor::Usuario(id.into()) })
    }
}

impl Cierre {
    /// Si es la clave de servicio, en un tiempo que no depende de cuánto acierte.
    fn es_la_clave(&self, texto: &SecretString) -> bool {
        let igual = |clave: &SecretString| clave.expose_secret().as_bytes().ct_eq(texto.expose_secret().as_bytes());
        self.clave_servicio.as_ref().is_some_and(|clave| igual(clave).into())
    }
}

/// Lo que sigue a `Bearer` (RFC 6750, sección 2.1). Por ningún otro lugar se admite una ficha.
pub(super) fn ficha(cabeceras: &HeaderMap) -> Option<SecretString> {
    let (esquema, ficha) = cabeceras.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    esquema.eq_ignore_ascii_case("bearer").then(|| SecretString::from(ficha.trim()))
}

fn sin_ficha() -> Problema {
    let detalle = "Hace falta identificarse: Authorization: Bearer, con la ficha que da POST /clientes/sesion";
    Problema::nuevo(StatusCode::UNAUTHORIZED, "falta-ficha", "Hace falta identificarse", detalle)
}

/// La dirección de quien llama. Cada intermediario de confianza añade al final de `X-Forwarded-For` la de quien le habló:
/// se cuenta desde el final, porque lo de más adelante lo escribió cualquiera.
pub(super) fn direccion(par: IpAddr, cabeceras: &HeaderMap, intermediarios: usize) -> IpAddr {
    let Some(saltos) = intermediarios.checked_sub(1) else { return par };
    let valores = cabeceras.get_all("x-forwarded-for").iter().filter_map(|valor| valor.to_str().ok());
    let saltadas: Vec<_> = valores.flat_map(|valor| valor.split(',')).map(str::trim).collect();
    let suya = saltadas.iter().rev().nth(saltos).or(saltadas.first());
    suya.and_then(|texto| texto.parse().ok()).unwrap_or(par)
}

#[cfg(test)]
mod pruebas {
    use axum::http::HeaderValue;

    use super::*;

    const PAR: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));

    fn vista(valores: &[&'static str], intermediarios: usize) -> String {
        let mut cabeceras = HeaderMap::new();
        for valor in valores {
            cabeceras.append("x-forwarded-for", HeaderValue::from_static(valor));
        }
        direccion(PAR, &cabeceras, intermediarios).to_string()
    }

    #[test]
    fn sin_intermediarios_solo_cuenta_la_conexion() {
        assert_eq!(vista(&["1.1.1.1"], 0), "10.0.0.1");
        assert_eq!(vista(&[], 1), "10.0.0.1");
    }

    #[test]
    fn con_intermediarios_se_cuenta_desde_el_final() {
        assert_eq!(vista(&["6.6.6.6, 1.1.1.1"], 1), "1.1.1.1");
        assert_eq!(vista(&["6.6.6.6, 1.1.1.1, 2.2.2.2"], 2), "1.1.1.1");
        assert_eq!(vista(&["6.6.6.6", "1.1.1.1", "::2"], 1), "::2");
        assert_eq!(vista(&["1.1.1.1"], 3), "1.1.1.1");
        assert_eq!(vista(&["desconocida"], 1), "10.0.0.1");
    }

    #[test]
    fn la_ficha_solo_llega_como_bearer() {
        let leida = |valor: &'static str| {
            let cabeceras = HeaderMap::from_iter([(header::AUTHORIZATION, HeaderValue::from_static(valor))]);
            ficha(&cabeceras).map(|ficha| ficha.expose_secret().to_owned())
        };
        assert_eq!(leida("Bearer abc").as_deref(), Some("abc"));
        assert_eq!(leida("bearer  abc").as_deref(), Some("abc"));
        for mala in ["abc", "Basic abc", "Bearerabc", "Bearer"] {
            assert_eq!(leida(mala), None, "{mala}");
        }
    }
}
