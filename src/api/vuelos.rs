//! Rutas de las reservas.

use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::acceso::{Permitido, Puerta};
use super::cuerpo::Cuerpo;
use super::fechas::Instante;
use super::idempotencia::{ClaveIdempotencia, Respuesta, cumplir};
use super::json::Json;
use super::paginas::{PaginaPedida, Parametros, ParametrosPagina, interpretar};
use super::permisos::{Administracion, ConFicha, SuReserva};
use super::problema::Problema;
use super::respuesta_asincrona::{RespuestaAceptado, aceptar, cumplir_o_aceptar};
use super::ruta::IdDeRuta;
use super::vuelos_cuerpos::{CuerpoReserva, EstadoDeReserva, RespuestaReserva, RespuestaResumen};
use crate::modulos::vuelos::{
    AprobarReserva, CancelarReserva, EstadoReserva, EventoEnHistoria, FiltroReservas, IdCliente, IdReserva,
    ListarReservas, ObtenerHistoria, ObtenerReserva, PagarReserva,
};

/// Las rutas del módulo.
pub fn rutas() -> OpenApiRouter<Puerta> {
    OpenApiRouter::new()
        .routes(routes!(reservar, listar))
        .routes(routes!(reservar_asincrona))
        .routes(routes!(dar_reserva))
        .routes(routes!(dar_reserva_usando_query))
        .routes(routes!(pagar))
        .routes(routes!(aprobar))
        .routes(routes!(cancelar))
        .routes(routes!(historia))
}

/// Crea una reserva y la devuelve como quedó guardada.
#[utoipa::path(post, path = "/vuelos/reserva", tag = "vuelos", request_body = CuerpoReserva,
    responses((status = 200, description = "La reserva creada", body = RespuestaReserva),
        (status = 409, description = "El cliente está desactivado", body = Problema),
        (status = 422, description = "El cliente no existe", body = Problema)))]
async fn reservar(
    Permitido { app, contexto, .. }: Permitido<ConFicha>,
    clave: ClaveIdempotencia,
    Cuerpo(cuerpo, texto): Cuerpo<CuerpoReserva>,
) -> Result<Response, Problema> {
    let comando = cuerpo.comando(contexto.actor)?;
    let formar = |reserva| Respuesta::nueva(RespuestaReserva::from(reserva));
    let solicitud = clave.con(&app, &contexto, &texto);
    cumplir(&app, contexto, solicitud, comando, formar).await
}

/// Acepta una reserva para crearla después (pasos 2 y 3 del tutorial); `/comandos/{id}` dice cómo terminó.
#[utoipa::path(post, path = "/vuelos/reserva-comando", tag = "vuelos", request_body = CuerpoReserva,
    responses((status = 202, description = "Aceptada", body = RespuestaAceptado,
        headers(("Location" = String, description = "Dónde preguntar cómo terminó")))))]
async fn reservar_asincrona(
    Permitido { app, contexto, .. }: Permitido<ConFicha>,
    clave: ClaveIdempotencia,
    Cuerpo(cuerpo, texto): Cuerpo<CuerpoReserva>,
) -> Result<Response, Problema> {
    let comando = cuerpo.comando(contexto.actor)?;
    let solicitud = clave.con(&app, &contexto, &texto);
    aceptar(&app, contexto, solicitud, comando).await
}

/// Devuelve una reserva.
#[utoipa::path(get, path = "/vuelos/reserva/{id}", tag = "vuelos", params(("id" = Uuid, Path, description = "La reserva")),
    responses((status = 200, description = "La reserva", body = RespuestaReserva)))]
async fn dar_reserva(
    Permitido { app, .. }: Permitido<SuReserva>,
    IdDeRuta(id): IdDeRuta,
) -> Result<Json<RespuestaReserva>, Problema> {
    Ok(Json(app.mediador.consultar(ObtenerReserva { id: IdReserva(id) }).await?.into()))
}

/// Devuelve una reserva: la misma respuesta que `/vuelos/reserva/{id}`, con el nombre que le da el tutorial.
#[utoipa::path(get, path = "/vuelos/reserva-query/{id}", tag = "vuelos", params(("id" = Uuid, Path, description = "La reserva")),
    responses((status = 200, description = "La reserva", body = RespuestaReserva)))]
async fn dar_reserva_usando_query(
    permitido: Permitido<SuReserva>,
    id: IdDeRuta,
) -> Result<Json<RespuestaReserva>, Problema> {
    dar_reserva(permitido, id).await
}

/// Qué reservas se listan; las condiciones se suman.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ParametrosReservas {
    /// Sólo las que están en ese estado.
    #[param(value_type = Option<EstadoDeReserva>)]
    estado: Option<String>,
    /// `no`: sólo las que siguen sin pagar (pendientes). `si`: sólo las pagadas o ya aprobadas.
    #[param(pattern = "^(si|no)$")]
    pagada: Option<String>,
    /// Sólo las de ese cliente.
    #[param(value_type = Option<Uuid>)]
    id_cliente: Option<String>,
}

impl ParametrosReservas {
    fn filtro(self) -> Result<FiltroReservas, Problema> {
        let estado =
            interpretar(self.estado, "estado", "pendiente, pagada, aprobada o cancelada", EstadoReserva::de_nombre)?;
        let pagada = interpretar(self.pagada, "pagada", "si o no", |texto| match texto {
            "si" => Some(true),
            "no" => Some(false),
            _ => None,
        })?;
        let uuid = |texto: &str| Uuid::parse_str(texto).ok().map(IdCliente);
        Ok(FiltroReservas { estado, pagada, id_cliente: interpretar(self.id_cliente, "id_cliente", "un UUID", uuid)? })
    }
}

/// Lista reservas, de la más nueva a la más vieja.
#[utoipa::path(get, path = "/vuelos/reserva", tag = "vuelos", params(ParametrosReservas, ParametrosPagina),
    responses((status = 200, description = "Una página de reservas", body = Vec<RespuestaResumen>,
        headers(("Link" = Option<String>, description = "La página siguiente, si la hay: `<…>; rel=\"next\"`")))))]
async fn listar(
    Permitido { app, .. }: Permitido<Administracion>,
    Parametros(filtro): Parametros<ParametrosReservas>,
    pagina: PaginaPedida,
) -> Result<impl IntoResponse, Problema> {
    let consulta = ListarReservas { filtro: filtro.filtro()?, pedido: pagina.pedido };
    let reservas = app.mediador.consultar(consulta).await?;
    let cuerpo: Vec<_> = reservas.elementos.into_iter().map(RespuestaResumen::from).collect();
    Ok((pagina.enlace(reservas.siguiente), Json(cuerpo)))
}

/// Paga una reserva pendiente.
#[utoipa::path(post, path = "/vuelos/reserva/{id}/pagar", tag = "vuelos", params(("id" = Uuid, Path, description = "La reserva")),
    responses((status = 200, description = "La reserva pagada", body = RespuestaReserva),
        (status = 202, description = "Aceptada, con `Prefer: respond-async`", body = RespuestaAceptado),
        (status = 409, description = "La reserva no está pendiente, o está ocupada", body = Problema)))]
async fn pagar(
    Permitido { app, contexto, .. }: Permitido<SuReserva>,
    IdDeRuta(id): IdDeRuta,
    clave: ClaveIdempotencia,
    cabeceras: HeaderMap,
) -> Result<Response, Problema> {
    let comando = PagarReserva { id: IdReserva(id) };
    let solicitud = clave.sin_cuerpo(&app, &contexto);
    cumplir_o_aceptar::<_, RespuestaReserva>(&app, &cabeceras, contexto, solicitud, comando).await
}

/// Aprueba una reserva pagada.
#[utoipa::path(post, path = "/vuelos/reserva/{id}/aprobar", tag = "vuelos", params(("id" = Uuid, Path, description = "La reserva")),
    responses((status = 200, description = "La reserva aprobada", body = RespuestaReserva),
        (status = 202, description = "Aceptada, con `Prefer: respond-async`", body = RespuestaAceptado),
        (status = 409, description = "La reserva no está pagada, o está ocupada", body = Problema)))]
async fn aprobar(
    Permitido { app, contexto, .. }: Permitido<Administracion>,
    IdDeRuta(id): IdDeRuta,
    clave: ClaveIdempotencia,
    cabeceras: HeaderMap,
) -> Result<Response, Problema> {
    let comando = AprobarReserva { id: IdReserva(id) };
    let solicitud = clave.sin_cuerpo(&app, &contexto);
    cumplir_o_aceptar::<_, RespuestaReserva>(&app, &cabeceras, contexto, solicitud, comando).await
}

/// Cancela una reserva, de forma definitiva.
#[utoipa::path(post, path = "/vuelos/reserva/{id}/cancelar", tag = "vuelos", params(("id" = Uuid, Path, description = "La reserva")),
    responses((status = 200, description = "La reserva cancelada", body = RespuestaReserva),
        (status = 202, description = "Aceptada, con `Prefer: respond-async`", body = RespuestaAceptado),
        (status = 409, description = "La reserva ya está cancelada, o está ocupada", body = Problema)))]
async fn cancelar(
    Permitido { app, contexto, .. }: Permitido<SuReserva>,
    IdDeRuta(id): IdDeRuta,
    clave: ClaveIdempotencia,
    cabeceras: HeaderMap,
) -> Result<Response, Problema> {
    let comando = CancelarReserva { id: IdReserva(id) };
    let solicitud = clave.sin_cuerpo(&app, &contexto);
    cumplir_o_aceptar::<_, RespuestaReserva>(&app, &cabeceras, contexto, solicitud, comando).await
}

/// Un evento de una reserva y sus momentos.
#[derive(Serialize, ToSchema)]
struct RespuestaEvento {
    /// El nombre del evento.
    #[schema(example = "ReservaCreada")]
    r#type: String,
    /// Cuándo ocurrió.
    ocurrido_en: Instante,
    /// Cuándo confirmó el bus que lo tenía.
    publicado_en: Option<Instante>,
    /// Cuándo lo recibió nuestro propio consumidor.
    recibido_en: Option<Instante>,
}

/// Cuenta qué le pasó a una reserva, en orden, y qué fue de cada noticia.
#[utoipa::path(get, path = "/vuelos/reserva/{id}/historia", tag = "vuelos",
    params(("id" = Uuid, Path, description = "La reserva")),
    responses((status = 200, description = "Sus eventos, en orden", body = Vec<RespuestaEvento>)))]
async fn historia(
    Permitido { app, .. }: Permitido<SuReserva>,
    IdDeRuta(id): IdDeRuta,
) -> Result<Json<Vec<RespuestaEvento>>, Problema> {
    let eventos = app.mediador.consultar(ObtenerHistoria { id: IdReserva(id) }).await?;
    let respuesta = |evento: EventoEnHistoria| RespuestaEvento {
        r#type: evento.tipo,
        ocurrido_en: Instante(evento.ocurrido_en),
        publicado_en: evento.publicado_en.map(Instante),
        recibido_en: evento.recibido_en.map(Instante),
    };
    Ok(Json(eventos.into_iter().map(respuesta).collect()))
}
