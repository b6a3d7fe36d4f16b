//! `POST /vuelos/reserva-comando` hasta el 202. Su límite: el cliente de Pulsar solo, con los mismos envíos sin recibo a
//! la vez y un mensaje de los que publica el servicio.

use std::time::Duration;

use aeroalpes::seedwork::infraestructura::mensajeria::pulsar::conexion::{Uso, conectar, observador};
use futures_util::StreamExt;
use pulsar::producer::Message;
use tokio::time::timeout;

use super::COMANDOS;
use super::escenario::{Escenario, topico};
use super::pulsar_solo::PulsarSolo;
use crate::Fallo;
use crate::instancia::Instancia;
use crate::medida::{Camino, Resultados, Unidad, alternar};
use crate::mundo::Mundo;
use crate::wrk;

/// El camino en `--solo`, en el JSON y en las metas.
pub const CLAVE: &str = "comando-202";
/// Con qué se cargan las rutas que reservan.
pub const GUION: &str = "reservar";
const RUTA: &str = "/vuelos/reserva-comando";
const CONEXIONES: [u32; 3] = [1, 16, 64];
/// Lo más que se espera el primer mensaje.
const PLAZO: Duration = Duration::from_secs(20);

/// Mide el camino con cada número de conexiones.
pub async fn medir(mundo: &Mundo, resultados: &mut Resultados) -> Result<(), Fallo> {
    let (segundos, escenario) = (mundo.argumentos.segundos, Escenario::nuevo(mundo, "aceptar", 0).await?);
    let servicio = escenario.arrancar(mundo, "api").await?;
    let muestra = muestra(&escenario, &servicio).await?;
    let solo = PulsarSolo::nuevo(&escenario.broker()?, topico(COMANDOS)?).await?;
    for conexiones in CONEXIONES {
        let limite = async || {
            let en_vuelo = usize::try_from(conexiones)?;
            Ok(solo.enviar_durante(&muestra, en_vuelo, Duration::from_secs(segundos)).await?.por_segundo())
        };
        let cargar = async || wrk::correr(conexiones, segundos, &url(&servicio), GUION).await;
        let tanda = async || escenario.medir(&servicio, cargar()).await;
        let rondas = alternar(mundo.argumentos.rondas, tanda, limite).await?;
        let titulo = "POST /vuelos/reserva-comando → 202".to_owned();
        resultados.anotar(Camino { clave: CLAVE, titulo, conexiones, unidad: Unidad::PorSegundo, rondas });
    }
    servicio.parar().await?;
    Ok(())
}

/// La dirección que acepta comandos.
pub fn url(servicio: &Instancia) -> String {
    format!("{}{RUTA}", servicio.url)
}

/// Un comando tal como lo publica el servicio.
pub async fn muestra(escenario: &Escenario, servicio: &Instancia) -> Result<Message, Fallo> {
    let cliente = conectar(&escenario.broker()?, Uso::Recibir).await?;
    let mut observador = observador(&cliente, COMANDOS).await?;
    escenario.reservar(servicio, RUTA).await?;
    let visto = timeout(PLAZO, observador.next()).await.map_err(|_| "no se vio en Pulsar el comando aceptado")?;
    let mensaje = visto.ok_or("el observador se cerró")??;
    let propiedades = mensaje.metadata().properties.iter().map(|par| (par.key.clone(), par.value.clone())).collect();
    let event_time = mensaje.metadata().event_time;
    Ok(Message { payload: mensaje.payload.data.clone(), properties: propiedades, event_time, ..Message::default() })
}
