//! Los datos de una persona sólo están en `usuarios` y, cuando se borra, en ninguna parte.

use std::collections::BTreeSet;

use uuid::Uuid;

use crate::apoyo::{Prueba, cambiar, en_calma, resultado_cuando_exista};
use crate::comun::servicio::Servicio;
use crate::comun::{BaseDePrueba, hasta};
use crate::oyente::{Oyente, publicar};
use crate::persona::{EMAIL, columnas_con_rastros, rastros, usarlo_todo};

const COMANDOS: &str = "comandos-usuario";
/// Las columnas que llevan datos personales; las demás, ninguna.
const SUYAS: [&str; 7] =
    ["nombres", "apellidos", "email", "email_clave", "contrasena", "identificacion", "fecha_origen"];

/// Lee cada tópico desde que existe.
struct Oyentes(Vec<(String, Oyente)>);

impl Oyentes {
    async fn de_todos(prueba: &Prueba) -> Self {
        let mut oyentes = Vec::new();
        for topico in prueba.broker.topicos().await {
            let topico = topico.rsplit('/').next().unwrap().to_owned();
            oyentes.push((topico.clone(), Oyente::nuevo(&prueba.broker.url, &topico).await));
        }
        assert_eq!(oyentes.len(), 8, "los cuatro tópicos y sus letras muertas");
        Self(oyentes)
    }

    /// Lee todo lo publicado: en qué tópicos hay algo de la persona, y en cuántos mensajes se nombra esa identidad.
    async fn leer(&mut self, prueba: &Prueba, id: &str) -> (BTreeSet<String>, usize) {
        let (mut con_rastros, mut nombrada) = (BTreeSet::new(), 0);
        for (topico, oyente) in &mut self.0 {
            for _ in 0..prueba.broker.publicados(topico).await {
                let mensaje = oyente.siguiente().await;
                let datos = String::from_utf8_lossy(&mensaje.datos);
                nombrada += usize::from(datos.contains(id));
                if !rastros(&format!("{datos} {:?} {:?}", mensaje.propiedades, mensaje.clave)).is_empty() {
                    con_rastros.insert(topico.clone());
                }
            }
        }
        (con_rastros, nombrada)
    }
}

async fn solo_en_usuarios(base: &BaseDePrueba) {
    let esperadas: BTreeSet<_> = SUYAS.iter().map(|columna| format!("usuarios.{columna}")).collect();
    assert_eq!(columnas_con_rastros(base).await, esperadas);
}

async fn borrar(servicio: &Servicio, base: &BaseDePrueba, id: &str) {
    servicio.borrar(&format!("/clientes/usuario/{id}")).await.con(204);
    en_calma(base).await;
    assert_eq!(columnas_con_rastros(base).await, BTreeSet::new());
}

/// Para al servicio y comprueba todo lo que escribió.
async fn nada_en_los_registros(servicio: &mut Servicio) {
    servicio.pedir_que_pare();
    assert!(servicio.esperar_fin().await.success());
    for (que, lineas) in [("los registros", &servicio.registros), ("la salida", &servicio.salida)] {
        assert!(!lineas.texto().is_empty());
        for linea in lineas.texto().lines() {
            assert_eq!(rastros(linea), [""; 0], "{que}: {linea}");
        }
    }
}

#[tokio::test]
async fn con_pulsar_nada_de_una_persona_sale_de_su_fila_ni_queda_al_borrarla() {
    let mut prueba = Prueba::nueva().await;
    let mut oyentes = Oyentes::de_todos(&prueba).await;
    let id = usarlo_todo(&prueba.servicio).await;
    prueba.en_calma().await;
    solo_en_usuarios(&prueba.base).await;
    borrar(&prueba.servicio, &prueba.base, &id).await;
    let (con_rastros, nombrada) = oyentes.leer(&prueba, &id).await;
    assert_eq!(con_rastros, BTreeSet::new());
    // Registrada, validada, desactivada y borrada; sus dos reservas; y tres comandos.
    assert_eq!(nombrada, 9, "se leyó de verdad lo que se publicó");
    nada_en_los_registros(&mut prueba.servicio).await;
}

#[tokio::test]
async fn con_el_bus_local_nada_de_una_persona_sale_de_su_fila_ni_queda_al_borrarla() {
    let base = BaseDePrueba::vacia().await;
    let mut servicio = Servicio::arrancar(&base, &[("RUST_LOG", "trace")]).await;
    let id = usarlo_todo(&servicio).await;
    en_calma(&base).await;
    solo_en_usuarios(&base).await;
    borrar(&servicio, &base, &id).await;
    nada_en_los_registros(&mut servicio).await;
}

#[tokio::test]
async fn lo_que_otro_mande_con_un_dato_dentro_se_aparta_y_no_se_registra() {
    let mut prueba = Prueba::nueva().await;
    let mut oyentes = Oyentes::de_todos(&prueba).await;
    let id = usarlo_todo(&prueba.servicio).await;
    prueba.en_calma().await;
    let url = &prueba.broker.url;
    let mut comandos = Oyente::otro(url, COMANDOS, "copia").await;
    let legible = comandos.siguiente().await;
    borrar(&prueba.servicio, &prueba.base, &id).await;
    let esquema = prueba.broker.esquema(COMANDOS).await;
    // Con otra identidad, que si no sería una repetición.
    let otra = Uuid::now_v7().to_string();
    let con_el_dato = cambiar(&cambiar(&legible.datos, &legible.id, &otra), &id, &format!("{EMAIL:>36}"));
    for datos in [format!("\u{1}{EMAIL}").as_bytes(), &con_el_dato] {
        publicar(url, COMANDOS, esquema["data"].as_str(), &[("id", "basura")], datos).await;
    }
    hasta("que se aparte", async || prueba.base.contar("SELECT count(*) FROM letras_muertas").await == 1).await;
    assert_eq!(resultado_cuando_exista(&prueba.servicio, &otra).await, "rechazado");
    assert_eq!(prueba.resultado(&otra).await["problema"]["puntero"], "/id_usuario");
    prueba.en_calma().await;
    // Se guarda tal cual, porque nada se pierde; quien administra lo descarta.
    let apartada = ["bandeja_salida.datos", "letras_muertas.datos"].map(str::to_owned);
    assert_eq!(columnas_con_rastros(&prueba.base).await, apartada.into());
    let (con_rastros, _) = oyentes.leer(&prueba, &id).await;
    assert_eq!(con_rastros, [COMANDOS.to_owned(), format!("{COMANDOS}-aeroalpes-dlq")].into());
    nada_en_los_registros(&mut prueba.servicio).await;
}
