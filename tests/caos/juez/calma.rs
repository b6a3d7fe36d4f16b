//! Un rato de tráfico sin fallas, al final: entonces no hay excusa para repetir nada.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use super::reposo::asentar;
use crate::Fallo;
use crate::entorno::Entorno;
use crate::historia::Clase;
use crate::trafico;

const RATO: Duration = Duration::from_secs(3);
/// Lo que PostgreSQL anota cuando alguien intenta atender un mensaje que ya se había atendido.
const REPETIDO: &str = "bandeja_entrada_pkey";

/// Qué mensajes nacieron en la calma.
pub struct Calma {
    desde: i64,
}

impl Calma {
    pub const fn es_suya(&self, posicion: i64) -> bool {
        posicion > self.desde
    }
}

/// Hace tráfico sin romper nada, y comprueba que nadie atienda dos veces la misma entrega.
pub async fn en_calma(entorno: &Entorno, semilla: u64) -> Result<Calma, Fallo> {
    let desde = entorno.contar("SELECT coalesce(max(posicion), 0) FROM bandeja_salida").await?;
    let antes = repetidos(entorno)?;
    let mundo = Arc::new(entorno.mundo());
    let clientes = trafico::empezar(&mundo, !semilla);
    sleep(RATO).await;
    mundo.parar.cancel();
    clientes.join_all().await;
    asentar(entorno).await;
    let repetidos = repetidos(entorno)?.saturating_sub(antes);
    if repetidos > 0 {
        let detalle = format!("sin que nada fallara, {repetidos} entregas se atendieron dos veces");
        entorno.historia.defecto(Clase::Duplicada, detalle);
    }
    Ok(Calma { desde })
}

fn repetidos(entorno: &Entorno) -> Result<usize, Fallo> {
    let registro = std::fs::read(entorno.postgres.registro())?;
    Ok(String::from_utf8_lossy(&registro).lines().filter(|linea| linea.contains(REPETIDO)).count())
}
