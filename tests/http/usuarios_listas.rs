//! La lista de usuarios: todos o los de un estado, por páginas.

use serde_json::Value;

use crate::apoyo::{Prueba, id};
use crate::vuelos_listas::recorrer;

fn ids(paginas: &[Vec<Value>]) -> Vec<String> {
    paginas.iter().flatten().map(id).collect()
}

#[tokio::test]
async fn la_lista_de_usuarios_se_filtra_por_estado_y_va_del_mas_nuevo_al_mas_viejo() {
    let prueba = Prueba::nueva().await;
    assert_eq!(prueba.servicio.get("/clientes/usuario").await.con(200), Value::Array(vec![]));
    let (ana, luis) = (prueba.sembrar_usuario().await, prueba.sembrar_usuario().await);
    let desactivada = prueba.servicio.ordenar(&format!("/clientes/usuario/{ana}/desactivar")).await.con(200);
    let ids_de = async |consulta: &str| {
        let lista = prueba.servicio.get(&format!("/clientes/usuario{consulta}")).await.con(200);
        lista.as_array().unwrap().iter().map(id).collect::<Vec<_>>()
    };
    assert_eq!(ids_de("").await, [luis.clone(), ana.clone()]);
    assert_eq!(ids_de("?estado=desactivado").await, [ana]);
    assert_eq!(ids_de("?estado=registrado").await, [luis]);
    assert_eq!(ids_de("?estado=validado").await, [""; 0]);
    let lista = prueba.servicio.get("/clientes/usuario?estado=desactivado").await.con(200);
    assert_eq!(lista[0], desactivada);
}

#[tokio::test]
async fn los_usuarios_se_recorren_por_paginas_sin_repetir_ninguno() {
    let prueba = Prueba::nueva().await;
    let mut creados = Vec::new();
    for _ in 0..7 {
        creados.push(prueba.sembrar_usuario().await);
    }
    prueba.base.ordenar("UPDATE usuarios SET fecha_creacion = '2026-01-01T00:00:00Z'").await;
    let paginas = recorrer(&prueba.servicio, "/clientes/usuario?limite=3&estado=registrado").await;
    assert_eq!(paginas.iter().map(Vec::len).collect::<Vec<_>>(), [3, 3, 1]);
    creados.sort_unstable();
    creados.reverse();
    assert_eq!(ids(&paginas), creados);
}

#[tokio::test]
async fn un_parametro_de_la_lista_de_usuarios_que_no_sirve_se_nombra() {
    let prueba = Prueba::nueva().await;
    for (consulta, parametro) in [
        ("limite=0", "limite"),
        ("limite=201", "limite"),
        ("limite=abc", "limite"),
        ("cursor=x", "cursor"),
        ("estado=pagada", "estado"),
        ("email=", "email"),
        ("email=%00@ejemplo.co", "email"),
    ] {
        prueba.servicio.get(&format!("/clientes/usuario?{consulta}")).await.parametro_invalido(parametro);
    }
}
