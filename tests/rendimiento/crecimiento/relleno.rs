//! Llenar la base por SQL con copias de una reserva de verdad, como si se hubieran ido guardando durante un año.

use sqlx::{Executor, PgConnection};
use tokio::time::Instant;

use super::Tamano;
use crate::Fallo;
use crate::bus::escenario::Escenario;
use crate::instancia::Instancia;
use crate::limites::{PRIMERA, SEMBRADA};
use crate::mundo::Mundo;

/// Lo que costó.
pub struct Coste {
    pub segundos: f64,
    pub mib: f64,
}

/// Las identidades van en orden, como las de verdad, y los guiones las conocen.
const RESERVAS: &str = "INSERT INTO reservas (id, id_cliente, estado, itinerarios, fecha_creacion, fecha_actualizacion, version) \
    SELECT ($1 || ($2 + n))::uuid, id_cliente, estado, itinerarios, momento, momento, version FROM reserva_muestra, \
    generate_series(0, $3 - 1) AS n, LATERAL (SELECT now() - interval '1 year' * (1 - n::float8 / $3) AS momento) cuando";

/// La mitad, comandos, y la mitad, eventos.
const RECIBIDOS: &str = "INSERT INTO bandeja_entrada (suscripcion, id_mensaje, recibida_en) \
    SELECT CASE n % 2 WHEN 0 THEN 'aeroalpes-sub-comandos' ELSE 'aeroalpes-sub-eventos' END, $1 || ($2 + n), \
    now() - interval '1 year' * (1 - n::float8 / $3) FROM generate_series(0, $3 - 1) AS n";

/// Llena la base hasta ese tamaño, con todo en el disco y con estadísticas al acabar.
pub async fn llenar(
    mundo: &Mundo,
    escenario: &Escenario,
    servicio: &Instancia,
    tamano: Tamano,
) -> Result<Coste, Fallo> {
    escenario.reservar(servicio, "/vuelos/reserva").await?;
    let mut conexion = escenario.conectar().await?;
    conexion.execute("CREATE TABLE reserva_muestra AS SELECT * FROM reservas LIMIT 1").await?;
    conexion.execute("TRUNCATE reservas, bandeja_salida").await?;
    let inicio = Instant::now();
    sembrar(&mut conexion, RESERVAS, tamano.reservas).await?;
    sembrar(&mut conexion, RECIBIDOS, tamano.recibidos).await?;
    asentar(mundo, &mut conexion).await?;
    let segundos = inicio.elapsed().as_secs_f64();
    let sql = "SELECT pg_database_size(current_database())::float8 / (1024 * 1024)";
    Ok(Coste { segundos, mib: sqlx::query_scalar(sql).fetch_one(&mut conexion).await? })
}

/// Quita lo que guardaron las rondas anteriores; no de la más llena, donde no se nota.
pub async fn restaurar(mundo: &Mundo, escenario: &Escenario, tamano: Tamano) -> Result<(), Fallo> {
    let mut conexion = escenario.conectar().await?;
    conexion.execute("TRUNCATE bandeja_salida, resultados_comando, entregas").await?;
    if tamano.recibidos == 0 {
        conexion.execute("TRUNCATE reservas, bandeja_entrada").await?;
        sembrar(&mut conexion, RESERVAS, tamano.reservas).await?;
    }
    asentar(mundo, &mut conexion).await
}

async fn sembrar(conexion: &mut PgConnection, sql: &'static str, cuantas: u32) -> Result<(), Fallo> {
    let siembra = sqlx::query(sql).bind(SEMBRADA).bind(i64::try_from(PRIMERA)?).bind(i64::from(cuantas));
    siembra.execute(conexion).await?;
    Ok(())
}

/// Sin trabajo atrasado del servidor, que si no, caería en lo que se mide.
async fn asentar(mundo: &Mundo, conexion: &mut PgConnection) -> Result<(), Fallo> {
    for sql in ["VACUUM ANALYZE reservas", "VACUUM ANALYZE bandeja_entrada"] {
        conexion.execute(sql).await?;
    }
    mundo.punto_de_control().await
}
