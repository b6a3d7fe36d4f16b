//! El orden de cada clave, con muchas a la vez y una que falla.

use std::collections::HashMap;

use futures_util::future::join_all;
use uuid::Uuid;

use crate::apoyo::{Prueba, crear, en_calma, resultado, sin_esperar};
use crate::comun::servicio::Servicio;
use crate::comun::{BaseDePrueba, hasta};
use crate::oyente::Oyente;

/// Para que la orden de la fila ocupada falle pronto, y muchas veces.
pub const BLOQUEO_CORTO: (&str, &str) = ("AEROALPES_LOCK_TIMEOUT_MS", "200");

const CLAVES: usize = 20;
/// Con la creación, cincuenta por clave.
const ORDENES: usize = 49;

/// La orden que toca en cada lugar: cualquier cambio de orden cambia quién se cumple.
fn orden(lugar: usize) -> &'static str {
    match lugar {
        20 | 30 => "aprobar",
        48 => "cancelar",
        _ => "pagar",
    }
}

#[tokio::test]
async fn mil_mensajes_de_veinte_claves_se_cumplen_en_orden_aunque_uno_falle() {
    let prueba = Prueba::con(&[BLOQUEO_CORTO]).await;
    let mut eventos = Oyente::nuevo(&prueba.broker.url, "eventos-reserva").await;
    mil_mensajes(&prueba.servicio, &prueba.base).await;
    eventos.comprobar_eventos(&prueba.base).await;
}

/// Lo mismo en los dos buses: el servicio debe esperar poco por una fila.
pub async fn mil_mensajes(servicio: &Servicio, base: &BaseDePrueba) {
    let creadas = join_all((0..CLAVES).map(|_| crear(servicio))).await;
    for creada in &creadas {
        resultado(servicio, &creada.id_comando).await;
    }
    // La fila de una está tomada: su primera orden falla una y otra vez, y sólo su clave la espera.
    let ocupada = &creadas[0].id;
    let mut candado = base.conectar().await;
    let tomar = format!("BEGIN; SELECT 1 FROM reservas WHERE id = '{ocupada}' FOR UPDATE");
    sqlx::raw_sql(sqlx::AssertSqlSafe(tomar)).execute(&mut candado).await.unwrap();
    let encargar = async |id: String| {
        let mut comandos = Vec::new();
        for lugar in 0..ORDENES {
            let aceptado = sin_esperar(servicio, &id, orden(lugar)).await.con(202);
            comandos.push(aceptado["id_comando"].as_str().unwrap().parse::<Uuid>().unwrap());
        }
        comandos
    };
    let comandos = join_all(creadas.iter().map(|creada| encargar(creada.id.clone()))).await;
    let terminados = "SELECT count(*) FROM resultados_comando";
    let los_demas = i64::try_from(CLAVES + (CLAVES - 1) * ORDENES).unwrap();
    hasta("que terminen los de las demás claves", async || base.contar(terminados).await == los_demas).await;
    let reintentos = "SELECT count(*) FROM entregas WHERE intentos > 0 OR esperas > 0";
    hasta("que el que falla se reintente", async || base.contar(reintentos).await == 1).await;
    sqlx::raw_sql("COMMIT").execute(&mut candado).await.unwrap();
    hasta("que terminen todos", async || base.contar(terminados).await == 1_000).await;

    let sql =
        "SELECT id, rechazo IS NULL FROM resultados_comando WHERE comando <> 'CrearReserva' ORDER BY terminado_en";
    let fines: Vec<(Uuid, bool)> = sqlx::query_as(sql).fetch_all(&mut base.conectar().await).await.unwrap();
    let lugares: HashMap<Uuid, usize> = fines.iter().enumerate().map(|(lugar, (id, _))| (*id, lugar)).collect();
    let cumplidos: HashMap<_, _> = fines.into_iter().collect();
    for de_una_clave in comandos {
        assert!(de_una_clave.is_sorted_by_key(|id| lugares[id]), "una clave no terminó en orden");
        let cumplidos: Vec<_> = (0..ORDENES).filter(|lugar| cumplidos[&de_una_clave[*lugar]]).collect();
        assert_eq!(cumplidos, [0, 20, 48]);
    }
    en_calma(base).await;
}
