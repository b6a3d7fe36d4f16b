//! Los permisos que puede pedir una ruta.

use std::future::Future;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use uuid::Uuid;

use super::App;
use super::problema::Problema;
use super::ruta::IdDeRuta;
use crate::modulos::clientes::{ErrorClientes, IdUsuario};
use crate::modulos::vuelos::{ErrorVuelos, IdReserva, ResumirReservas};
use crate::seedwork::aplicacion::actor::Actor;
use crate::seedwork::aplicacion::resultados::{DuenoDeComando, ErrorResultados};

/// Quién puede usar una ruta. En modo abierto, cualquiera.
pub trait Permiso: Send {
    /// Comprueba el permiso y dice quién llama.
    ///
    /// # Errors
    /// El problema que lo impide.
    fn comprobar(app: &App, partes: &mut Parts) -> impl Future<Output = Result<Actor, Problema>> + Send;
}

/// Cualquiera, sin identificarse.
pub struct Publico;

impl Permiso for Publico {
    async fn comprobar(app: &App, _: &mut Parts) -> Result<Actor, Problema> {
        Ok(app.acceso.sin_identificar())
    }
}

/// Cualquiera, sin identificarse, tantas veces por minuto como se admitan desde una dirección.
pub struct Intentos;

impl Permiso for Intentos {
    async fn comprobar(app: &App, partes: &mut Parts) -> Result<Actor, Problema> {
        app.acceso.contar_direccion(partes)?;
        Ok(app.acceso.sin_identificar())
    }
}

/// Quien se identifique.
pub struct ConFicha;

impl Permiso for ConFicha {
    async fn comprobar(app: &App, partes: &mut Parts) -> Result<Actor, Problema> {
        app.acceso.identificar(app, &partes.headers).await
    }
}

/// Quien administre, o un sistema con la clave de servicio.
pub struct Administracion;

impl Permiso for Administracion {
    async fn comprobar(app: &App, partes: &mut Parts) -> Result<Actor, Problema> {
        let actor = ConFicha::comprobar(app, partes).await?;
        if actor.administra() { Ok(actor) } else { Err(sin_permiso()) }
    }
}

/// El cliente de la reserva que nombra la ruta. Para los demás, esa reserva no existe.
pub struct SuReserva;

impl Permiso for SuReserva {
    async fn comprobar(app: &App, partes: &mut Parts) -> Result<Actor, Problema> {
        let actor = ConFicha::comprobar(app, partes).await?;
        if !actor.administra() {
            let id = IdReserva(id(partes).await?);
            let reservas = app.mediador.consultar(ResumirReservas { ids: vec![id] }).await?;
            let dueno = reservas.first().and_then(|reserva| reserva.id_cliente).map(Uuid::from);
            exigir(actor.puede_con(dueno), || ErrorVuelos::ReservaNoExiste(id).into())?;
        }
        Ok(actor)
    }
}

/// El usuario que nombra la ruta. Para los demás, ese usuario no existe.
pub struct SuUsuario;

impl Permiso for SuUsuario {
    async fn comprobar(app: &App, partes: &mut Parts) -> Result<Actor, Problema> {
        let actor = ConFicha::comprobar(app, partes).await?;
        if !actor.administra() {
            let id = id(partes).await?;
            exigir(actor.puede_con(Some(id)), || ErrorClientes::UsuarioNoExiste(IdUsuario(id)).into())?;
        }
        Ok(actor)
    }
}

/// El usuario que pidió el comando que nombra la ruta. Para los demás, ese comando no existe.
pub struct SuComando;

impl Permiso for SuComando {
    async fn comprobar(app: &App, partes: &mut Parts) -> Result<Actor, Problema> {
        let actor = ConFicha::comprobar(app, partes).await?;
        if !actor.administra() {
            let dueno = app.mediador.consultar(DuenoDeComando { id: id(partes).await? }).await?;
            exigir(actor.puede_con(dueno), || ErrorResultados::NoExiste.into())?;
        }
        Ok(actor)
    }
}

async fn id(partes: &mut Parts) -> Result<Uuid, Problema> {
    IdDeRuta::from_request_parts(partes, &()).await.map(|IdDeRuta(id)| id)
}

fn exigir(puede: bool, si_no: impl FnOnce() -> Problema) -> Result<(), Problema> {
    if puede { Ok(()) } else { Err(si_no()) }
}

/// Quien llama no puede hacer eso.
fn sin_permiso() -> Problema {
    Problema::prohibido("sin-permiso", "Hace falta ser administrador, o la clave de servicio")
}
