//! Quién administra. Se concede desde la línea de órdenes, nunca por HTTP ni por el bus.

use thiserror::Error;

use crate::modulos::clientes::dominio::usuario::IdUsuario;
use crate::seedwork::dominio::repositorios::Falla;
use crate::seedwork::infraestructura::conexiones::Conexiones;

/// Por qué no se pudo cambiar quién administra.
#[derive(Debug, Error)]
pub enum ErrorAdministradores {
    /// No hay un usuario activo con esa identidad.
    #[error("no hay un usuario activo con la identidad {0}")]
    NoExiste(IdUsuario),
    /// Falló la base de datos.
    #[error(transparent)]
    Falla(#[from] Falla),
}

/// Hace administrador a un usuario activo. Repetirlo no cambia nada.
///
/// # Errors
/// [`ErrorAdministradores`].
pub async fn conceder_administracion(conexiones: &Conexiones, id: IdUsuario) -> Result<(), ErrorAdministradores> {
    let sql = "INSERT INTO administradores (id_usuario) SELECT id FROM usuarios \
               WHERE id = $1 AND estado IN ('registrado', 'validado') \
               ON CONFLICT (id_usuario) DO UPDATE SET concedida_en = administradores.concedida_en";
    let filas = conexiones.ejecutar(sqlx::query(sql).bind(id.0)).await?;
    if filas == 0 { Err(ErrorAdministradores::NoExiste(id)) } else { Ok(()) }
}

/// Retira la administración a un usuario, si la tenía. Vale desde su siguiente solicitud.
///
/// # Errors
/// [`ErrorAdministradores`].
pub async fn retirar_administracion(conexiones: &Conexiones, id: IdUsuario) -> Result<(), ErrorAdministradores> {
    let sql = "DELETE FROM administradores WHERE id_usuario = $1";
    conexiones.ejecutar(sqlx::query(sql).bind(id.0)).await?;
    Ok(())
}
