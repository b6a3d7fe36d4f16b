//! Dos instancias con una sola suscripción y una sola bandeja de salida.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::apoyo::{Prueba, comprobar_cumplidos, crear_y_pagar};
use crate::comun::servicio::Servicio;
use crate::comun::{BaseDePrueba, hasta};
use crate::oyente::Oyente;

#[tokio::test]
async fn dos_instancias_cumplen_cada_comando_una_vez_aunque_una_muera() {
    let prueba = Prueba::nueva().await;
    let otra = prueba.otra_instancia().await;
    let mut eventos = Oyente::nuevo(&prueba.broker.url, "eventos-reserva").await;
    entre_dos(&prueba.servicio, otra, &prueba.base).await;
    eventos.comprobar_eventos(&prueba.base).await;
}

/// Lo mismo en los dos buses: entre las dos cumplen una vez todo lo aceptado, aunque una muera.
pub async fn entre_dos(una: &Servicio, mut otra: Servicio, base: &BaseDePrueba) {
    let mitades = "SELECT count(*) FROM (SELECT dueno FROM carriles WHERE dueno IS NOT NULL GROUP BY dueno HAVING count(*) = 8) x";
    hasta("que cada una tenga la mitad", async || base.contar(mitades).await == 2).await;
    let respuestas = AtomicUsize::new(0);
    let contar = || {
        respuestas.fetch_add(1, Ordering::Relaxed);
    };
    let direccion = otra.direccion().to_owned();
    let matar = async {
        hasta("que lleve una parte", async || respuestas.load(Ordering::Relaxed) >= 100).await;
        otra.matar().await;
    };
    let por_una = crear_y_pagar(una.direccion(), 125, || ());
    let (mut aceptados, por_otra, ()) = tokio::join!(por_una, crear_y_pagar(&direccion, 125, contar), matar);
    assert_eq!(aceptados.len(), 250);
    aceptados.extend(por_otra);
    comprobar_cumplidos(base, &aceptados, 0).await;
}
