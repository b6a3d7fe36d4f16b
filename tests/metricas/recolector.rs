//! Un recolector de OTLP por HTTP que guarda los tramos que recibe.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::service::TowerToHyperService;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use tokio::net::TcpListener;

use crate::comun::hasta;

type Guardados = Arc<Mutex<Vec<Tramo>>>;

/// Lo que interesa de un tramo.
#[derive(Debug, Clone)]
pub struct Tramo {
    pub servicio: String,
    pub traza: String,
    pub id: String,
    pub padre: String,
    pub nombre: String,
    /// 1, interno; 2, servidor; 3, cliente; 4, productor; 5, consumidor.
    pub clase: i32,
    pub atributos: BTreeMap<String, String>,
}

/// El recolector, en un puerto libre.
pub struct Recolector {
    pub url: String,
    guardados: Guardados,
}

impl Recolector {
    pub async fn nuevo() -> Self {
        let guardados = Guardados::default();
        let rutas = Router::new().fallback(guardar).with_state(Arc::clone(&guardados));
        let escucha = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", escucha.local_addr().unwrap());
        tokio::spawn(async move {
            while let Ok((conexion, _)) = escucha.accept().await {
                let rutas = TowerToHyperService::new(rutas.clone());
                tokio::spawn(async move {
                    let servidor = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
                    servidor.serve_connection(TokioIo::new(conexion), rutas).await.ok();
                });
            }
        });
        Self { url, guardados }
    }

    pub fn tramos(&self) -> Vec<Tramo> {
        self.guardados.lock().unwrap().clone()
    }

    /// Espera el tramo de esa traza con ese nombre.
    pub async fn esperar(&self, traza: &str, nombre: &str) -> Tramo {
        let buscar = || self.tramos().into_iter().find(|tramo| tramo.traza == traza && tramo.nombre == nombre);
        hasta(&format!("el tramo «{nombre}»"), async || buscar().is_some()).await;
        buscar().unwrap()
    }
}

async fn guardar(State(guardados): State<Guardados>, ruta: Uri, cabeceras: HeaderMap, cuerpo: Bytes) {
    assert_eq!(ruta.path(), "/v1/traces");
    assert_eq!(cabeceras["content-type"], "application/x-protobuf");
    let lote = ExportTraceServiceRequest::decode(cuerpo).unwrap();
    for de_un_recurso in lote.resource_spans {
        let recurso = atributos(de_un_recurso.resource.unwrap().attributes);
        let tramos = de_un_recurso.scope_spans.into_iter().flat_map(|suyos| suyos.spans);
        guardados.lock().unwrap().extend(tramos.map(|tramo| leido(&recurso["service.name"], tramo)));
    }
}

fn leido(servicio: &str, tramo: Span) -> Tramo {
    let hexadecimal = |bytes: &[u8]| bytes.iter().fold(String::new(), |texto, byte| format!("{texto}{byte:02x}"));
    Tramo {
        servicio: servicio.to_owned(),
        traza: hexadecimal(&tramo.trace_id),
        id: hexadecimal(&tramo.span_id),
        padre: hexadecimal(&tramo.parent_span_id),
        nombre: tramo.name,
        clase: tramo.kind,
        atributos: atributos(tramo.attributes),
    }
}

fn atributos(pares: Vec<KeyValue>) -> BTreeMap<String, String> {
    let texto = |valor| match valor {
        Some(Value::StringValue(texto)) => texto,
        otro => format!("{otro:?}"),
    };
    pares.into_iter().map(|par| (par.key, texto(par.value.and_then(|valor| valor.value)))).collect()
}
