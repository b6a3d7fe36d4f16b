//! Claves secretas del servicio: nacen al azar la primera vez y viven en la base de datos, iguales para todas
//! las instancias.

use zeroize::Zeroizing;

use super::conexiones::Conexiones;
use crate::seedwork::dominio::repositorios::Falla;

/// Una clave de 256 bits; al soltarla se borra de la memoria.
pub type Clave = Zeroizing<Vec<u8>>;

/// La clave de ese nombre; si nadie la ha creado, la crea.
///
/// # Errors
/// Las de la base de datos.
pub async fn clave(conexiones: &Conexiones, nombre: &str) -> Result<Clave, Falla> {
    let nueva: [u8; 32] = rand::random();
    let insercion = "INSERT INTO claves (nombre, valor) VALUES ($1, $2) ON CONFLICT (nombre) DO NOTHING";
    conexiones.ejecutar(sqlx::query(insercion).bind(nombre).bind(&nueva[..])).await?;
    let consulta = sqlx::query_as("SELECT valor FROM claves WHERE nombre = $1").bind(nombre);
    let leidas: Vec<(Vec<u8>,)> = conexiones.leer(consulta).await?;
    let valor = leidas.into_iter().next().ok_or_else(|| Falla::interna("la clave recién creada no aparece"))?.0;
    Ok(Zeroizing::new(valor))
}
