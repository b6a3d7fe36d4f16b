//! Lo que no se puede atender se aparta con su motivo, y no estorba a lo que viene detrás.

use std::collections::HashMap;

use serde_json::{Value, json};

use crate::apoyo::{Aceptado, Prueba, cambiar, crear};
use crate::comun::servicio::ejecutar;
use crate::oyente::{Oyente, publicar};

const TOPICO: &str = "comandos-reserva";

/// Un servicio con un comando ya aceptado, de cuyo mensaje salen los demás, y quien lee sus letras muertas.
struct Escenario {
    prueba: Prueba,
    muertas: Oyente,
    bueno: Aceptado,
    datos: Vec<u8>,
    esquema: String,
}

impl Escenario {
    async fn nuevo() -> Self {
        let prueba = Prueba::nueva().await;
        let mut comandos = Oyente::nuevo(&prueba.broker.url, TOPICO).await;
        let muertas = Oyente::nuevo(&prueba.broker.url, "comandos-reserva-aeroalpes-dlq").await;
        let bueno = crear(&prueba.servicio).await;
        let datos = comandos.esperar(&bueno.id_comando).await.datos;
        let esquema = prueba.broker.esquema(TOPICO).await["data"].as_str().unwrap().to_owned();
        Self { prueba, muertas, bueno, datos, esquema }
    }
}

#[tokio::test]
async fn lo_que_nadie_puede_atender_llega_a_letras_muertas_y_lo_siguiente_se_cumple() {
    let Escenario { prueba, mut muertas, bueno, datos, esquema } = Escenario::nuevo().await;
    let (url, esquema) = (&prueba.broker.url, Some(esquema.as_str()));
    // Con otra identidad, que si no sería una repetición.
    let otra = uuid::Uuid::now_v7().to_string();
    let ajeno = cambiar(&cambiar(&datos, &bueno.id_comando, &otra), "CrearReserva", "BorraReserva");
    publicar(url, TOPICO, esquema, &[("prueba", "basura")], b"\xff\xff\xff\xff\xff basura").await;
    publicar(url, TOPICO, esquema, &[("prueba", "desconocido")], &ajeno).await;
    publicar(url, TOPICO, esquema, &[("prueba", "vacio")], b"").await;
    publicar(url, TOPICO, esquema, &[("prueba", "recortado")], &datos[..datos.len() - 1]).await;
    publicar(url, TOPICO, None, &[("prueba", "sin esquema")], &datos).await;
    let siguiente = crear(&prueba.servicio).await;

    let mut motivos = HashMap::new();
    for _ in 0..5 {
        let muerta = muertas.siguiente().await;
        assert_eq!(muerta.propiedades["suscripcion"], "aeroalpes-sub-comandos");
        assert!(!muerta.propiedades["motivo"].is_empty(), "{:?}", muerta.propiedades);
        motivos.insert(muerta.propiedades["id_original"].clone(), (muerta.propiedades["motivo"].clone(), muerta.datos));
    }
    assert_eq!(motivos.len(), 5, "{motivos:?}");
    assert!(motivos[&otra].0.contains("BorraReserva"), "{motivos:?}");
    assert!(motivos.values().any(|(motivo, _)| motivo.contains("esquema con que se escribió")), "{motivos:?}");
    for original in [&b"\xff\xff\xff\xff\xff basura"[..], b"", &datos[..datos.len() - 1], &datos, &ajeno] {
        assert!(motivos.values().any(|(_, datos)| datos == original), "falta {original:?}");
    }
    assert_eq!(prueba.resultado(&siguiente.id_comando).await["estado"], "ejecutado");
    let resultado = prueba.resultado(&otra).await;
    assert_eq!(resultado["problema"]["type"], "urn:aeroalpes:problema:mensaje-apartado");
    let sql = "SELECT motivo FROM letras_muertas ORDER BY motivo";
    let guardados: Vec<String> = sqlx::query_scalar(sql).fetch_all(&mut prueba.base.conectar().await).await.unwrap();
    let mut originales: Vec<_> = motivos.keys().cloned().collect();
    let mut publicados: Vec<_> = motivos.into_values().map(|(motivo, _)| motivo).collect();
    publicados.sort_unstable();
    assert_eq!(
        {
            let mut guardados = guardados;
            guardados.sort_unstable();
            guardados
        },
        publicados
    );
    assert_eq!(prueba.base.contar("SELECT count(*) FROM reservas").await, 2);

    // Reintentarlas no las arregla: mueren otra vez, también en el tópico, y nada se cumple.
    let reintentar = ["letras-muertas", "reintentar", "--todas"];
    let dicho = ejecutar(&reintentar, &[("DATABASE_URL", &prueba.base.url())]).await;
    assert_eq!(String::from_utf8_lossy(&dicho.stdout), "Reintentadas: 5\n");
    let mut otra_vez = Vec::new();
    for _ in 0..5 {
        otra_vez.push(muertas.siguiente().await.propiedades["id_original"].clone());
    }
    originales.sort_unstable();
    otra_vez.sort_unstable();
    assert_eq!(originales, otra_vez);
    assert_eq!(prueba.base.contar("SELECT count(*) FROM letras_muertas WHERE reintentada_en IS NOT NULL").await, 5);
    assert_eq!(prueba.base.contar("SELECT count(*) FROM reservas").await, 2);
}

#[tokio::test]
async fn lo_que_pediria_demasiada_memoria_llega_a_letras_muertas() {
    let Escenario { prueba, mut muertas, datos, esquema, .. } = Escenario::nuevo().await;
    let url = &prueba.broker.url;
    publicar(url, TOPICO, Some(&esquema), &[], &vec![0; 2 * 1024 * 1024]).await;
    assert!(muertas.siguiente().await.propiedades["motivo"].contains("ocupa más de 1048576 bytes"));
    // El bróker lo admite: sólo añade un campo que puede faltar. Dice que ocupa 2 GB, y no trae ni un byte.
    let mut ajeno: Value = serde_json::from_str(&esquema).unwrap();
    let fijo = json!(["null", {"type": "fixed", "name": "Enorme", "size": 2_000_000_000}]);
    ajeno["fields"].as_array_mut().unwrap().push(json!({"name": "x", "type": fijo, "default": null}));
    publicar(url, TOPICO, Some(&ajeno.to_string()), &[], &[&datos[..], &[2]].concat()).await;
    assert!(muertas.siguiente().await.propiedades["motivo"].contains("no acota"));
    let siguiente = crear(&prueba.servicio).await;
    assert_eq!(prueba.resultado(&siguiente.id_comando).await["estado"], "ejecutado");
}
