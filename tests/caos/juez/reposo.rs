//! Al final todo reposa: nada por mover, nada bloqueado, nadie a medias.

use std::time::Duration;

use super::exigir;
use crate::Fallo;
use crate::entorno::Entorno;
use crate::historia::Clase;
use crate::procesos::ocurre;

/// Lo más que se espera a que todo se mueva.
const PACIENCIA: Duration = Duration::from_secs(75);

/// Lo que queda por mover, y cómo contarlo.
const POR_MOVER: [(&str, &str); 3] = [
    ("mensajes sin publicar", "SELECT count(*) FROM bandeja_salida WHERE publicada_en IS NULL"),
    ("entregas sin atender", "SELECT count(*) FROM entregas"),
    (
        "eventos sin recibir",
        "SELECT count(*) FROM bandeja_salida s WHERE topico LIKE 'eventos-%' AND topico NOT LIKE '%-dlq' AND NOT EXISTS \
         (SELECT 1 FROM bandeja_entrada e WHERE e.suscripcion = 'aeroalpes-sub-eventos' AND e.id_mensaje = s.id::text)",
    ),
];

/// Lo que no debe quedar en reposo.
const A_MEDIAS: [(&str, &str); 4] = [
    (
        "transacciones abiertas sin hacer nada",
        "SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%' AND datname = current_database()",
    ),
    (
        "bloqueos que alguien retiene",
        "SELECT count(*) FROM pg_locks b JOIN pg_stat_activity s USING (pid) WHERE s.application_name = 'aeroalpes' \
         AND b.granted AND b.locktype IN ('transactionid', 'tuple', 'advisory')",
    ),
    ("sesiones que esperan un bloqueo", "SELECT count(*) FROM pg_locks WHERE NOT granted"),
    (
        "carriles sin una dueña viva",
        "SELECT count(*) FROM carriles WHERE dueno IS NULL OR latido < clock_timestamp() - interval '4 seconds'",
    ),
];

/// Espera a que no quede nada por mover.
pub async fn asentar(entorno: &Entorno) {
    entorno.instancias.iter().for_each(crate::instancias::Instancia::red_sana);
    let quieto = async || {
        for (_, sql) in POR_MOVER {
            if entorno.contar(sql).await.unwrap_or(1) > 0 {
                return false;
            }
        }
        true
    };
    ocurre(PACIENCIA, quieto).await;
}

/// Comprueba que no quede nada por mover ni a medias, y que las instancias estén listas.
pub async fn comprobar(entorno: &Entorno) -> Result<(), Fallo> {
    let historia = &entorno.historia;
    for (que, sql) in POR_MOVER {
        let cuantos = entorno.contar(sql).await?;
        exigir(historia, cuantos == 0, Clase::Perdida, || format!("quedaron {cuantos} {que}"));
    }
    for (que, sql) in A_MEDIAS {
        // Un latido o una espera de un instante no cuentan: tiene que seguir ahí.
        let ninguno = ocurre(Duration::from_secs(5), async || entorno.contar(sql).await.is_ok_and(|n| n == 0)).await;
        exigir(historia, ninguno, Clase::Inconsistente, || format!("quedaron {que}"));
    }
    let listas = ocurre(Duration::from_secs(15), async || entorno.listas().await).await;
    exigir(historia, listas, Clase::Inconsistente, || "alguna instancia no está lista".to_owned());
    Ok(())
}
