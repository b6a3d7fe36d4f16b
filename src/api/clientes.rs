//! Rutas de los usuarios.

use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::App;
use super::acceso::{Permitido, Puerta};
use super::clientes_cuerpos::{
    CuerpoSesion, CuerpoUsuario, CuerpoValidacion, EstadoDeUsuario, RespuestaSesion, RespuestaUsuario,
};
use super::cuerpo::Cuerpo;
use super::idempotencia::{ClaveIdempotencia, Respuesta, cumplir, cumplir_o_negar};
use super::json::Json;
use super::paginas::{PaginaPedida, Parametros, ParametrosPagina, interpretar};
use super::permisos::{Administracion, Intentos, SuUsuario};
use super::problema::Problema;
use super::respuesta_asincrona::{RespuestaAceptado, cumplir_o_aceptar};
use super::ruta::IdDeRuta;
use super::vuelos_cuerpos::RespuestaResumen;
use crate::modulos::clientes::{
    AutenticarUsuario, BorrarUsuario, ClaveUsuario, CodigoIncorrecto, DesactivarUsuario, Email, EmitirFicha,
    ErrorClientes, EstadoUsuario, IdUsuario, ListarUsuarios, ObtenerUsuario, PedirCodigo, RegistrarUsuario,
    ReservasDeUsuario, UsuarioVista, ValidarUsuario,
};
use crate::modulos::vuelos::{IdReserva, ResumirReservas};
use crate::seedwork::aplicacion::mensajes::ErrorModulo;

/// Las rutas del módulo.
pub fn rutas() -> OpenApiRouter<Puerta> {
    OpenApiRouter::new()
        .routes(routes!(registrar, buscar))
        .routes(routes!(dar_usuario, borrar))
        .routes(routes!(validar))
        .routes(routes!(pedir_codigo))
        .routes(routes!(desactivar))
        .routes(routes!(reservas))
        .routes(routes!(iniciar_sesion))
}

/// Registra un usuario. El código para validarlo le llega aparte.
#[utoipa::path(post, path = "/clientes/usuario", tag = "clientes", security(()), request_body = CuerpoUsuario,
    responses((status = 201, description = "El usuario registrado", body = RespuestaUsuario,
            headers(("Location" = String, description = "La dirección del usuario"))),
        (status = 409, description = "Otro usuario ya tiene ese e-mail", body = Problema),
        (status = 410, description = "La solicitud de esa `Idempotency-Key` se cumplió; el usuario se borró después", body = Problema)))]
async fn registrar(
    Permitido { app, contexto, .. }: Permitido<Intentos>,
    clave: ClaveIdempotencia,
    Cuerpo(cuerpo, texto): Cuerpo<CuerpoUsuario>,
) -> Result<Response, Problema> {
    let (datos, contrasena) = cuerpo.comprobar(contexto.momento.date())?;
    app.acceso.contar_cuenta("registro", &datos.email.clave())?;
    let comando = RegistrarUsuario { id: IdUsuario::nueva(), datos, contrasena };
    let formar = |usuario: UsuarioVista| {
        Respuesta::creada(format!("/clientes/usuario/{}", usuario.id), RespuestaUsuario::from(usuario))
    };
    let solicitud = clave.con(&app, &contexto, &texto);
    cumplir(&app, contexto, solicitud, comando, formar).await
}

/// Devuelve un usuario.
#[utoipa::path(get, path = "/clientes/usuario/{id}", tag = "clientes", params(("id" = Uuid, Path, description = "El usuario")),
    responses((status = 200, description = "El usuario", body = RespuestaUsuario)))]
async fn dar_usuario(
    Permitido { app, .. }: Permitido<SuUsuario>,
    IdDeRuta(id): IdDeRuta,
) -> Result<Json<RespuestaUsuario>, Problema> {
    Ok(Json(app.mediador.consultar(ObtenerUsuario(ClaveUsuario::Id(IdUsuario(id)))).await?.into()))
}

/// Qué usuario, o qué usuarios.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ParametrosUsuarios {
    /// El usuario de ese e-mail: la respuesta es uno solo, no una lista.
    #[param(example = "ana@ejemplo.co")]
    email: Option<String>,
    /// Sólo los que están en ese estado.
    #[param(value_type = Option<EstadoDeUsuario>)]
    estado: Option<String>,
}

/// Un usuario o una página de ellos.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
enum UnoOVarios {
    Uno(RespuestaUsuario),
    Varios(Vec<RespuestaUsuario>),
}

/// Busca un usuario por su e-mail o, sin `email`, lista los usuarios, del más nuevo al más viejo.
#[utoipa::path(get, path = "/clientes/usuario", tag = "clientes", params(ParametrosUsuarios, ParametrosPagina),
    responses((status = 200, description = "El usuario de ese e-mail, o una página de usuarios", body = UnoOVarios,
            headers(("Link" = Option<String>, description = "La página siguiente, si la hay: `<…>; rel=\"next\"`"))),
        (status = 404, description = "Ningún usuario tiene ese e-mail", body = Problema)))]
async fn buscar(
    Permitido { app, .. }: Permitido<Administracion>,
    Parametros(parametros): Parametros<ParametrosUsuarios>,
    pagina: PaginaPedida,
) -> Result<impl IntoResponse, Problema> {
    if let Some(email) = parametros.email {
        let email = Email::nuevo(email).map_err(|_| Problema::parametro_invalido("email", "un e-mail"))?;
        let usuario = app.mediador.consultar(ObtenerUsuario(ClaveUsuario::Email(email))).await?;
        return Ok((pagina.enlace(None), Json(UnoOVarios::Uno(usuario.into()))));
    }
    let estados = "registrado, validado o desactivado";
    let estado = interpretar(parametros.estado, "estado", estados, EstadoUsuario::de_nombre)?;
    let usuarios = app.mediador.consultar(ListarUsuarios { estado, pedido: pagina.pedido }).await?;
    let cuerpo = usuarios.elementos.into_iter().map(RespuestaUsuario::from).collect();
    Ok((pagina.enlace(usuarios.siguiente), Json(UnoOVarios::Varios(cuerpo))))
}

/// Confirma un registro con el código que recibió el usuario.
#[utoipa::path(post, path = "/clientes/usuario/{id}/validar", tag = "clientes", security(()), request_body = CuerpoValidacion,
    params(("id" = Uuid, Path, description = "El usuario")),
    responses((status = 200, description = "El usuario validado", body = RespuestaUsuario),
        (status = 409, description = "El usuario no está recién registrado o está ocupado, o su código caducó o se falló \
            demasiadas veces", body = Problema),
        (status = 410, description = "La solicitud de esa `Idempotency-Key` se cumplió; el usuario se borró después", body = Problema)))]
async fn validar(
    Permitido { app, contexto, .. }: Permitido<Intentos>,
    IdDeRuta(id): IdDeRuta,
    clave: ClaveIdempotencia,
    Cuerpo(cuerpo, texto): Cuerpo<CuerpoValidacion>,
) -> Result<Response, Problema> {
    app.acceso.contar_cuenta("validacion", &id.to_string())?;
    let comando = ValidarUsuario { id: IdUsuario(id), codigo: cuerpo.codigo };
    let formar = |validado: Result<_, _>| match validado {
        Ok(usuario) => Ok(Respuesta::nueva(RespuestaUsuario::from(usuario))),
        Err(incorrecto) => Err(ErrorClientes::from(incorrecto).rechazo()),
    };
    let solicitud = clave.con(&app, &contexto, &texto);
    let validado = cumplir_o_negar(&app, contexto, solicitud, comando, formar).await;
    validado.map_err(|problema| sin_enumerar(&app, problema))
}

/// En modo cerrado se responde igual al código malo y a quien no existe, ya está validado o tiene que pedir otro código.
fn sin_enumerar(app: &App, problema: Problema) -> Problema {
    const DELATAN: [&str; 4] = ["usuario-no-existe", "cambio-no-permitido", "codigo-caducado", "codigo-agotado"];
    if app.acceso.es_cerrado() && DELATAN.iter().any(|codigo| problema.es(codigo)) {
        return ErrorClientes::from(CodigoIncorrecto).into();
    }
    problema
}

/// Entrega otro código a un usuario recién registrado; los anteriores dejan de valer. Como mucho, uno por minuto.
#[utoipa::path(post, path = "/clientes/usuario/{id}/codigo", tag = "clientes",
    params(("id" = Uuid, Path, description = "El usuario")),
    responses((status = 204, description = "El código va en camino"),
        (status = 409, description = "El usuario no está recién registrado, o está ocupado", body = Problema),
        (status = 429, description = "Hace menos de un minuto se entregó otro; `Retry-After` dice cuánto falta",
            body = Problema)))]
async fn pedir_codigo(
    Permitido { app, contexto, .. }: Permitido<SuUsuario>,
    IdDeRuta(id): IdDeRuta,
    clave: ClaveIdempotencia,
) -> Result<Response, Problema> {
    let comando = PedirCodigo { id: IdUsuario(id) };
    let solicitud = clave.sin_cuerpo(&app, &contexto);
    cumplir(&app, contexto, solicitud, comando, |()| Respuesta::vacia()).await
}

/// Borra a un usuario con sus datos personales, para siempre. Sus reservas quedan, con su `id_cliente`.
#[utoipa::path(delete, path = "/clientes/usuario/{id}", tag = "clientes",
    params(("id" = Uuid, Path, description = "El usuario")),
    responses((status = 204, description = "El usuario ya no existe"),
        (status = 409, description = "El usuario está ocupado", body = Problema)))]
async fn borrar(
    Permitido { app, contexto, .. }: Permitido<SuUsuario>,
    IdDeRuta(id): IdDeRuta,
) -> Result<StatusCode, Problema> {
    app.mediador.ejecutar(contexto, BorrarUsuario { id: IdUsuario(id) }).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Desactiva a un usuario, de forma definitiva: ya no puede reservar.
#[utoipa::path(post, path = "/clientes/usuario/{id}/desactivar", tag = "clientes",
    params(("id" = Uuid, Path, description = "El usuario")),
    responses((status = 200, description = "El usuario desactivado", body = RespuestaUsuario),
        (status = 202, description = "Aceptado, con `Prefer: respond-async`", body = RespuestaAceptado),
        (status = 409, description = "El usuario ya está desactivado, o está ocupado", body = Problema),
        (status = 410, description = "La solicitud de esa `Idempotency-Key` se cumplió; el usuario se borró después", body = Problema)))]
async fn desactivar(
    Permitido { app, contexto, .. }: Permitido<SuUsuario>,
    IdDeRuta(id): IdDeRuta,
    clave: ClaveIdempotencia,
    cabeceras: HeaderMap,
) -> Result<Response, Problema> {
    let comando = DesactivarUsuario { id: IdUsuario(id) };
    let solicitud = clave.sin_cuerpo(&app, &contexto);
    cumplir_o_aceptar::<_, RespuestaUsuario>(&app, &cabeceras, contexto, solicitud, comando).await
}

/// Lista las reservas de un usuario, de la más nueva a la más vieja.
#[utoipa::path(get, path = "/clientes/usuario/{id}/reservas", tag = "clientes",
    params(("id" = Uuid, Path, description = "El usuario"), ParametrosPagina),
    responses((status = 200, description = "Una página de sus reservas", body = Vec<RespuestaResumen>,
        headers(("Link" = Option<String>, description = "La página siguiente, si la hay: `<…>; rel=\"next\"`")))))]
async fn reservas(
    Permitido { app, .. }: Permitido<SuUsuario>,
    IdDeRuta(id): IdDeRuta,
    pagina: PaginaPedida,
) -> Result<impl IntoResponse, Problema> {
    let consulta = ReservasDeUsuario { id: IdUsuario(id), pedido: pagina.pedido };
    let suyas = app.mediador.consultar(consulta).await?;
    let ids = suyas.elementos.iter().map(|reserva| IdReserva(reserva.id_reserva)).collect();
    let reservas = app.mediador.consultar(ResumirReservas { ids }).await?;
    let cuerpo: Vec<_> = reservas.into_iter().map(RespuestaResumen::from).collect();
    Ok((pagina.enlace(suyas.siguiente), Json(cuerpo)))
}

/// Comprueba unas credenciales y, en modo cerrado, da una ficha con que identificarse. No cambia nada: con
/// `Idempotency-Key` o sin ella, repetirla es comprobarlas otra vez.
#[utoipa::path(post, path = "/clientes/sesion", tag = "clientes", security(()), request_body = CuerpoSesion,
    responses((status = 200, description = "El usuario de esas credenciales", body = RespuestaSesion),
        (status = 401, description = "Las credenciales no sirven; no dice por qué", body = Problema)))]
async fn iniciar_sesion(
    Permitido { app, .. }: Permitido<Intentos>,
    _: ClaveIdempotencia,
    Cuerpo(cuerpo, _): Cuerpo<CuerpoSesion>,
) -> Result<Json<RespuestaSesion>, Problema> {
    let (email, contrasena) = cuerpo.credenciales();
    if let Some(email) = &email {
        app.acceso.contar_cuenta("sesion", &email.clave())?;
    }
    let usuario = app.mediador.consultar(AutenticarUsuario { email, contrasena }).await?;
    if !app.acceso.es_cerrado() {
        return Ok(Json(RespuestaSesion::nueva(usuario, None)));
    }
    let ficha = app.mediador.consultar(EmitirFicha { id: usuario.id }).await?;
    Ok(Json(RespuestaSesion::nueva(usuario, Some(ficha))))
}
