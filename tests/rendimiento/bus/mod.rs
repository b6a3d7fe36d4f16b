//! Los caminos que pasan por Pulsar: aceptar comandos, cumplirlos, publicar eventos, y la ida y vuelta entera.

pub mod aceptar;
pub mod escenario;
pub mod flota;
mod ida_y_vuelta;
mod pulsar_solo;
mod relevo;
pub mod vaciado;

use std::time::Duration;

use self::escenario::Escenario;
use crate::medida::Resultados;
use crate::mundo::Mundo;
use crate::{Fallo, wrk};

/// Las claves de `--solo` que se miden aquí.
pub const CLAVES: &[&str] = &[aceptar::CLAVE, vaciado::CLAVE, relevo::CLAVE, ida_y_vuelta::CLAVE];

/// Los tópicos del servicio que se usan.
const COMANDOS: &str = "comandos-reserva";
const EVENTOS: &str = "eventos-reserva";

/// Cada cuánto se mira cuánto falta.
const VISTAZO: Duration = Duration::from_millis(200);
/// Lo más que puede pasar sin que avance.
const PARADO: Duration = Duration::from_mins(1);

/// Lo que dura el calentamiento, en segundos, y con cuántas conexiones.
const CALENTAMIENTO: (u32, u64) = (64, 10);

/// Un bróker recién arrancado gasta tres veces más en cada mensaje hasta que la máquina de Java compila lo que más usa.
/// Ningún límite de PostgreSQL lo paga: se pasa antes de medir nada.
pub async fn calentar(mundo: &Mundo) -> Result<(), Fallo> {
    let (conexiones, segundos) = CALENTAMIENTO;
    let escenario = Escenario::nuevo(mundo, "calentamiento", 0).await?;
    let servicio = escenario.arrancar(mundo, "api,consumidor,relevo").await?;
    wrk::correr(conexiones, segundos, &aceptar::url(&servicio), aceptar::GUION).await?;
    servicio.parar().await?;
    Ok(())
}

/// Mide los caminos que se pidan.
pub async fn medir(mundo: &Mundo, resultados: &mut Resultados) {
    for clave in CLAVES.iter().filter(|clave| mundo.argumentos.mide(clave)) {
        let medido = match *clave {
            aceptar::CLAVE => aceptar::medir(mundo, resultados).await,
            vaciado::CLAVE => vaciado::medir(mundo, resultados).await,
            relevo::CLAVE => relevo::medir(mundo, resultados).await,
            _ => ida_y_vuelta::medir(mundo, resultados).await,
        };
        resultados.si_no_se_pudo(clave, medido);
    }
}
