//! De los errores de sqlx y los códigos SQLSTATE de PostgreSQL a nuestras fallas.

use std::sync::Arc;

use crate::seedwork::dominio::repositorios::Falla;

/// Traduce un error de sqlx.
///
/// Los códigos son los del apéndice A del manual de PostgreSQL.
#[must_use]
pub fn falla_de(error: sqlx::Error) -> Falla {
    let sqlx::Error::Database(de_la_base) = &error else {
        return match error {
            sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::Protocol(_) | sqlx::Error::WorkerCrashed => {
                Falla::Desconectada(Arc::new(error))
            }
            otro => Falla::interna(otro),
        };
    };
    match de_la_base.code().unwrap_or_default().as_ref() {
        "40001" | "40P01" => Falla::Interbloqueo,
        "55P03" => Falla::Bloqueada,
        "57014" => Falla::PlazoVencido,
        // Que un comando ya tenga resultado también dice que se recibió, y se recuerda por más tiempo.
        "23505" if matches!(de_la_base.constraint(), Some("bandeja_entrada_pkey" | "resultados_comando_pkey")) => {
            Falla::YaRecibido
        }
        // Otra con la misma clave confirmó mientras tanto: al repetir se verá lo que dejó.
        "23505" if de_la_base.constraint() == Some("idempotencia_pkey") => Falla::Interbloqueo,
        "23505" => Falla::Duplicado { restriccion: de_la_base.constraint().unwrap_or_default().to_owned() },
        codigo if codigo.starts_with("53") => Falla::Saturada,
        codigo if es_desconexion(codigo) => Falla::Desconectada(Arc::new(error)),
        _ => Falla::interna(error),
    }
}

/// Clase 08 (conexión), 57P (el servidor se apaga o arranca), 58 (fallas del sistema), 25P03 (transacción ociosa cortada) y 25006 (quedó de
/// sólo lectura tras un relevo).
fn es_desconexion(codigo: &str) -> bool {
    codigo.starts_with("08")
        || codigo.starts_with("57P")
        || codigo.starts_with("58")
        || matches!(codigo, "25P03" | "25006")
}
