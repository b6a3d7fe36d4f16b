//! El servicio muere de golpe en el peor momento, o se queda sin base de datos o sin carriles.

use std::sync::atomic::{AtomicUsize, Ordering};

use sqlx::Connection;

use crate::apoyo::{Prueba, comprobar_cumplidos, crear, crear_y_pagar, en_calma, servicio};
use crate::comun::servicio::Servicio;
use crate::comun::{BaseDePrueba, hasta};
use crate::oyente::Oyente;

const ATENDER_OTRA_VEZ: &str = "INSERT INTO entregas (suscripcion, id_mensaje, topico, clave, tipo, datos, correlacion, traceparent, publicado_en) \
     VALUES ('aeroalpes-sub-comandos', $1, 'comandos-reserva', $2::uuid, 'CrearReserva', $3, 'c', 't', now())";

#[tokio::test]
async fn morir_entre_confirmar_el_efecto_y_quitar_la_entrega_no_lo_repite() {
    let mut prueba = Prueba::nueva().await;
    let mut comandos = Oyente::nuevo(&prueba.broker.url, "comandos-reserva").await;
    let aceptado = crear(&prueba.servicio).await;
    let resultado = prueba.resultado(&aceptado.id_comando).await;
    prueba.en_calma().await;
    prueba.servicio.matar().await;
    // Así queda la base si muere en ese instante.
    let datos = comandos.esperar(&aceptado.id_comando).await.datos;
    let sql = sqlx::query(ATENDER_OTRA_VEZ).bind(&aceptado.id_comando).bind(&aceptado.id).bind(datos);
    sql.execute(&mut prueba.base.conectar().await).await.unwrap();
    prueba.servicio = servicio(&prueba.base, &prueba.broker.url, &[]).await;
    prueba.en_calma().await;
    assert_eq!(prueba.resultado(&aceptado.id_comando).await, resultado);
    assert_eq!(prueba.base.contar("SELECT count(*) FROM bandeja_salida").await, 1);
    assert_eq!(prueba.base.contar("SELECT count(*) FROM letras_muertas").await, 0);
}

#[tokio::test]
async fn morir_entre_el_recibo_y_marcarlo_repite_el_mismo_evento_y_nada_mas() {
    let mut prueba = Prueba::nueva().await;
    let mut eventos = Oyente::nuevo(&prueba.broker.url, "eventos-reserva").await;
    let aceptado = crear(&prueba.servicio).await;
    prueba.resultado(&aceptado.id_comando).await;
    let primera = eventos.siguiente().await;
    prueba.en_calma().await;
    prueba.servicio.matar().await;
    // Así queda la base si muere en ese instante, o entre el envío y el recibo.
    prueba.base.ordenar("UPDATE bandeja_salida SET publicada_en = NULL").await;
    prueba.servicio = servicio(&prueba.base, &prueba.broker.url, &[]).await;
    let segunda = eventos.siguiente().await;
    assert_eq!((segunda.id, segunda.datos), (primera.id, primera.datos));
    prueba.en_calma().await;
    assert_eq!(prueba.base.contar("SELECT count(*) FROM bandeja_entrada").await, 2);
}

#[tokio::test]
async fn lo_que_llega_sin_base_de_datos_no_se_confirma_ni_se_pierde() {
    let mut prueba = Prueba::nueva().await;
    let mut comandos = Oyente::nuevo(&prueba.broker.url, "comandos-reserva").await;
    prueba.base.cerrar().await;
    // Aceptar no toca la base.
    let aceptado = crear(&prueba.servicio).await;
    comandos.esperar(&aceptado.id_comando).await;
    prueba.servicio.registros.esperar("lo recibido espera a la base de datos").await;
    assert_eq!(prueba.broker.atraso("comandos-reserva", "aeroalpes-sub-comandos").await, 1);
    // Lo que sólo está en su memoria se va con él: el bróker ha de tenerlo.
    prueba.servicio.matar().await;
    prueba.base.abrir().await;
    prueba.servicio = servicio(&prueba.base, &prueba.broker.url, &[]).await;
    assert_eq!(prueba.resultado(&aceptado.id_comando).await["estado"], "ejecutado");
}

#[tokio::test]
async fn quien_perdio_sus_carriles_no_marca_lo_que_envio() {
    let prueba = Prueba::nueva().await;
    let mut eventos = Oyente::nuevo(&prueba.broker.url, "eventos-reserva").await;
    let quitar = "UPDATE carriles_relevo SET dueno = gen_random_uuid(), latido = now() + interval '1 hour'";
    let devolver = "UPDATE carriles_relevo SET dueno = NULL";
    prueba.base.ordenar(quitar).await;
    prueba.servicio.post("/vuelos/reserva", &crate::apoyo::reserva()).await.con(200);
    // Se puede leer y enviar, pero no marcar.
    let mut candado = prueba.base.conectar().await;
    sqlx::raw_sql("BEGIN; LOCK TABLE bandeja_salida IN SHARE MODE").execute(&mut candado).await.unwrap();
    prueba.base.ordenar(devolver).await;
    let primera = eventos.siguiente().await;
    prueba.base.esperar_bloqueadas(1).await;
    prueba.base.ordenar(quitar).await;
    candado.close().await.unwrap();
    prueba.base.esperar_bloqueadas(0).await;
    prueba.base.ordenar(devolver).await;
    let segunda = eventos.siguiente().await;
    assert_eq!((segunda.id, segunda.datos), (primera.id, primera.datos));
    prueba.en_calma().await;
}

#[tokio::test]
async fn matado_en_cualquier_momento_cumple_una_vez_todo_lo_que_acepto() {
    let Prueba { servicio: primera, base, broker } = Prueba::nueva().await;
    let mut eventos = Oyente::nuevo(&broker.url, "eventos-reserva").await;
    matar_y_seguir(primera, &base, async || servicio(&base, &broker.url, &[]).await).await;
    eventos.comprobar_eventos(&base).await;
    en_calma(&base).await;
}

/// Lo mismo en los dos buses: matado tres veces mientras acepta, cumple una vez todo lo que aceptó.
pub async fn matar_y_seguir(mut servicio: Servicio, base: &BaseDePrueba, arrancar: impl AsyncFn() -> Servicio) {
    let mut aceptados = Vec::new();
    for ronda in 0..3 {
        let direccion = servicio.direccion().to_owned();
        let respuestas = AtomicUsize::new(0);
        let contar = || {
            respuestas.fetch_add(1, Ordering::Relaxed);
        };
        let matar = async {
            hasta("que haya respuestas", async || respuestas.load(Ordering::Relaxed) >= 10 + 15 * ronda).await;
            servicio.matar().await;
        };
        let (suyos, ()) = tokio::join!(crear_y_pagar(&direccion, 50, contar), matar);
        aceptados.extend(suyos);
        servicio = arrancar().await;
        aceptados.extend(crear_y_pagar(servicio.direccion(), 10, || ()).await);
    }
    comprobar_cumplidos(base, &aceptados, 0).await;
}
