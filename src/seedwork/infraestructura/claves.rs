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
    let mut arriendo = conexiones.arrendar().await?;
    let insercion = "INSERT INTO claves (nombre, valor) VALUES ($1, $2) ON CONFLICT (nombre) DO NOTHING";
    let creada = sqlx::query(insercion).bind(nombre).bind(&nueva[..]).execute(arriendo.conexion()?).await;
    arriendo.acabar(creada)?;
    let consulta = sqlx::query_scalar("SELECT valor FROM claves WHERE nombre = $1").bind(nombre);
    let valor: Result<Vec<u8>, _> = consulta.fetch_one(arriendo.conexion()?).await;
    let valor = arriendo.acabar(valor)?;
    arriendo.devolver();
    Ok(Zeroizing::new(valor))
}
