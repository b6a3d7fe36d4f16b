//! El otro lado, con el cliente de Pulsar y nada de este servicio: lee un tópico y escribe en él.

use std::collections::{BTreeMap, HashMap, HashSet};

use futures_util::StreamExt;
use pulsar::consumer::InitialPosition;
use pulsar::producer::Message;
use pulsar::{Consumer, ConsumerOptions, ProducerOptions, Pulsar, SubType, TokioExecutor, proto};
use tokio::time::timeout;
use uuid::Uuid;

use crate::comun::{BaseDePrueba, PLAZO};

/// Un mensaje tal como lo da el bróker.
pub struct Recibido {
    pub id: String,
    pub propiedades: HashMap<String, String>,
    pub clave: Option<String>,
    pub momento: Option<u64>,
    pub version_esquema: Option<Vec<u8>>,
    pub datos: Vec<u8>,
    /// El tópico, o la partición, de donde llegó.
    pub origen: String,
}

/// Una suscripción propia: recibe todo lo que se publique desde que existe.
pub struct Oyente {
    consumidor: Consumer<Vec<u8>, TokioExecutor>,
}

async fn conectar(url: &str) -> Pulsar<TokioExecutor> {
    Pulsar::builder(url, TokioExecutor).build().await.unwrap()
}

impl Oyente {
    /// Crea la suscripción, o sigue donde se quedó.
    pub async fn nuevo(url: &str, topico: &str) -> Self {
        Self::otro(url, topico, "prueba").await
    }

    /// Lo mismo, en ese espacio de nombres: de un tópico particionado, todas las particiones.
    pub async fn en(url: &str, espacio: &str, topico: &str) -> Self {
        Self::de(url, format!("persistent://{espacio}/{topico}"), "prueba").await
    }

    /// Lo mismo, con otro nombre: recibe lo mismo que los demás.
    pub async fn otro(url: &str, topico: &str, suscripcion: &str) -> Self {
        Self::de(url, format!("persistent://public/default/{topico}"), suscripcion).await
    }

    async fn de(url: &str, completo: String, suscripcion: &str) -> Self {
        let opciones = ConsumerOptions {
            initial_position: InitialPosition::Earliest,
            durable: Some(true),
            ..ConsumerOptions::default()
        };
        let cliente = conectar(url).await;
        let consumidor = cliente
            .consumer()
            .with_topic(completo)
            .with_subscription(suscripcion)
            .with_subscription_type(SubType::Shared)
            .with_options(opciones)
            .build();
        Self { consumidor: timeout(PLAZO, consumidor).await.expect("la suscripción no se creó").unwrap() }
    }

    /// El siguiente mensaje.
    pub async fn siguiente(&mut self) -> Recibido {
        let mensaje = timeout(PLAZO, self.consumidor.next()).await.expect("no llegó ningún mensaje").unwrap().unwrap();
        self.consumidor.ack(&mensaje).await.unwrap();
        let metadatos = mensaje.metadata();
        let propiedades: HashMap<_, _> =
            metadatos.properties.iter().map(|par| (par.key.clone(), par.value.clone())).collect();
        Recibido {
            id: propiedades.get("id").cloned().unwrap_or_default(),
            propiedades,
            clave: metadatos.partition_key.clone(),
            momento: metadatos.event_time,
            version_esquema: metadatos.schema_version.clone(),
            datos: mensaje.payload.data.clone(),
            origen: mensaje.topic.clone(),
        }
    }

    /// El siguiente con esa identidad.
    pub async fn esperar(&mut self, id: &str) -> Recibido {
        loop {
            let recibido = self.siguiente().await;
            if recibido.id == id {
                return recibido;
            }
        }
    }

    /// Lee hasta tener cada evento de reservas que la base confirmó, y comprueba que no haya otros y que, de cada
    /// clave, las primeras apariciones estén en el orden en que se confirmaron.
    pub async fn comprobar_eventos(&mut self, base: &BaseDePrueba) {
        self.eventos_en_orden(base).await;
    }

    /// Lo mismo; devuelve de dónde llegó cada uno, con su clave.
    pub async fn eventos_en_orden(&mut self, base: &BaseDePrueba) -> Vec<(String, String)> {
        let sql = "SELECT id, clave FROM bandeja_salida WHERE topico = 'eventos-reserva' ORDER BY posicion";
        let confirmados: Vec<(Uuid, Uuid)> = sqlx::query_as(sql).fetch_all(&mut base.conectar().await).await.unwrap();
        let mut esperados = BTreeMap::<String, Vec<String>>::new();
        for (id, clave) in &confirmados {
            esperados.entry(clave.to_string()).or_default().push(id.to_string());
        }
        let (mut vistos, mut hallados) = (HashSet::new(), BTreeMap::<String, Vec<String>>::new());
        let mut origenes = Vec::new();
        while vistos.len() < confirmados.len() {
            let Recibido { id, clave, origen, .. } = self.siguiente().await;
            let clave = clave.unwrap();
            origenes.push((clave.clone(), origen));
            if vistos.insert(id.clone()) {
                hallados.entry(clave).or_default().push(id);
            }
        }
        assert_eq!(hallados, esperados);
        origenes
    }
}

/// Publica unos bytes con esas propiedades y, si se da, declarando ese esquema de Avro.
pub async fn publicar(url: &str, topico: &str, esquema: Option<&str>, propiedades: &[(&str, &str)], datos: &[u8]) {
    let completo = format!("persistent://public/default/{topico}");
    Box::pin(publicar_en(url, completo, esquema, propiedades, datos)).await;
}

/// Lo mismo, con el nombre completo del tópico.
pub async fn publicar_en(
    url: &str,
    completo: String,
    esquema: Option<&str>,
    propiedades: &[(&str, &str)],
    datos: &[u8],
) {
    let esquema = esquema.map(|texto| proto::Schema {
        name: "ajeno".to_owned(),
        schema_data: texto.as_bytes().to_vec(),
        r#type: proto::schema::Type::Avro as i32,
        properties: Vec::new(),
    });
    let opciones = ProducerOptions { schema: esquema, ..ProducerOptions::default() };
    let cliente = conectar(url).await;
    let productor = cliente.producer().with_topic(completo);
    let mut productor = Box::pin(productor.with_options(opciones).build()).await.unwrap();
    let properties = propiedades.iter().map(|(nombre, valor)| ((*nombre).to_owned(), (*valor).to_owned())).collect();
    let mensaje = Message { payload: datos.to_vec(), properties, ..Message::default() };
    Box::pin(productor.send_non_blocking(mensaje)).await.unwrap().await.unwrap();
}
