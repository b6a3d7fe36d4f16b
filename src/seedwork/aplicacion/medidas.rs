//! Las métricas del servicio: su catálogo y cómo se anota cada una. Quien las recoge está en `metricas.rs`.
//!
//! Los nombres siguen las convenciones de Prometheus y de OpenTelemetry, en inglés. Toda etiqueta sale de un conjunto
//! cerrado: nada de lo que escribe quien llama llega a una.

use std::time::Instant;

use metrics::{Label, SharedString, counter, gauge, histogram};

use crate::seedwork::dominio::repositorios::Falla;

/// Lo que se dice de un valor que no es de los conocidos, como en OpenTelemetry.
pub const OTRO: &str = "_OTHER";

/// Qué clase de métrica es.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clase {
    /// Sólo crece (*counter*).
    Contador,
    /// Sube y baja (*gauge*).
    Medidor,
    /// Cuántas veces cayó en cada tramo, en segundos (*histogram*).
    Histograma,
}

/// Una métrica del catálogo.
pub struct Metrica {
    /// Su nombre.
    pub nombre: &'static str,
    /// Su clase.
    pub clase: Clase,
    /// Qué dice, en una línea.
    pub ayuda: &'static str,
    /// De dónde sale.
    pub origen: Origen,
}

/// De dónde sale una métrica.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origen {
    /// La anota el proceso, y no tiene etiquetas: se publica desde el principio, con un cero.
    Proceso,
    /// La anota el proceso, con etiquetas: sale desde que pasa algo que anotar.
    PorEtiquetas,
    /// Se mide al recoger; si no se puede medir, no sale.
    Recogida,
}

macro_rules! catalogo {
    ($($(#[$doc:meta])* $constante:ident = $nombre:literal, $clase:ident, $origen:ident, $ayuda:literal;)*) => {
        $(#[doc = $ayuda] pub const $constante: &str = $nombre;)*

        /// Todas las métricas del servicio, también las que se miden al recoger.
        pub const CATALOGO: &[Metrica] = &[$(Metrica {
            nombre: $constante, clase: Clase::$clase, ayuda: $ayuda, origen: Origen::$origen,
        }),*];
    };
}

catalogo! {
    INFORMACION = "aeroalpes_build_info", Medidor, PorEtiquetas, "Siempre 1; la versión del programa va en una etiqueta.";
    INICIO = "process_start_time_seconds", Medidor, Proceso, "Cuándo arrancó el proceso, en segundos desde 1970.";
    SOLICITUDES = "http_server_request_duration_seconds", Histograma, PorEtiquetas, "Cuánto tardó cada solicitud HTTP.";
    SOLICITUDES_EN_CURSO = "http_server_active_requests", Medidor, Proceso, "Solicitudes HTTP que se están atendiendo.";
    COMANDOS = "commands_total", Contador, PorEtiquetas, "Comandos que terminaron, por tipo y por cómo terminaron.";
    UNIDADES = "unit_of_work_duration_seconds", Histograma, PorEtiquetas, "Cuánto duró cada unidad de trabajo.";
    REINTENTOS = "unit_of_work_retries_total", Contador, Proceso, "Unidades de trabajo que se repitieron por chocar con otra.";
    ESPERAS_FILA = "unit_of_work_lock_wait_seconds", Histograma, Proceso,
        "Cuánto se tardó en leer una fila con FOR UPDATE, esperando a que otra la soltara.";
    BLOQUEOS = "unit_of_work_lock_timeouts_total", Contador, Proceso, "Unidades de trabajo que se rindieron: su fila seguía ocupada.";
    INTERBLOQUEOS = "unit_of_work_deadlocks_total", Contador, Proceso,
        "Unidades de trabajo deshechas por un interbloqueo o un fallo de serialización.";
    FONDO = "db_pool_connections", Medidor, Recogida, "Conexiones abiertas de cada fondo, por estado.";
    FONDO_MAXIMO = "db_pool_max_connections", Medidor, Recogida, "Conexiones que puede abrir cada fondo.";
    FONDO_ESPERA = "db_pool_waiting", Medidor, Recogida, "Cuántos esperan una conexión libre de cada fondo.";
    BASE = "db_up", Medidor, Recogida, "1 si PostgreSQL contestó al medir; si es 0, faltan las métricas que se leen de él.";
    BLOQUEADAS = "db_lock_waiting_sessions", Medidor, Recogida, "Sesiones de esta base que esperan ahora por un bloqueo.";
    BUS = "message_bus_up", Medidor, Recogida, "1 si el bus de mensajes responde.";
    SALIENTES = "outbox_pending", Medidor, Recogida, "Mensajes de la bandeja de salida por publicar; cuenta hasta 100000.";
    EDAD_SALIENTE = "outbox_oldest_age_seconds", Medidor, Recogida, "Edad del mensaje más viejo por publicar; 0 si no hay.";
    PUBLICADOS = "outbox_published_total", Contador, Proceso, "Mensajes de la bandeja de salida que esta instancia entregó al bus.";
    FALLOS_PUBLICAR = "outbox_publish_failures_total", Contador, Proceso, "Envíos al bróker que no tuvieron recibo.";
    DUPLICADOS = "inbox_duplicates_total", Contador, Proceso, "Mensajes repetidos que paró la bandeja de entrada.";
    ENTREGAS = "message_deliveries_total", Contador, PorEtiquetas, "Entregas que se atendieron, por suscripción y por qué se hizo con ellas.";
    PENDIENTES = "deliveries_pending", Medidor, Recogida, "Entregas por atender, por tópico; cuenta hasta 100000.";
    EDAD_PENDIENTE = "deliveries_oldest_age_seconds", Medidor, Recogida, "Edad de la entrega más vieja por atender; 0 si no hay.";
    LETRAS = "dead_letters", Medidor, Recogida, "Letras muertas que esperan a alguien, por tópico; cuenta hasta 100000.";
    CORREOS = "emails_pending", Medidor, Recogida, "Correos anotados que no se han enviado; cuenta hasta 100000.";
    EDAD_CORREO = "emails_oldest_age_seconds", Medidor, Recogida, "Edad del correo más viejo por enviar; 0 si no hay.";
    CORREOS_PERDIDOS = "emails_undeliverable", Medidor, Recogida, "Correos dados por imposibles que siguen guardados; cuenta hasta 100000.";
    CARRILES = "lanes_owned", Medidor, PorEtiquetas, "Carriles que tenía esta instancia en su último latido; 0 si no pudo latir.";
}

/// Para qué son unos carriles: cada trabajo tiene los suyos, porque no todas las instancias hacen los dos.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trabajo {
    /// Atender las entregas.
    Atender,
    /// Publicar la bandeja de salida, o repartirla si el bus es el local.
    Relevar,
}

impl Trabajo {
    /// Los dos.
    pub const TODOS: [Self; 2] = [Self::Atender, Self::Relevar];

    const fn texto(self) -> &'static str {
        match self {
            Self::Atender => "consume",
            Self::Relevar => "relay",
        }
    }
}

/// Cómo terminó algo.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Desenlace {
    /// Se cumplió.
    Ejecutado,
    /// El módulo dijo que no.
    Rechazado,
    /// El mensaje ya se había recibido.
    Duplicado,
    /// Se dejó para más tarde.
    Aplazado,
    /// Se apartó para siempre.
    Apartado,
    /// Falló algo técnico.
    Fallado,
}

impl Desenlace {
    /// Cómo terminó, dada la falla técnica de un error si la hay.
    #[must_use]
    pub const fn de_error(falla: Option<&Falla>) -> Self {
        match falla {
            None => Self::Rechazado,
            Some(Falla::YaRecibido) => Self::Duplicado,
            Some(_) => Self::Fallado,
        }
    }

    const fn texto(self) -> &'static str {
        match self {
            Self::Ejecutado => "executed",
            Self::Rechazado => "rejected",
            Self::Duplicado => "duplicate",
            Self::Aplazado => "delayed",
            Self::Apartado => "dead_letter",
            Self::Fallado => "failed",
        }
    }
}

/// Un comando terminó. `tipo` es el nombre de un comando del programa, nunca el que trae un mensaje.
pub fn comando(tipo: &'static str, desenlace: Desenlace) {
    counter!(COMANDOS, "command" => tipo, "outcome" => desenlace.texto()).increment(1);
}

/// Una unidad de trabajo que empezó en `desde` terminó así; `falla` es la de su error, si la tiene.
pub fn unidad_de_trabajo(desde: Instant, desenlace: Desenlace, falla: Option<&Falla>) {
    histogram!(UNIDADES, "outcome" => desenlace.texto()).record(desde.elapsed());
    match falla {
        Some(Falla::Bloqueada) => counter!(BLOQUEOS).increment(1),
        Some(Falla::Interbloqueo) => counter!(INTERBLOQUEOS).increment(1),
        _ => {}
    }
}

/// Una unidad de trabajo se repite.
pub fn reintento() {
    counter!(REINTENTOS).increment(1);
}

/// Se leyó una fila para cambiarla, y se pidió en `desde`.
pub fn espera_de_fila(desde: Instant) {
    histogram!(ESPERAS_FILA).record(desde.elapsed());
}

/// La bandeja de entrada paró tantos mensajes repetidos.
pub fn duplicados(cuantos: u64) {
    counter!(DUPLICADOS).increment(cuantos);
}

/// Se decidió qué hacer con tantas entregas.
pub fn entregas(suscripcion: &'static str, desenlace: Desenlace, cuantas: u64) {
    counter!(ENTREGAS, "subscription" => suscripcion, "outcome" => desenlace.texto()).increment(cuantas);
}

/// Tantos mensajes salieron de la bandeja de salida hacia el bus.
pub fn publicados(cuantos: u64) {
    counter!(PUBLICADOS).increment(cuantos);
}

/// Un envío al bróker no tuvo recibo.
pub fn fallo_al_publicar() {
    counter!(FALLOS_PUBLICAR).increment(1);
}

/// Los carriles que tiene esta instancia para un trabajo.
pub fn carriles(trabajo: Trabajo, cuantos: usize) {
    medir(
        CARRILES,
        vec![Label::from_static_parts("work", trabajo.texto())],
        u32::try_from(cuantos).map_or(f64::INFINITY, f64::from),
    );
}

/// Empieza o termina una solicitud.
pub fn en_curso(cambio: f64) {
    gauge!(SOLICITUDES_EN_CURSO).increment(cambio);
}

/// Una solicitud terminó: su método, la plantilla de su ruta y su estado.
pub fn solicitud(desde: Instant, metodo: &'static str, ruta: SharedString, estado: SharedString) {
    let etiquetas = vec![
        Label::from_static_parts("http_request_method", metodo),
        Label::new("http_response_status_code", estado),
        Label::new("http_route", ruta),
    ];
    histogram!(SOLICITUDES, etiquetas).record(desde.elapsed());
}

/// Anota lo que vale ahora un medidor.
pub fn medir(nombre: &'static str, etiquetas: Vec<Label>, valor: f64) {
    gauge!(nombre, etiquetas).set(valor);
}

/// Si el bus de ese nombre responde.
pub fn bus(nombre: &'static str, responde: bool) {
    medir(BUS, vec![Label::from_static_parts("bus", nombre)], f64::from(u8::from(responde)));
}
