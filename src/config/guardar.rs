//! Cuánto se guarda cada cosa, con los mínimos que hacen falta para no romper ninguna promesa.

use std::time::Duration;

use super::ErrorConfig;
use super::lector::Lector;
use crate::seedwork::infraestructura::mensajeria::ids::{MEMORIA, VENTANA};
use crate::seedwork::infraestructura::purga::Guardar;

const SEGUNDOS_POR_DIA: u64 = 24 * 60 * 60;
/// Lo más que se puede pedir: cien años.
const MAXIMO: usize = 36_500;

/// Lee los días que se guarda cada cosa.
///
/// # Errors
/// [`ErrorConfig`] si alguno baja de su mínimo: un mensaje repetido podría correr dos veces.
pub(super) fn leer(lector: &Lector<'_>) -> Result<Guardar, ErrorConfig> {
    let en_dias = |duracion: Duration| usize::try_from(duracion.as_secs() / SEGUNDOS_POR_DIA).unwrap_or(MAXIMO);
    let entre = |variable, defecto, minimo, maximo| {
        lector.numero(variable, defecto, minimo, maximo).map(|dias| i32::try_from(dias).unwrap_or(i32::MAX))
    };
    let dias = |variable, defecto, minimo| entre(variable, defecto, minimo, MAXIMO);
    let memoria = en_dias(MEMORIA);
    Ok(Guardar {
        recibidos: dias("AEROALPES_GUARDAR_RECIBIDOS_DIAS", 14, memoria)?,
        resultados: dias("AEROALPES_GUARDAR_RESULTADOS_DIAS", 30, memoria)?,
        historias: dias("AEROALPES_GUARDAR_HISTORIAS_DIAS", 365, memoria)?,
        publicados: dias("AEROALPES_GUARDAR_PUBLICADOS_DIAS", 7, 1)?,
        descartadas: dias("AEROALPES_GUARDAR_DESCARTADAS_DIAS", 90, 1)?,
        correos: dias("AEROALPES_GUARDAR_CORREOS_DIAS", 30, 1)?,
        // Repetir una solicitud reenvía su comando: con una clave más vieja que lo que vale, daría uno ya caducado.
        claves: entre("AEROALPES_GUARDAR_CLAVES_DIAS", 1, 1, en_dias(VENTANA))?,
    })
}
