//! Recibir de Pulsar: cada mensaje se atiende al llegar o queda en las entregas, y sólo entonces se confirma al bróker.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{FutureExt, StreamExt};
use pulsar::error::{ConnectionError, ConsumerError};
use pulsar::{Consumer, TokioExecutor};
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::conexion::{Cliente, Uso, a_tiempo, conectar, consumidor};
use super::esquemas_ajenos::EsquemasAjenos;
use super::ingesta::Ingesta;
use super::lectura::{Mensaje, llegada};
use super::{ErrorPulsar, Parte};
use crate::seedwork::aplicacion::unidad_trabajo::Fabrica;
use crate::seedwork::infraestructura::averias::{Guarda, quitada};
use crate::seedwork::infraestructura::mensajeria::cambio_de_bus::Fuente;
use crate::seedwork::infraestructura::mensajeria::enrutador::SUSCRIPCION_EVENTOS;
use crate::seedwork::infraestructura::mensajeria::llegadas::Llegada;
use crate::seedwork::infraestructura::mensajeria::racha::Racha;
use crate::seedwork::infraestructura::mensajeria::turnos_de_lote::TurnoDeLote;

/// Mensajes que se guardan de una vez, como mucho.
const LOTE: usize = 100;
/// Lo que pueden ocupar en memoria los que se guardan de una vez, en bytes, además del último.
const BYTES_LOTE: usize = 8 * 1024 * 1024;
/// Cuánto se espera, desde que llega un evento, a los que lleguen con él.
const REUNION: Duration = Duration::from_millis(20);
/// Cuánto puede estar callado un consumidor antes de preguntarle al bróker si sigue ahí.
const SILENCIO: Duration = Duration::from_secs(2);
/// Cuántos silencios seguidos, con un bróker que contesta, dicen que un tópico ya no tiene nada.
const SILENCIOS_DE_VACIO: u32 = 5;

type Consumidor = Consumer<Vec<u8>, TokioExecutor>;
type Reunidos<'a> = (Vec<Mensaje>, TurnoDeLote<'a>);

/// Recibe de una fuente. Se vuelve a conectar siempre que haga falta.
pub struct Recepcion<F: Fabrica> {
    ingesta: Arc<Ingesta<F>>,
    fuente: Fuente,
    nombre: String,
    pulso: Parte,
}

impl<F: Fabrica> Recepcion<F> {
    /// La recepción de esa fuente.
    #[must_use]
    pub fn de(ingesta: &Arc<Ingesta<F>>, fuente: Fuente) -> Self {
        Self { ingesta: Arc::clone(ingesta), fuente, nombre: fuente.to_string(), pulso: ingesta.pulso.parte() }
    }

    /// Recibe hasta que se pida parar; entonces atiende o guarda, y confirma, lo que ya reunió, y deja lo demás a otra instancia.
    pub async fn correr(self, parar: CancellationToken) {
        let (mut esquemas, mut racha, mut fallas) = (EsquemasAjenos::default(), Racha::default(), Racha::default());
        loop {
            let fin = self.sesion(&mut esquemas, (&mut racha, &mut fallas), &parar).await;
            if parar.is_cancelled() {
                return;
            }
            self.pulso.anotar(false);
            fallas.fallo();
            if let Err(error) = fin
                && racha.fallo()
            {
                warn!(topico = self.nombre, %error, "el consumidor se vuelve a conectar");
            }
            parar.run_until_cancelled(sleep(fallas.pausa())).await;
        }
    }

    /// Recibe con un consumidor hasta que deje de servir, o hasta que se pida parar.
    async fn sesion(
        &self,
        esquemas: &mut EsquemasAjenos,
        (racha, fallas): (&mut Racha, &mut Racha),
        parar: &CancellationToken,
    ) -> Result<(), ErrorPulsar> {
        // Por una conexión que sólo es suya: si el bróker tarda en suscribirlo y nadie espera ya, cerrarla es lo único que
        // le quita un consumidor al que daría claves y nadie lee.
        let conectado = async {
            let cliente = conectar(&self.ingesta.broker, Uso::Recibir).await?;
            let consumidor = consumidor(&cliente, &self.nombre, &self.ingesta.topico).await?;
            Ok::<_, ErrorPulsar>((cliente, consumidor))
        };
        let Some(conectado) = parar.run_until_cancelled(conectado).await else { return Ok(()) };
        let (cliente, mut consumidor) = conectado?;
        self.pulso.anotar(true);
        if racha.bien() {
            info!(topico = self.nombre, "el consumidor volvió a conectarse");
        }
        let mut silencios = 0;
        while let Some(reunidos) = parar.run_until_cancelled(self.reunir(&mut consumidor)).await {
            if let Some((mensajes, turno)) = reunidos? {
                silencios = 0;
                let atender = async {
                    let llegadas = self.llegadas(&cliente, esquemas, &mensajes).await?;
                    if quitada(Guarda::ConfirmarAntes) {
                        confirmar(&mut consumidor, &mensajes).await?;
                    }
                    Ok::<_, ErrorPulsar>(self.ingesta.al_llegar.atender(llegadas).await)
                };
                let por_guardar = turno.durante(atender).await?;
                if !por_guardar.is_empty() && !self.guardar(&por_guardar, parar).await {
                    return Ok(());
                }
                confirmar(&mut consumidor, &mensajes).await?;
            } else {
                silencios += 1;
                self.preguntar(&mut consumidor, silencios).await?;
            }
            fallas.bien();
        }
        // Con la cola llena el consumidor no contesta: lo que quede en ella también es de otra instancia.
        while consumidor.next().now_or_never().flatten().is_some() {}
        // Va detrás de las confirmaciones: cuando el bróker contesta, las tiene, y da lo que quede a otra instancia.
        a_tiempo(consumidor.close()).await
    }

    /// Los mensajes que llegan juntos, o nada si nadie habla en un rato. De un comando se espera el resultado: sólo van con
    /// él los que ya llegaron cuando le toca el turno, que viene con ellos. De un evento no, y se espera un momento a los demás.
    async fn reunir(&self, consumidor: &mut Consumidor) -> Result<Option<Reunidos<'_>>, ErrorPulsar> {
        let Ok(primero) = timeout(SILENCIO, consumidor.next()).await else { return Ok(None) };
        let es_evento = self.ingesta.topico.suscripcion == SUSCRIPCION_EVENTOS;
        let turno = if es_evento { TurnoDeLote::sobra() } else { self.ingesta.al_llegar.turno().await };
        let fin = Instant::now() + REUNION;
        let mut mensajes: Vec<_> = admitir(primero)?.into_iter().collect();
        let bytes = |mensajes: &[Mensaje]| mensajes.iter().map(|mensaje| mensaje.payload.data.len()).sum::<usize>();
        while mensajes.len() < LOTE && bytes(&mensajes) < BYTES_LOTE {
            let siguiente = consumidor.next();
            // Un plazo ya vencido también espera: el reloj de tokio va de milisegundo en milisegundo.
            let siguiente = if es_evento { timeout_at(fin, siguiente).await.ok() } else { siguiente.now_or_never() };
            let Some(siguiente) = siguiente else { break };
            mensajes.extend(admitir(siguiente)?);
        }
        Ok(Some((mensajes, turno)))
    }

    /// Nadie habló en un rato: puede que no haya nada, o que el consumidor se haya quedado colgado.
    async fn preguntar(&self, consumidor: &mut Consumidor, silencios: u32) -> Result<(), ErrorPulsar> {
        // No con un ping: el cliente envía los suyos, y si dos se cruzan da por rota una conexión que está bien.
        a_tiempo(consumidor.get_last_message_id()).await?;
        if let Some(vaciado) = &self.ingesta.vaciado
            && silencios == SILENCIOS_DE_VACIO
        {
            vaciado.sin_nada(self.fuente).await;
        }
        Ok(())
    }

    async fn llegadas(
        &self,
        cliente: &Cliente,
        esquemas: &mut EsquemasAjenos,
        mensajes: &[Mensaje],
    ) -> Result<Vec<Arc<Llegada>>, ErrorPulsar> {
        let nuestro = &self.ingesta.topico.esquema.avro;
        let mut llegadas = Vec::with_capacity(mensajes.len());
        for mensaje in mensajes {
            let escritor = match &mensaje.metadata().schema_version {
                Some(version) => esquemas.de(cliente, &self.nombre, version, nuestro).await?,
                None => Err("el mensaje no dice con qué esquema se escribió".into()),
            };
            llegadas.push(Arc::new(llegada(&self.ingesta.topico, mensaje, escritor)));
        }
        Ok(llegadas)
    }

    /// Guarda lo que llegó, y no vuelve hasta que está guardado, porque sólo entonces se puede confirmar al bróker; o
    /// hasta que se pida parar: entonces dice que no lo guardó, y el bróker lo dará a otra instancia.
    async fn guardar(&self, llegadas: &[Arc<Llegada>], parar: &CancellationToken) -> bool {
        let mut racha = Racha::default();
        loop {
            match self.ingesta.al_llegar.entregas().recibir(llegadas).await {
                Ok(hay_que_atender) => {
                    if hay_que_atender {
                        self.ingesta.aviso.notify_one();
                    }
                    return true;
                }
                Err(falla) => {
                    if racha.fallo() {
                        warn!(topico = self.nombre, %falla, "lo recibido espera a la base de datos");
                    }
                }
            }
            if parar.run_until_cancelled(sleep(racha.pausa())).await.is_none() {
                return false;
            }
        }
    }
}

/// Un mensaje que el cliente no sabe ni abrir se deja sin confirmar, y no impide recibir los demás. Cualquier otro error es
/// de la recepción, que se rehace.
fn admitir(llegado: Option<Result<Mensaje, pulsar::Error>>) -> Result<Option<Mensaje>, ErrorPulsar> {
    use pulsar::Error::{Connection, Consumer};
    match llegado {
        Some(Ok(mensaje)) => Ok(Some(mensaje)),
        Some(Err(error @ (Consumer(ConsumerError::Io(_)) | Connection(ConnectionError::Decoding(_))))) => {
            warn!(%error, "un mensaje de Pulsar no se puede abrir; queda sin confirmar");
            Ok(None)
        }
        Some(Err(error)) => Err(error.into()),
        None => Err(ErrorPulsar::Cliente("el consumidor se cerró".into())),
    }
}

async fn confirmar(consumidor: &mut Consumidor, mensajes: &[Mensaje]) -> Result<(), ErrorPulsar> {
    for mensaje in mensajes.iter().filter(|mensaje| cierra_su_entrada(mensaje)) {
        consumidor.ack(mensaje).await.map_err(pulsar::Error::from)?;
    }
    Ok(())
}

/// Confirmar un mensaje de un lote confirma el lote entero: sólo se confirma el último.
fn cierra_su_entrada(mensaje: &Mensaje) -> bool {
    let cuantos = mensaje.message_id.batch_size.unwrap_or(1);
    cuantos <= 1 || mensaje.message_id().batch_index.is_none_or(|indice| indice + 1 >= cuantos)
}

#[cfg(test)]
mod pruebas {
    use std::io;

    use pulsar::error::ServiceDiscoveryError;

    use super::*;

    #[test]
    fn el_mensaje_que_no_se_abre_se_deja_y_lo_demas_rehace_la_recepcion() {
        let roto = || io::Error::from(io::ErrorKind::InvalidData);
        let de_un_mensaje: [pulsar::Error; 2] =
            [ConsumerError::Io(roto()).into(), ConnectionError::Decoding("lote roto".into()).into()];
        for error in de_un_mensaje {
            assert!(matches!(admitir(Some(Err(error))), Ok(None)));
        }
        let de_la_recepcion: [pulsar::Error; 3] = [
            ConnectionError::Io(roto()).into(),
            ConsumerError::Connection(ConnectionError::Disconnected).into(),
            ServiceDiscoveryError::NotFound.into(),
        ];
        for error in de_la_recepcion {
            assert!(admitir(Some(Err(error))).is_err());
        }
        assert!(admitir(None).is_err());
    }
}
