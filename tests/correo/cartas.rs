//! Lo que dicen las cartas, a quién llegan y lo que no queda escrito en ninguna parte.

use serde_json::json;
use sqlx::AssertSqlSafe;

use crate::apoyo::{Sumidero, codigo, correos, esperar_desenlace, registrar, reserva, servicio};
use crate::comun::{BaseDePrueba, hasta};

#[tokio::test]
async fn quien_se_registra_recibe_un_codigo_que_vale_y_puede_pedir_otro() {
    let (base, sumidero) = (BaseDePrueba::vacia().await, Sumidero::nuevo().await);
    let servicio = servicio(&base, &sumidero.url(), &[]).await;
    let ana = registrar(&servicio, "ana@ejemplo.co").await;
    let primera = sumidero.esperar("ana@ejemplo.co", 1).await.remove(0);
    let cabeceras = &primera["cabeceras"];
    assert_eq!(cabeceras["subject"], "Su código de validación de AeroAlpes");
    assert_eq!(cabeceras["from"], "AeroAlpes <reservas@aeroalpes.example>");
    // A una dirección que nadie ha confirmado no va lo que escribió quien la dio.
    assert_eq!(cabeceras["to"], "ana@ejemplo.co");
    assert!(!primera["crudo"].as_str().unwrap().contains("Mar"), "{primera}");
    assert_eq!(cabeceras["auto-submitted"], "auto-generated");
    assert!(primera["crudo"].as_str().unwrap().is_ascii() && cabeceras["content-type"].to_string().contains("utf-8"));

    base.ordenar("UPDATE usuarios SET fecha_creacion = fecha_creacion - interval '2 min'").await;
    servicio.ordenar(&format!("/clientes/usuario/{ana}/codigo")).await.con(204);
    let segunda = sumidero.esperar("ana@ejemplo.co", 2).await.remove(1);
    assert_ne!(codigo(&primera), codigo(&segunda));
    assert_ne!(primera["cabeceras"]["message-id"], segunda["cabeceras"]["message-id"]);
    let validar = format!("/clientes/usuario/{ana}/validar");
    servicio.post(&validar, &json!({"codigo": codigo(&primera)})).await.problema(400, "codigo-incorrecto");
    servicio.post(&validar, &json!({"codigo": codigo(&segunda)})).await.con(200);
    assert!(!servicio.salida.texto().contains("Código"), "con correo, no sale por la consola");
}

#[tokio::test]
async fn quien_reserva_recibe_su_itinerario() {
    let (base, sumidero) = (BaseDePrueba::vacia().await, Sumidero::nuevo().await);
    let servicio = servicio(&base, &sumidero.url(), &[]).await;
    let ana = registrar(&servicio, "ana@ejemplo.co").await;
    let carta = sumidero.esperar("ana@ejemplo.co", 1).await.remove(0);
    // Antes de confirmar su dirección: los vuelos, sin nada de lo que escribió.
    let creada = servicio.post("/vuelos/reserva", &reserva(Some(&ana))).await.con(200);
    let sin_confirmar = sumidero.esperar("ana@ejemplo.co", 2).await.remove(1);
    let texto = sin_confirmar["texto"].as_str().unwrap();
    assert!(texto.contains("BOG → MIA") && texto.contains(creada["id"].as_str().unwrap()), "{texto}");
    assert!(!texto.contains("Ana") && !texto.contains("Bogotá"), "{texto}");

    let validar = format!("/clientes/usuario/{ana}/validar");
    servicio.post(&validar, &json!({"codigo": codigo(&carta)})).await.con(200);
    // También la que se encarga y se cumple después, por el bus.
    servicio.post("/vuelos/reserva-comando", &reserva(Some(&ana))).await.con(202);
    let confirmada = sumidero.esperar("ana@ejemplo.co", 3).await.remove(2);
    assert_eq!(confirmada["cabeceras"]["to"], "Ana María Núñez Öström <ana@ejemplo.co>");
    let texto = confirmada["texto"].as_str().unwrap();
    for parte in [
        "Hola, Ana María:",
        "Estado: pendiente.",
        "  BOG (El Dorado – Bogotá) → MIA\n    Sale:  22 de noviembre de 2022 a las 13:10 (UTC)\n    \
         Llega: 22 de noviembre de 2022 a las 17:00 (UTC)\n",
        "  MIA → JFK (John F. Kennedy)\n    Sale:  23 de noviembre de 2022 a las 01:05 (UTC)\n",
    ] {
        assert!(texto.contains(parte), "falta «{parte}» en:\n{texto}");
    }

    // La que no es de nadie no causa ninguno.
    servicio.post("/vuelos/reserva", &reserva(None)).await.con(200);
    hasta("que los eventos vuelvan", async || {
        let sql = "SELECT count(*) FROM bandeja_salida s WHERE topico LIKE 'eventos-%' AND NOT EXISTS \
                   (SELECT FROM bandeja_entrada e WHERE e.id_mensaje = s.id::text)";
        base.contar(sql).await == 0
    })
    .await;
    assert_eq!(base.contar("SELECT count(*) FROM correos WHERE asunto = 'reserva'").await, 2);
}

#[tokio::test]
async fn ni_la_tabla_ni_los_registros_dicen_a_quien_ni_el_codigo() {
    let (base, sumidero) = (BaseDePrueba::vacia().await, Sumidero::nuevo().await);
    let entorno = [("RUST_LOG", "trace")];
    let servicio = servicio(&base, &sumidero.url(), &entorno).await;
    let ana = registrar(&servicio, "ana@ejemplo.co").await;
    registrar(&servicio, "rechazado+luis@ejemplo.co").await;
    registrar(&servicio, "aplazado+eva@ejemplo.co").await;
    servicio.post("/vuelos/reserva", &reserva(Some(&ana))).await.con(200);
    let carta = sumidero.esperar("ana@ejemplo.co", 2).await.remove(0);
    sumidero.esperar("aplazado+eva@ejemplo.co", 1).await;
    esperar_desenlace(&base, "codigo", "no-entregable", 1).await;
    let codigos = [codigo(&carta), codigo(&sumidero.para("aplazado+eva@ejemplo.co")[0])];
    let mut conexion = base.conectar().await;
    let tablas: Vec<String> = sqlx::query_scalar(
        "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'usuarios'",
    )
    .fetch_all(&mut conexion)
    .await
    .unwrap();
    assert!(tablas.iter().any(|tabla| tabla == "correos"));
    let mut lugares = vec![("registros".to_owned(), servicio.registros.texto())];
    for tabla in tablas {
        let sql = AssertSqlSafe(format!("SELECT coalesce(string_agg(t::text, ' '), '') FROM {tabla} t"));
        lugares.push((tabla, sqlx::query_scalar(sql).fetch_one(&mut conexion).await.unwrap()));
    }
    for (lugar, texto) in lugares {
        for dato in ["ejemplo.co", "Ana", "Núñez", &codigos[0], &codigos[1]] {
            assert!(!texto.contains(dato), "«{dato}» está en {lugar}:\n{texto}");
        }
    }
    assert_eq!(correos(&base, "codigo", None).await, 0);
}

#[tokio::test]
async fn sin_correo_no_se_anota_ninguno_y_el_codigo_sale_por_la_consola() {
    let base = BaseDePrueba::vacia().await;
    let servicio = crate::comun::servicio::Servicio::arrancar(&base, &[]).await;
    let ana = registrar(&servicio, "ana@ejemplo.co").await;
    servicio.codigo_de(&ana).await;
    let recibidos = "SELECT count(*) FROM bandeja_entrada";
    hasta("que el evento vuelva", async || base.contar(recibidos).await == 1).await;
    assert_eq!(base.contar("SELECT count(*) FROM correos").await, 0);
}
