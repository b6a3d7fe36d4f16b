//! Lo que tiene que existir en el bróker antes del primer mensaje.

use std::collections::BTreeSet;

use crate::apoyo::Prueba;

const TOPICOS: [(&str, &str, &str); 4] = [
    ("comandos-reserva", "ComandoCrearReserva", "aeroalpes-sub-comandos"),
    ("comandos-usuario", "ComandoUsuario", "aeroalpes-sub-comandos"),
    ("eventos-reserva", "EventoReservaCreada", "aeroalpes-sub-eventos"),
    ("eventos-usuario", "EventoUsuario", "aeroalpes-sub-eventos"),
];

#[tokio::test]
async fn antes_del_primer_mensaje_estan_los_esquemas_y_las_suscripciones() {
    let prueba = Prueba::nueva().await;
    let mut esperados = BTreeSet::new();
    for (topico, registro, suscripcion) in TOPICOS {
        let esquema = prueba.broker.esquema(topico).await;
        assert_eq!(esquema["type"], "AVRO", "{topico}");
        let datos: serde_json::Value = serde_json::from_str(esquema["data"].as_str().unwrap()).unwrap();
        assert_eq!(datos["name"], registro, "{topico}");
        assert_eq!(prueba.broker.suscripciones(topico).await, [suscripcion], "{topico}");
        let letras = format!("{topico}-aeroalpes-dlq");
        assert_eq!(prueba.broker.suscripciones(&letras).await, ["aeroalpes-sub-letras-muertas"], "{letras}");
        esperados.extend([topico, &letras].map(|nombre| format!("persistent://public/default/{nombre}")));
    }
    assert_eq!(prueba.broker.topicos().await.into_iter().collect::<BTreeSet<_>>(), esperados);
    assert_eq!(prueba.base.contar("SELECT count(*) FROM bandeja_salida").await, 0);
}
