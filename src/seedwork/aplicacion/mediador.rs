//! El mediador (paso 1 del tutorial): recibe un comando o una consulta y lo lleva a su handler.

use std::sync::Arc;
use std::time::Duration;

use rand::RngExt;
use tokio::time::{Instant, sleep_until, timeout_at};
use tokio_util::task::TaskTracker;
use tracing::{Instrument, Span, error, info_span, warn};

use super::causas::cadena;
use super::contexto::Contexto;
use super::medidas::{self, Desenlace};
use super::mensajes::{ErrorModulo, Handler, HandlerQuery};
use super::reacciones::Reacciones;
use super::recepcion::{Fin, Recepcion};
use super::rechazo::Rechazo;
use super::turnos::{Cupo, Turno, Turnos};
use super::unidad_trabajo::{Fabrica, UnidadTrabajo};
use crate::seedwork::dominio::repositorios::Falla;

/// Cuántas veces se repite una orden que choca con otras antes de decirlo.
const REINTENTOS: u32 = 8;
/// Lo más que se espera antes del primer reintento; se dobla en cada uno.
const ESPERA_INICIAL: Duration = Duration::from_millis(5);

/// Despacha comandos y consultas.
///
/// Cada comando corre en una tarea propia, con su unidad de trabajo y su plazo: que el cliente se
/// desconecte no corta una transacción por la mitad. Las consultas también: así no gastan su conexión.
///
/// Las órdenes y las consultas esperan turno antes de empezar, y quien se va mientras espera no llega a empezar. Lo que
/// llega en mensajes no lo espera: quien lo entrega ya pone su límite.
pub struct Mediador<F: Fabrica> {
    nucleo: Arc<Nucleo<F>>,
    tareas: TaskTracker,
    ordenes: Turnos,
    consultas: Turnos,
}

struct Nucleo<F: Fabrica> {
    fabrica: F,
    reacciones: Reacciones<F::Udt>,
    plazo: Duration,
}

impl<F: Fabrica> Mediador<F> {
    /// Un mediador que da a cada orden `plazo` para terminar, reintentos incluidos y sin contar la espera de su turno.
    pub fn nuevo(fabrica: F, reacciones: Reacciones<F::Udt>, plazo: Duration) -> Self {
        let (ordenes, consultas) = (Turnos::nuevos(Cupo::default()), Turnos::nuevos(Cupo::default()));
        Self { nucleo: Arc::new(Nucleo { fabrica, reacciones, plazo }), tareas: TaskTracker::new(), ordenes, consultas }
    }

    /// Con esos cupos para las órdenes y para las consultas.
    #[must_use]
    pub fn con_cupos(self, ordenes: Cupo, consultas: Cupo) -> Self {
        Self { ordenes: Turnos::nuevos(ordenes), consultas: Turnos::nuevos(consultas), ..self }
    }

    /// Cumple un comando: una orden, una transacción.
    ///
    /// # Errors
    /// Los del módulo del comando. Salvo con [`Falla::Desconectada`], no queda nada guardado. Con [`Falla::Saturada`] ni
    /// siquiera empezó.
    pub async fn ejecutar<C: Handler<F::Udt>>(&self, contexto: Contexto, comando: C) -> Result<C::Salida, C::Error> {
        let turno = self.ordenes.tomar().await?;
        self.cumplir(contexto, comando, None, Some(turno)).await
    }

    /// Cumple un comando que llegó en un mensaje: el mensaje y el resultado quedan en la misma transacción.
    ///
    /// # Errors
    /// Los del módulo del comando; [`Falla::YaRecibido`] si el mensaje ya se había recibido.
    pub async fn ejecutar_una_vez<C: Handler<F::Udt>>(
        &self,
        contexto: Contexto,
        recepcion: Recepcion,
        comando: C,
    ) -> Result<C::Salida, C::Error> {
        self.cumplir(contexto, comando, Some(recepcion), None).await
    }

    async fn cumplir<C: Handler<F::Udt>>(
        &self,
        contexto: Contexto,
        comando: C,
        recepcion: Option<Recepcion>,
        turno: Option<Turno>,
    ) -> Result<C::Salida, C::Error> {
        let span =
            info_span!("comando", nombre = C::NOMBRE, correlacion = contexto.correlacion, trace_id = contexto.traza());
        let nucleo = Arc::clone(&self.nucleo);
        let tarea = async move {
            let _hasta_terminar = turno;
            let resultado = nucleo.con_reintentos(contexto.ahora(), comando, recepcion.as_ref()).await;
            medidas::comando(C::NOMBRE, desenlace(&resultado));
            resultado
        };
        en_tarea_propia(&self.tareas, span, tarea).await
    }

    /// Recibe un mensaje que no trae ninguna orden.
    ///
    /// # Errors
    /// Las del almacén; [`Falla::YaRecibido`] si ya se había recibido.
    pub async fn recibir(&self, contexto: Contexto, recepcion: Recepcion) -> Result<(), Falla> {
        self.anotar(contexto, recepcion, Fin::Ejecutado).await
    }

    /// Recibe un mensaje cuyo comando no se cumplirá, y guarda por qué.
    ///
    /// # Errors
    /// Las del almacén; [`Falla::YaRecibido`] si ya se había recibido.
    pub async fn rechazar(&self, contexto: Contexto, recepcion: Recepcion, rechazo: Rechazo) -> Result<(), Falla> {
        self.anotar(contexto, recepcion, Fin::Rechazado(rechazo)).await
    }

    async fn anotar(&self, contexto: Contexto, recepcion: Recepcion, fin: Fin) -> Result<(), Falla> {
        let mut udt = self.nucleo.fabrica.abrir(contexto);
        udt.anotar_recepcion(&recepcion, fin).await?;
        udt.confirmar().await
    }

    /// Responde una consulta.
    ///
    /// # Errors
    /// Los del módulo de la consulta; [`Falla::Saturada`] si no le llegó el turno.
    pub async fn consultar<Q: HandlerQuery<F::Lector>>(&self, consulta: Q) -> Result<Q::Resultado, Q::Error> {
        let turno = self.consultas.tomar().await?;
        let nucleo = Arc::clone(&self.nucleo);
        let limite = Instant::now() + nucleo.plazo;
        let span = info_span!("consulta", nombre = Q::NOMBRE);
        let respuesta = async move {
            let _hasta_terminar = turno;
            let mut lector = nucleo.fabrica.lector();
            timeout_at(limite, consulta.responder(&mut lector)).await.map_err(|_| Falla::PlazoVencido)?
        };
        en_tarea_propia(&self.tareas, span, respuesta).await
    }

    /// Espera a que terminen las órdenes en curso. Quien llama ya no debe enviar más.
    pub async fn esperar_ordenes(&self) {
        self.tareas.close();
        self.tareas.wait().await;
    }
}

/// Empieza la tarea, y da cómo esperarla. No es una función asíncrona: guardaría la tarea dentro de quien la espera, y son
/// varios KiB que se copian de un futuro a otro.
fn en_tarea_propia<T: Send + 'static, E: ErrorModulo>(
    tareas: &TaskTracker,
    span: Span,
    tarea: impl Future<Output = Result<T, E>> + Send + 'static,
) -> impl Future<Output = Result<T, E>> {
    // En el montón desde ya: el tiempo de ejecución copia varias veces lo que se le da. Y se registra dentro de la tarea:
    // también cuando quien la pidió ya se fue.
    let tarea = Box::pin(async { tarea.await.inspect_err(registrar) });
    let empezada = tareas.spawn(tarea.instrument(span));
    let detenida = |causa| {
        let error = E::from(Falla::interna(causa));
        registrar(&error);
        Err(error)
    };
    async move { empezada.await.unwrap_or_else(detenida) }
}

/// Una causa interna se registra aquí y no sale de aquí: hacia fuera sólo va el rechazo.
fn registrar(error: &impl ErrorModulo) {
    match error.falla() {
        Some(Falla::Interna(causa)) => error!(causa = %cadena(causa.as_ref()), "error interno"),
        Some(Falla::Desconectada(causa) | Falla::Inaccesible(causa)) => {
            warn!(causa = %cadena(causa.as_ref()), "sin contacto con la base de datos");
        }
        Some(Falla::YaRecibido) | None => {}
        Some(falla) => warn!(%falla, "la operación no se pudo completar"),
    }
}

impl<F: Fabrica> Nucleo<F> {
    async fn con_reintentos<C: Handler<F::Udt>>(
        &self,
        contexto: Contexto,
        comando: C,
        recepcion: Option<&Recepcion>,
    ) -> Result<C::Salida, C::Error> {
        let limite = Instant::now() + self.plazo;
        let mut intento = 0;
        loop {
            let resultado = self.una_transaccion(contexto.clone(), comando.clone(), recepcion, limite).await;
            let choco = resultado.as_ref().is_err_and(|error| error.falla().is_some_and(Falla::es_reintentable));
            let volver = Instant::now() + espera(intento);
            if !choco || intento == REINTENTOS || volver >= limite {
                return resultado;
            }
            warn!(intento, "la orden chocó con otra; se repite");
            medidas::reintento();
            sleep_until(volver).await;
            intento += 1;
        }
    }

    async fn una_transaccion<C: Handler<F::Udt>>(
        &self,
        contexto: Contexto,
        comando: C,
        recepcion: Option<&Recepcion>,
        limite: Instant,
    ) -> Result<C::Salida, C::Error> {
        let desde = Instant::now().into_std();
        let resultado = self.en_una_unidad(contexto, comando, recepcion, limite).await;
        let falla = resultado.as_ref().err().and_then(ErrorModulo::falla);
        medidas::unidad_de_trabajo(desde, desenlace(&resultado), falla);
        resultado
    }

    async fn en_una_unidad<C: Handler<F::Udt>>(
        &self,
        contexto: Contexto,
        comando: C,
        recepcion: Option<&Recepcion>,
        limite: Instant,
    ) -> Result<C::Salida, C::Error> {
        let mut udt = self.fabrica.abrir(contexto);
        // El plazo corta el trabajo, nunca la confirmación: así la respuesta dice siempre la verdad.
        let trabajo = timeout_at(limite, self.manejar(comando, recepcion, &mut udt)).await;
        match trabajo.unwrap_or_else(|_| Err(Falla::PlazoVencido.into())) {
            Ok(salida) => {
                udt.confirmar().await?;
                Ok(salida)
            }
            Err(error) => {
                udt.deshacer().await;
                Err(error)
            }
        }
    }

    async fn manejar<C: Handler<F::Udt>>(
        &self,
        comando: C,
        recepcion: Option<&Recepcion>,
        udt: &mut F::Udt,
    ) -> Result<C::Salida, C::Error> {
        if let Some(recepcion) = recepcion {
            // Lo primero: un mensaje repetido se detiene aquí, y no en lo que su comando vuelva a crear.
            udt.anotar_recepcion(recepcion, Fin::Ejecutado).await?;
        }
        let salida = comando.manejar(udt).await?;
        self.reacciones.correr(udt).await.map_err(C::Error::de_negativa)?;
        udt.preparar().await?;
        Ok(salida)
    }
}

fn desenlace<T>(resultado: &Result<T, impl ErrorModulo>) -> Desenlace {
    match resultado {
        Ok(_) => Desenlace::Ejecutado,
        Err(error) => Desenlace::de_error(error.falla()),
    }
}

/// Espera con azar entre cero y el doble de la anterior: dos órdenes que chocaron no vuelven a la vez.
fn espera(intento: u32) -> Duration {
    ESPERA_INICIAL.mul_f64(f64::from(1u32 << intento) * rand::rng().random::<f64>())
}
