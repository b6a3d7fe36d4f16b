//! El bus local pasa las mismas pruebas que Pulsar.

use crate::caidas::matar_y_seguir;
use crate::comun::BaseDePrueba;
use crate::comun::servicio::Servicio;
use crate::dos_instancias::entre_dos;
use crate::ida_y_vuelta::rechazos;
use crate::orden::{BLOQUEO_CORTO, mil_mensajes};

async fn servicio(base: &BaseDePrueba) -> Servicio {
    Servicio::arrancar(base, &[]).await
}

#[tokio::test]
async fn un_comando_rechazado_cuenta_el_mismo_problema_que_la_llamada_sincrona() {
    let base = BaseDePrueba::vacia().await;
    rechazos(&servicio(&base).await).await;
}

#[tokio::test]
async fn mil_mensajes_de_veinte_claves_se_cumplen_en_orden_aunque_uno_falle() {
    let base = BaseDePrueba::vacia().await;
    mil_mensajes(&Servicio::arrancar(&base, &[BLOQUEO_CORTO]).await, &base).await;
}

#[tokio::test]
async fn matado_en_cualquier_momento_cumple_una_vez_todo_lo_que_acepto() {
    let base = BaseDePrueba::vacia().await;
    matar_y_seguir(servicio(&base).await, &base, async || servicio(&base).await).await;
}

#[tokio::test]
async fn dos_instancias_cumplen_cada_comando_una_vez_aunque_una_muera() {
    let base = BaseDePrueba::vacia().await;
    entre_dos(&servicio(&base).await, servicio(&base).await, &base).await;
}
