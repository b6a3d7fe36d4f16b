//! Quien recoge las métricas y las escribe como las lee Prometheus.

use std::sync::OnceLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use metrics::{Label, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle, PrometheusRecorder};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::seedwork::aplicacion::medidas::{
    CATALOGO, Clase, INFORMACION, INICIO, Metrica, Origen, Trabajo, carriles, medir,
};

/// Los tramos de los histogramas, en segundos: los que recomienda OpenTelemetry para HTTP, y dos más cortos.
const TRAMOS: [f64; 16] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];
/// Cada cuánto se pasa lo anotado a los histogramas: hasta entonces ocupa memoria.
const ASIENTO: Duration = Duration::from_secs(5);

static RECOGIDAS: OnceLock<Recogidas> = OnceLock::new();

/// Lo que este proceso ha medido.
#[derive(Clone)]
pub struct Recogidas(PrometheusHandle);

impl Recogidas {
    /// Empieza a recoger, una vez por proceso: las métricas son suyas, y no de cada servicio que componga.
    #[must_use]
    pub fn del_proceso() -> Self {
        RECOGIDAS.get_or_init(Self::empezar).clone()
    }

    fn empezar() -> Self {
        let recolector = recolector();
        let recogidas = Self(recolector.handle());
        if metrics::set_global_recorder(recolector).is_err() {
            tracing::warn!("ya había quien recogiera las métricas; /metrics saldrá incompleto");
        }
        for metrica in CATALOGO.iter().filter(|metrica| metrica.origen != Origen::Recogida) {
            describir(metrica);
            if metrica.origen == Origen::Proceso {
                publicar_vacia(metrica);
            }
        }
        medir(INFORMACION, vec![Label::from_static_parts("version", env!("CARGO_PKG_VERSION"))], 1.0);
        // Aunque esta instancia no haga ese trabajo: si no lo hace ninguna, la suma debe decir cero.
        for trabajo in Trabajo::TODOS {
            carriles(trabajo, 0);
        }
        let inicio = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |desde| desde.as_secs_f64());
        medir(INICIO, Vec::new(), inicio);
        recogidas
    }

    /// Lo medido, en el formato de texto de Prometheus.
    #[must_use]
    pub fn texto(&self) -> String {
        self.0.render()
    }

    /// Asienta lo anotado en los histogramas hasta que se pida parar.
    pub async fn asentar(self, parar: CancellationToken) {
        while parar.run_until_cancelled(sleep(ASIENTO)).await.is_some() {
            self.0.run_upkeep();
        }
    }
}

/// Lo que anota `medir` y vale sólo para esta vez, en el formato de texto de Prometheus. Lo que no anote no sale: así
/// nadie toma por cierto lo que no se pudo medir.
#[must_use]
pub fn de_una_vez(medir: impl FnOnce()) -> String {
    let recolector = recolector();
    metrics::with_local_recorder(&recolector, || {
        for metrica in CATALOGO.iter().filter(|metrica| metrica.origen == Origen::Recogida) {
            describir(metrica);
        }
        medir();
    });
    recolector.handle().render()
}

fn describir(&Metrica { nombre, clase, ayuda, .. }: &Metrica) {
    match clase {
        Clase::Contador => describe_counter!(nombre, ayuda),
        Clase::Medidor => describe_gauge!(nombre, ayuda),
        Clase::Histograma => describe_histogram!(nombre, ayuda),
    }
}

fn publicar_vacia(&Metrica { nombre, clase, .. }: &Metrica) {
    match clase {
        Clase::Contador => counter!(nombre).increment(0),
        Clase::Medidor => gauge!(nombre).set(0.0),
        Clase::Histograma => drop(histogram!(nombre)),
    }
}

fn recolector() -> PrometheusRecorder {
    let constructor = PrometheusBuilder::new();
    // Sólo falla sin tramos: entonces los histogramas saldrían como resúmenes, y una prueba lo notaría.
    constructor.set_buckets(&TRAMOS).unwrap_or_else(|_| PrometheusBuilder::new()).build_recorder()
}
