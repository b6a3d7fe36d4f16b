//! De uno en uno, desde que sale una solicitud hasta que se lee que su comando se cumplió. Su límite: un mensaje que va y
//! vuelve por Pulsar, más una fila que se confirma.

use std::time::Duration;

use sqlx::Executor;
use tokio::sync::Mutex;

use super::COMANDOS;
use super::aceptar::{muestra, url};
use super::escenario::{Escenario, topico};
use super::pulsar_solo::PulsarSolo;
use crate::Fallo;
use crate::medida::{Camino, Resultados, Unidad, alternar, mediana};
use crate::mundo::Mundo;
use crate::wrk;

/// El camino en `--solo`, en el JSON y en las metas.
pub const CLAVE: &str = "ida-y-vuelta";
const GUION: &str = "ida_y_vuelta";

/// Mide la ida y vuelta con una instancia que hace de todo.
pub async fn medir(mundo: &Mundo, resultados: &mut Resultados) -> Result<(), Fallo> {
    let (segundos, escenario) = (mundo.argumentos.segundos, Escenario::nuevo(mundo, "ida_y_vuelta", 0).await?);
    let servicio = escenario.arrancar(mundo, "api,consumidor,relevo").await?;
    let muestra = muestra(&escenario, &servicio).await?;
    let solo = PulsarSolo::nuevo(&escenario.broker()?, topico(COMANDOS)?).await?;
    let mut conexion = escenario.conectar().await?;
    conexion.execute("CREATE TABLE limite_ida_y_vuelta (id uuid PRIMARY KEY)").await?;
    let conexion = Mutex::new(conexion);
    let limite = async || {
        let mut conexion = conexion.lock().await;
        let vueltas = solo.idas_y_vueltas(&muestra, &mut conexion, Duration::from_secs(segundos)).await?;
        Ok(mediana(vueltas.iter().map(|vuelta| vuelta.as_secs_f64() * 1e3)))
    };
    let cargar = async || wrk::correr(1, segundos, &url(&servicio), GUION).await;
    let tanda = async || escenario.medir(&servicio, cargar()).await;
    let rondas = alternar(mundo.argumentos.rondas, tanda, limite).await?;
    servicio.parar().await?;
    let titulo = "202 → resultado visible, de uno en uno".to_owned();
    resultados.anotar(Camino { clave: CLAVE, titulo, conexiones: 1, unidad: Unidad::MilisegundosP50, rondas });
    Ok(())
}
