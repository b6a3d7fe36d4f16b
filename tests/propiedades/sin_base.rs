//! Las rutas de verdad, enteras y en este proceso, con una base de datos que nunca contesta: lo que pasa del borde da 503.

use std::sync::Arc;
use std::time::Duration;

use aeroalpes::api::acceso::Acceso;
use aeroalpes::api::en_vivo::EnVivo;
use aeroalpes::api::{App, rutas};
use aeroalpes::config::Modo;
use aeroalpes::modulos::clientes::{self, EntregaPorConsola, Fichas, PlazosFichas, ServiciosClientes};
use aeroalpes::modulos::vuelos;
use aeroalpes::seedwork::aplicacion::mediador::Mediador;
use aeroalpes::seedwork::infraestructura::conexiones::{Conexiones, PlazosPg};
use aeroalpes::seedwork::infraestructura::fabrica_pg::FabricaPg;
use aeroalpes::seedwork::infraestructura::idempotencia::Huellas;
use aeroalpes::seedwork::infraestructura::mensajeria::despachador::{Despachador, Salida};
use aeroalpes::seedwork::infraestructura::mensajeria::enrutador::Enrutador;
use aeroalpes::seedwork::infraestructura::mensajeria::ids::IdsComando;
use aeroalpes::seedwork::infraestructura::mensajeria::mirador::Mirador;
use aeroalpes::seedwork::infraestructura::mensajeria::seguidor::Seguidor;
use aeroalpes::seedwork::infraestructura::mensajeria::sucesos::Sucesos;
use aeroalpes::seedwork::infraestructura::observador::Observador;
use aeroalpes::servicios::Servicios;
use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response};
use http_body_util::BodyExt;
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;
use sqlx::postgres::PgConnectOptions;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

/// Las rutas, y con qué atenderlas.
pub struct SinBase {
    hilos: Runtime,
    rutas: Router,
}

impl SinBase {
    pub fn nueva() -> Self {
        let hilos = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let rutas = hilos.block_on(async { componer() });
        Self { hilos, rutas }
    }

    /// Lo que responde, con el cuerpo ya leído.
    pub fn pedir(&self, solicitud: Request<Body>) -> Response<Vec<u8>> {
        self.hilos.block_on(async {
            let respuesta = TowerToHyperService::new(self.rutas.clone()).call(solicitud).await.unwrap();
            let (partes, cuerpo) = respuesta.into_parts();
            Response::from_parts(partes, cuerpo.collect().await.unwrap().to_bytes().into())
        })
    }
}

fn componer() -> Router {
    let segundo = Duration::from_secs(1);
    let plazos = PlazosPg { bloqueo: segundo, sentencia: segundo, transaccion_ociosa: segundo };
    // En el puerto 1 no atiende nadie: conectar falla en el acto.
    let nadie = PgConnectOptions::new_without_pgpass().host("127.0.0.1").port(1);
    let conexiones = Conexiones::nuevas(nadie, plazos, 1, Duration::from_millis(20)).unwrap();
    let (clave, aviso) = (Zeroizing::new(vec![7; 32]), Arc::default());
    let ids = IdsComando::nuevos(&clave).unwrap();
    let entrega = Box::new(EntregaPorConsola::nueva(std::io::sink()));
    let fichas = Fichas::nuevas(conexiones.clone(), PlazosFichas { caducidad: segundo, rotacion: segundo });
    let clientes = ServiciosClientes::nuevos(&clave, segundo, entrega, fichas).unwrap();
    let servicios = Servicios { clientes, ids: ids.clone() };
    let fabrica = FabricaPg::nueva(conexiones.clone(), conexiones.clone(), servicios, Arc::clone(&aviso));
    let mediador = Arc::new(Mediador::nuevo(fabrica, clientes::reacciones(), segundo));
    let enrutador = Arc::new(Enrutador::nuevo(vuelos::rutas().y(clientes::rutas())).unwrap());
    let despachador = Arc::new(Despachador::nuevo(enrutador, ids.clone(), Salida::Local(conexiones.clone(), aviso)));
    let acceso = Arc::new(Acceso::nuevo(&Modo::Abierto { en_red: false }));
    let huellas = Huellas::nuevas(&clave).unwrap();
    let sucesos = Sucesos::nuevos(conexiones.clone(), vuelos::TOPICO_EVENTOS, vuelos::leer_evento);
    let seguidor = Seguidor::nuevo(conexiones.clone(), ids);
    let en_vivo = EnVivo::nuevo(Mirador::nuevo(sucesos), seguidor, 1, CancellationToken::new());
    let observador = Arc::new(Observador::nuevo(conexiones.clone(), Vec::new(), Vec::new()));
    rutas(App { mediador, despachador, broker: None, huellas, lectura: conexiones, en_vivo, acceso, observador })
}
