//! Las listas de reservas: filtros, páginas y límites.

use std::collections::HashSet;

use serde_json::Value;

use crate::apoyo::{Prueba, id, miembros, reserva_de};
use crate::comun::servicio::Servicio;

/// Los estados que se siembran, en orden de creación.
const ESTADOS: [&str; 4] = ["pendiente", "pagada", "aprobada", "cancelada"];

/// Pone en la base reservas con esa expresión de fecha (`n` es su número) y de estado, sin pasar por HTTP.
async fn sembrar(prueba: &Prueba, cuantas: u32, fecha: &str, estado: &str) {
    let sql = format!(
        "INSERT INTO reservas (id, estado, itinerarios, fecha_creacion, fecha_actualizacion, version) \
         SELECT gen_random_uuid(), {estado}, '[]', {fecha}, {fecha}, 1 FROM generate_series(1, {cuantas}) n"
    );
    prueba.base.ordenar(&sql).await;
}

/// Recorre las páginas desde esa ruta, siguiendo `Link`.
pub async fn recorrer(servicio: &Servicio, ruta: &str) -> Vec<Vec<Value>> {
    let (mut paginas, mut sigue) = (Vec::new(), Some(ruta.to_owned()));
    while let Some(ruta) = sigue {
        let respuesta = servicio.get(&ruta).await;
        sigue = respuesta.siguiente();
        paginas.push(respuesta.con(200).as_array().unwrap().clone());
        assert!(paginas.len() <= 100, "las páginas no se acaban");
    }
    paginas
}

/// El par por el que se ordena.
fn orden(resumen: &Value) -> (&str, &str) {
    (resumen["fecha_creacion"].as_str().unwrap(), resumen["id"].as_str().unwrap())
}

fn estados(lista: &Value) -> Vec<&str> {
    lista.as_array().unwrap().iter().map(|reserva| reserva["estado"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn la_lista_da_resumenes_de_la_mas_nueva_a_la_mas_vieja() {
    let prueba = Prueba::nueva().await;
    assert_eq!(prueba.servicio.get("/vuelos/reserva").await.con(200), Value::Array(vec![]));
    let mut creadas = vec![prueba.reserva().await, prueba.reserva().await, prueba.reserva().await];
    creadas.reverse();
    let lista = prueba.servicio.get("/vuelos/reserva").await.con(200);
    assert_eq!(lista.as_array().unwrap().iter().map(id).collect::<Vec<_>>(), creadas);
    let mut entera = prueba.servicio.get(&format!("/vuelos/reserva/{}", creadas[0])).await.con(200);
    entera.as_object_mut().unwrap().remove("itinerarios");
    assert_eq!(lista[0], entera);
    let esperados = ["estado", "fecha_actualizacion", "fecha_creacion", "id", "id_cliente", "id_usuario"];
    assert_eq!(miembros(&lista[0]), esperados);
}

#[tokio::test]
async fn los_filtros_se_suman() {
    let prueba = Prueba::nueva().await;
    for estado in ESTADOS {
        sembrar(&prueba, 1, "now()", &format!("'{estado}'")).await;
    }
    let lista = async |consulta: &str| prueba.servicio.get(&format!("/vuelos/reserva{consulta}")).await.con(200);
    for estado in ESTADOS {
        assert_eq!(estados(&lista(&format!("?estado={estado}")).await), [estado]);
    }
    assert_eq!(estados(&lista("?pagada=no").await), ["pendiente"]);
    assert_eq!(estados(&lista("?pagada=si").await), ["aprobada", "pagada"]);
    assert_eq!(estados(&lista("?estado=aprobada&pagada=si").await), ["aprobada"]);
    assert_eq!(lista("?estado=cancelada&pagada=no").await, Value::Array(vec![]));

    let (ana, luis) = (prueba.sembrar_usuario().await, prueba.sembrar_usuario().await);
    let suya = id(&prueba.servicio.post("/vuelos/reserva", &reserva_de(&ana)).await.con(200));
    prueba.servicio.post("/vuelos/reserva", &reserva_de(&luis)).await.con(200);
    let de_ana = lista(&format!("?id_cliente={ana}")).await;
    assert_eq!((de_ana.as_array().unwrap().len(), id(&de_ana[0])), (1, suya));
    assert_eq!(
        (&de_ana[0]["id_cliente"], &de_ana[0]["id_usuario"]),
        (&Value::from(ana.clone()), &Value::from(ana.clone()))
    );
    assert_eq!(estados(&lista(&format!("?id_cliente={ana}&pagada=no&estado=pendiente")).await), ["pendiente"]);
    assert_eq!(lista(&format!("?id_cliente={ana}&estado=pagada")).await, Value::Array(vec![]));
}

#[tokio::test]
async fn las_paginas_se_recorren_enteras_sin_repetir_aunque_las_fechas_sean_iguales() {
    let prueba = Prueba::nueva().await;
    sembrar(&prueba, 20, "timestamptz '2026-01-01T10:00:00.123456Z'", "'pendiente'").await;
    sembrar(&prueba, 5, "timestamptz '2026-01-02T10:00:00Z' + n * interval '1 microsecond'", "'pagada'").await;
    for (limite, paginas) in [(1, 25), (7, 4), (25, 1), (200, 1)] {
        let leidas = recorrer(&prueba.servicio, &format!("/vuelos/reserva?limite={limite}")).await;
        assert_eq!(leidas.len(), paginas);
        let todas: Vec<_> = leidas.iter().flatten().collect();
        let distintas: HashSet<_> = todas.iter().map(|reserva| id(reserva)).collect();
        assert_eq!((todas.len(), distintas.len()), (25, 25));
        let viejas: Vec<_> = todas[5..].iter().map(|reserva| orden(reserva)).collect();
        assert!(viejas.is_sorted_by(|a, b| a > b), "{viejas:?}");
        assert!(todas[..5].iter().all(|reserva| reserva["estado"] == "pagada"));
    }
    let filtradas = recorrer(&prueba.servicio, "/vuelos/reserva?limite=2&estado=pagada").await;
    assert_eq!(filtradas.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2, 1]);
    assert!(filtradas.iter().flatten().all(|reserva| reserva["estado"] == "pagada"));
}

#[tokio::test]
async fn lo_que_se_crea_mientras_se_recorren_las_paginas_no_repite_ni_salta_nada() {
    let prueba = Prueba::nueva().await;
    sembrar(&prueba, 6, "now() - n * interval '1 second'", "'pendiente'").await;
    let primera = prueba.servicio.get("/vuelos/reserva?limite=3").await;
    let sigue = primera.siguiente().unwrap();
    prueba.reserva().await;
    let segunda = prueba.servicio.get(&sigue).await;
    assert_eq!(segunda.siguiente(), None);
    let (primera, segunda) = (primera.con(200), segunda.con(200));
    let vistas: HashSet<_> = [&primera, &segunda].into_iter().flat_map(|p| p.as_array().unwrap()).map(id).collect();
    assert_eq!(vistas.len(), 6);
}

#[tokio::test]
async fn una_pagina_tiene_cincuenta_reservas_si_nadie_dice_otra_cosa() {
    let prueba = Prueba::nueva().await;
    sembrar(&prueba, 51, "now()", "'pendiente'").await;
    let paginas = recorrer(&prueba.servicio, "/vuelos/reserva").await;
    assert_eq!(paginas.iter().map(Vec::len).collect::<Vec<_>>(), [50, 1]);
}

#[tokio::test]
async fn un_parametro_que_no_sirve_se_nombra() {
    let prueba = Prueba::nueva().await;
    for (consulta, parametro) in [
        ("limite=0", "limite"),
        ("limite=201", "limite"),
        ("limite=256", "limite"),
        ("limite=-1", "limite"),
        ("limite=abc", "limite"),
        ("limite=", "limite"),
        ("limite=1.5", "limite"),
        ("cursor=", "cursor"),
        ("cursor=zzz", "cursor"),
        ("cursor=%00", "cursor"),
        ("estado=PAGADA", "estado"),
        ("estado=otro", "estado"),
        ("pagada=quizas", "pagada"),
        ("id_cliente=x", "id_cliente"),
    ] {
        prueba.servicio.get(&format!("/vuelos/reserva?{consulta}")).await.parametro_invalido(parametro);
    }
    prueba.servicio.get("/vuelos/reserva?limite=1&limite=2").await.problema(400, "consulta-invalida");
}
