//! Un binario nuevo sobre un esquema viejo, y uno viejo sobre un esquema nuevo.

use std::path::Path;

use sqlx::migrate::Migrator;
use uuid::Uuid;

use crate::apoyo::{Prueba, id, reserva};
use crate::comun::servicio::Servicio;
use crate::comun::{BaseDePrueba, hasta};

/// Lo que hace cualquier binario: crear, leer, pagar, y cumplir un comando que pasa por el bus.
async fn trabaja(servicio: &Servicio) {
    let creada = id(&servicio.post("/vuelos/reserva", &reserva()).await.con(200));
    servicio.ordenar(&format!("/vuelos/reserva/{creada}/pagar")).await.con(200);
    let aceptado = servicio.post("/vuelos/reserva-comando", &reserva()).await.con(202);
    let resultado = format!("/comandos/{}", aceptado["id_comando"].as_str().unwrap());
    let ejecutado = async || servicio.get(&resultado).await.con(200)["estado"] == "ejecutado";
    hasta("que el comando se cumpla", ejecutado).await;
}

#[tokio::test]
async fn sobre_un_esquema_del_futuro_se_arranca_y_se_trabaja() {
    let base = BaseDePrueba::nueva().await;
    let futuro = "ALTER TABLE reservas ADD COLUMN futura integer NOT NULL DEFAULT 7; \
                  ALTER TABLE bandeja_salida ADD COLUMN futura text; \
                  ALTER TABLE entregas ADD COLUMN futura jsonb; \
                  CREATE TABLE futura (id uuid PRIMARY KEY); \
                  INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
                  VALUES (9999, 'del futuro', true, '\\x00', 0)";
    base.ordenar(futuro).await;
    let prueba = Prueba { servicio: Servicio::arrancar(&base, &[]).await, base };
    trabaja(&prueba.servicio).await;
    assert_eq!(prueba.base.contar("SELECT count(*) FROM reservas WHERE futura = 7").await, 2);
}

/// Una base tal como la dejó la primera versión publicada, con datos y con trabajo a medias.
async fn base_de_antes(reserva: Uuid) -> BaseDePrueba {
    let base = BaseDePrueba::vacia().await;
    let todas = Migrator::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations")).await.unwrap();
    let publicadas: Vec<_> = todas.migrations.iter().filter(|migracion| migracion.version <= 4).cloned().collect();
    assert_eq!(publicadas.len(), 4);
    let migrador = Migrator { migrations: publicadas.into(), ..Migrator::DEFAULT };
    migrador.run(&mut base.conectar().await).await.unwrap();
    let itinerarios = r#"[[[[{"salida":1669122600000000,"llegada":1669129800000000,"origen":{"codigo":"BOG","nombre":"El Dorado"},"destino":{"codigo":"JFK","nombre":"Kennedy"}}]]]]"#;
    let datos = format!(
        "INSERT INTO reservas (id, estado, itinerarios, fecha_creacion, fecha_actualizacion, version) \
         VALUES ('{reserva}', 'pendiente', '{itinerarios}', now(), now(), 1); \
         INSERT INTO bandeja_salida (id, topico, clave, tipo, datos, ocurrido_en, correlacion, traceparent) \
         VALUES (gen_random_uuid(), 'eventos-reserva', '{reserva}', 'ReservaCreada', '', now(), 'c', 't'); \
         INSERT INTO entregas (suscripcion, id_mensaje, topico, clave, tipo, datos, correlacion, traceparent, \
         publicado_en, intentos) VALUES ('aeroalpes-sub-eventos', gen_random_uuid()::text, 'eventos-reserva', \
         gen_random_uuid(), 'ReservaCreada', '', 'c', 't', now(), 5)"
    );
    base.ordenar(&datos).await;
    base
}

#[tokio::test]
async fn sobre_un_esquema_viejo_con_datos_se_pone_al_dia_y_sigue_lo_que_estaba_a_medias() {
    let reserva = Uuid::now_v7();
    let base = base_de_antes(reserva).await;
    let (una, otra) = tokio::join!(Servicio::arrancar(&base, &[]), Servicio::arrancar(&base, &[]));
    let leida = una.get(&format!("/vuelos/reserva/{reserva}")).await.con(200);
    assert_eq!((leida["estado"].as_str(), leida["itinerarios"].as_array().unwrap().len()), (Some("pendiente"), 1));
    assert_eq!(otra.ordenar(&format!("/vuelos/reserva/{reserva}/pagar")).await.con(200)["estado"], "pagada");
    let a_medias =
        "SELECT (SELECT count(*) FROM entregas) + (SELECT count(*) FROM bandeja_salida WHERE publicada_en IS NULL)";
    hasta("que no quede nada a medias", async || base.contar(a_medias).await == 0).await;
    assert_eq!(base.contar("SELECT count(*) FROM letras_muertas").await, 0);
    trabaja(&una).await;
    trabaja(&otra).await;
}
