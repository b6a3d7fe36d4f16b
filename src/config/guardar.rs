//! Cuánto se guarda cada cosa, con los mínimos que hacen falta para no romper ninguna promesa.

use super::ErrorConfig;
use super::lector::Lector;
use crate::seedwork::infraestructura::mensajeria::ids::MEMORIA;
use crate::seedwork::infraestructura::purga::Guardar;

const SEGUNDOS_POR_DIA: u64 = 24 * 60 * 60;
/// Lo más que se puede pedir: cien años.
const MAXIMO: usize = 36_500;

/// Lee los días que se guarda cada cosa.
///
/// # Errors
/// [`ErrorConfig`] si alguno baja de su mínimo: un mensaje repetido podría correr dos veces.
pub(super) fn leer(lector: &Lector<'_>) -> Result<Guardar, ErrorConfig> {
    let memoria = usize::try_from(MEMORIA.as_secs() / SEGUNDOS_POR_DIA).unwrap_or(MAXIMO);
    let dias = |variable, defecto, minimo| {
        lector.numero(variable, defecto, minimo, MAXIMO).map(|dias| i32::try_from(dias).unwrap_or(i32::MAX))
    };
    Ok(Guardar {
        recibidos: dias("AEROALPES_GUARDAR_RECIBIDOS_DIAS", 14, memoria)?,
        resultados: dias("AEROALPES_GUARDAR_RESULTADOS_DIAS", 30, memoria)?,
        historias: dias("AEROALPES_GUARDAR_HISTORIAS_DIAS", 365, memoria)?,
        publicados: dias("AEROALPES_GUARDAR_PUBLICADOS_DIAS", 7, 1)?,
        descartadas: dias("AEROALPES_GUARDAR_DESCARTADAS_DIAS", 90, 1)?,
    })
}
