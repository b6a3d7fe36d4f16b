//! Lo que comparten estas pruebas: un servicio sobre Pulsar, y comandos que pueden quedarse sin respuesta.

use futures_util::StreamExt;
use futures_util::stream::iter;
use reqwest::{Client, Method};
use serde_json::{Value, json};
use uuid::Uuid;

use super::broker::Broker;
use crate::comun::servicio::{Respuesta, Servicio};
use crate::comun::{BaseDePrueba, hasta};

/// Un servicio sobre el bróker compartido. Se sueltan en este orden.
pub struct Prueba {
    pub servicio: Servicio,
    pub base: BaseDePrueba,
    pub broker: Broker,
}

impl Prueba {
    pub async fn nueva() -> Self {
        Self::con(&[]).await
    }

    /// Con esas variables de entorno además de las necesarias.
    pub async fn con(entorno: &[(&str, &str)]) -> Self {
        let (broker, base) = (Broker::limpio().await, BaseDePrueba::vacia().await);
        let servicio = servicio(&base, &broker.url, entorno).await;
        Self { servicio, base, broker }
    }

    /// Una instancia más, sobre la misma base y el mismo bróker.
    pub async fn otra_instancia(&self) -> Servicio {
        servicio(&self.base, &self.broker.url, &[]).await
    }

    /// Espera a que termine un comando y devuelve cómo.
    pub async fn resultado(&self, id_comando: &str) -> Value {
        resultado(&self.servicio, id_comando).await
    }

    /// Espera a que no quede ni un mensaje por publicar ni una entrega por atender.
    pub async fn en_calma(&self) {
        en_calma(&self.base).await;
    }
}

/// Arranca el servicio y espera a que haya preparado el bróker.
pub async fn servicio(base: &BaseDePrueba, url: &str, entorno: &[(&str, &str)]) -> Servicio {
    let entorno: Vec<_> = entorno.iter().copied().chain([("PULSAR_URL", url)]).collect();
    let servicio = Servicio::arrancar(base, &entorno).await;
    servicio.registros.esperar("Pulsar está preparado").await;
    esta(&servicio, "listo").await;
    servicio
}

/// Espera a que diga que está así.
pub async fn esta(servicio: &Servicio, estado: &str) {
    let dice = async || servicio.get("/health/ready").await.cuerpo["estado"] == estado;
    hasta(&format!("que el servicio diga {estado}"), dice).await;
}

pub async fn resultado(servicio: &Servicio, id_comando: &str) -> Value {
    let ruta = format!("/comandos/{id_comando}");
    let preguntar = async || servicio.get(&ruta).await.con(200);
    hasta("que el comando termine", async || preguntar().await["estado"] != "pendiente").await;
    preguntar().await
}

/// De una identidad ajena no se sabe nada hasta que su resultado está.
pub async fn resultado_cuando_exista(servicio: &Servicio, id: &str) -> String {
    let ruta = format!("/comandos/{id}");
    hasta("que exista el resultado", async || servicio.get(&ruta).await.estado == 200).await;
    servicio.get(&ruta).await.con(200)["estado"].as_str().unwrap().to_owned()
}

pub async fn en_calma(base: &BaseDePrueba) {
    let sql = "SELECT (SELECT count(*) FROM entregas) \
               + (SELECT count(*) FROM bandeja_salida WHERE publicada_en IS NULL) \
               + (SELECT count(*) FROM bandeja_salida s WHERE topico LIKE 'eventos-%' AND NOT EXISTS \
               (SELECT 1 FROM bandeja_entrada e WHERE e.id_mensaje = s.id::text))";
    hasta("que no quede nada por mover", async || base.contar(sql).await == 0).await;
}

/// Un comando aceptado con 202.
#[derive(Debug, Clone)]
pub struct Aceptado {
    pub id_comando: String,
    pub id: String,
}

impl From<Value> for Aceptado {
    fn from(cuerpo: Value) -> Self {
        let texto = |miembro: &str| cuerpo[miembro].as_str().unwrap().to_owned();
        Self { id_comando: texto("id_comando"), id: texto("id") }
    }
}

/// Encarga crear una reserva.
pub async fn crear(servicio: &Servicio) -> Aceptado {
    servicio.post("/vuelos/reserva-comando", &reserva()).await.con(202).into()
}

/// Da una orden sobre una reserva sin esperarla.
pub async fn sin_esperar(servicio: &Servicio, id: &str, orden: &str) -> Respuesta {
    let ruta = format!("/vuelos/reserva/{id}/{orden}");
    servicio.pedir(Method::POST, &ruta, |solicitud| solicitud.header("prefer", "respond-async")).await
}

/// Encarga tantas reservas, ocho a la vez y cada una con su pago detrás, a quien puede morir a mitad: da lo que se
/// aceptó con 202. A quien lo pida se le cuenta cada aceptación.
pub async fn crear_y_pagar(direccion: &str, cuantas: usize, contar: impl Fn()) -> Vec<Aceptado> {
    let cliente = Client::builder().no_proxy().build().unwrap();
    let encargar = async |ruta: String, cuerpo: Option<Value>| -> Option<Aceptado> {
        let solicitud = cliente.post(format!("http://{direccion}{ruta}")).header("prefer", "respond-async");
        let solicitud = cuerpo.map_or(solicitud.try_clone()?, |cuerpo| solicitud.json(&cuerpo));
        let respuesta = solicitud.send().await.ok()?;
        let aceptado = respuesta.status() == 202;
        let (reintento, direccion) = (respuesta.headers().get("retry-after"), respuesta.headers().get("location"));
        let (reintento, direccion) = (reintento.is_some(), direccion.is_some());
        let cuerpo: Value = respuesta.json().await.ok()?;
        contar();
        // Si no se sabe, se dice dónde preguntar; y siempre, que se puede volver a intentar.
        let desconocida = cuerpo["type"] == "urn:aeroalpes:problema:aceptacion-desconocida";
        assert!(aceptado || reintento && desconocida == direccion, "{cuerpo}");
        aceptado.then(|| cuerpo.into())
    };
    let una = async |_| {
        let creada = encargar("/vuelos/reserva-comando".into(), Some(reserva())).await;
        let pagada = match &creada {
            Some(Aceptado { id, .. }) => encargar(format!("/vuelos/reserva/{id}/pagar"), None).await,
            None => None,
        };
        creada.into_iter().chain(pagada).collect::<Vec<_>>()
    };
    iter(0..cuantas).map(una).buffer_unordered(8).concat().await
}

/// Comprueba que cada comando aceptado con 202 terminó, cumplido, y que cada efecto se dio una sola vez; aparte están
/// las reservas que se crearon de forma síncrona.
pub async fn comprobar_cumplidos(base: &BaseDePrueba, aceptados: &[Aceptado], sincronas: i64) {
    let ids: Vec<Uuid> = aceptados.iter().map(|aceptado| aceptado.id_comando.parse().unwrap()).collect();
    let sql = "SELECT count(*) FROM resultados_comando WHERE rechazo IS NULL AND id = ANY($1)";
    let cumplidos =
        async || -> i64 { sqlx::query_scalar(sql).bind(&ids).fetch_one(&mut base.conectar().await).await.unwrap() };
    let todos = i64::try_from(ids.len()).unwrap();
    hasta("que se cumpla todo lo aceptado", async || cumplidos().await == todos).await;
    en_calma(base).await;
    // De lo que quedó sin respuesta no se sabe; pero también se cumplió una vez o ninguna.
    let casos = [
        ("CrearReserva", "'pendiente', 'pagada'", "ReservaCreada", sincronas),
        ("PagarReserva", "'pagada'", "ReservaPagada", 0),
    ];
    for (comando, estados, evento, sincronas) in casos {
        let resultados = format!("resultados_comando WHERE comando = '{comando}' AND rechazo IS NULL");
        let efectos = format!("reservas WHERE estado IN ({estados})");
        let eventos = format!("bandeja_salida WHERE tipo = '{evento}'");
        let contar = async |que: String| base.contar(&format!("SELECT count(*) FROM {que}")).await;
        let esperados = contar(resultados).await + sincronas;
        assert_eq!((contar(efectos).await, contar(eventos).await), (esperados, esperados), "{comando}");
    }
}

/// La reserva del contrato.
pub fn reserva() -> Value {
    let aeropuerto = |codigo: &str| json!({"codigo": codigo, "nombre": format!("Aeropuerto {codigo}")});
    let leg = json!({"fecha_salida": "2022-11-22T13:10:00Z", "fecha_llegada": "2022-11-22T15:10:00Z",
        "origen": aeropuerto("BOG"), "destino": aeropuerto("JFK")});
    json!({"itinerarios": [{"odos": [{"segmentos": [{"legs": [leg]}]}]}]})
}

/// Los mismos bytes con un texto cambiado por otro de igual largo: el dato de Avro sigue bien formado.
pub fn cambiar(datos: &[u8], antes: &str, despues: &str) -> Vec<u8> {
    assert_eq!(antes.len(), despues.len());
    let lugar = datos.windows(antes.len()).position(|ventana| ventana == antes.as_bytes()).unwrap();
    let mut datos = datos.to_vec();
    datos[lugar..lugar + antes.len()].copy_from_slice(despues.as_bytes());
    datos
}
