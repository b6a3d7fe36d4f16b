//! El consumo: atiende lo que espera en las entregas, de cada clave en orden, hasta que tiene su efecto o se aparta.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use super::al_llegar::ClavesAlLlegar;
use super::atencion::{Atencion, SinAtender, anotar};
use super::carriles::Carriles;
use super::entre_manos::EntreManos;
use super::entregas::{Entrega, Entregas};
use super::racha::{ESPERA_DEPENDENCIA, Racha, espera};
use crate::seedwork::aplicacion::causas::cadena;
use crate::seedwork::aplicacion::medidas::Desenlace;
use crate::seedwork::aplicacion::rechazo::{Clase, Rechazo};
use crate::seedwork::aplicacion::unidad_trabajo::Fabrica;
use crate::seedwork::dominio::repositorios::Falla;
use crate::seedwork::infraestructura::averias::{Guarda, quitada};

/// Entregas que se atienden a la vez, como mucho; cada una es de una clave distinta.
const A_LA_VEZ: usize = 48;
/// Cada cuánto se mira si otra instancia dejó algo, cuando nadie avisa.
const VISTAZO: Duration = Duration::from_millis(100);
/// Intentos de un mensaje que falla por un defecto, y no por una dependencia, antes de apartarlo.
const INTENTOS: i32 = 8;
/// Lo más largo que se guarda de un motivo, en caracteres.
const MOTIVO_MAXIMO: usize = 500;
/// La espera más larga después de un defecto.
const ESPERA_DEFECTO: Duration = Duration::from_secs(30);

/// Atiende las entregas de los carriles de esta instancia.
pub struct Consumo<F: Fabrica> {
    /// Cómo se atiende un mensaje.
    pub atencion: Arc<Atencion<F>>,
    /// Lo que hay por atender.
    pub entregas: Entregas,
    /// Qué claves son de esta instancia.
    pub carriles: Carriles,
    /// Las que se están atendiendo al llegar.
    pub al_llegar: ClavesAlLlegar,
    /// Avisa de que hay algo nuevo.
    pub aviso: Arc<Notify>,
}

impl<F: Fabrica> Consumo<F> {
    /// Trabaja hasta que se pida parar; entonces termina lo que empezó.
    pub async fn correr(self, parar: CancellationToken) {
        let consumo = Arc::new(self);
        let (mut tareas, mut manos) = (JoinSet::new(), EntreManos::default());
        let mut racha = Racha::default();
        while !parar.is_cancelled() {
            match consumo.paso(&mut tareas, &mut manos).await {
                Ok(()) => {
                    racha.bien();
                }
                Err(falla) => {
                    if racha.fallo() {
                        warn!(%falla, "la atención de mensajes espera a la base de datos");
                    }
                    parar.run_until_cancelled(sleep(racha.pausa())).await;
                }
            }
            tokio::select! {
                Some(terminada) = tareas.join_next() => manos.retirar(terminada),
                () = consumo.aviso.notified() => {}
                () = sleep(VISTAZO) => {}
                () = parar.cancelled() => {}
            }
            while let Some(terminada) = tareas.try_join_next() {
                manos.retirar(terminada);
            }
        }
        while tareas.join_next().await.is_some() {}
    }

    async fn paso(self: &Arc<Self>, tareas: &mut JoinSet<i64>, manos: &mut EntreManos) -> Result<(), Falla> {
        let libres = A_LA_VEZ.saturating_sub(tareas.len());
        if libres == 0 {
            return Ok(());
        }
        if self.carriles.en_pausa() {
            manos.descartar();
            return Ok(());
        }
        manos.descartar_lo_caducado();
        if manos.faltan(libres) {
            let en_curso = [manos.claves(), self.al_llegar.ahora()].concat();
            let halladas = self.entregas.pendientes(self.carriles.id(), &en_curso, manos.pedido()).await?;
            if halladas.quedan {
                // Lo que se miró puede ser todo de unas pocas claves: con ellas en curso, se ven las demás.
                self.aviso.notify_one();
            }
            manos.guardar(halladas.entregas);
        }
        for entrega in manos.tomar(libres) {
            let consumo = Arc::clone(self);
            tareas.spawn(async move {
                consumo.atender(&entrega).await;
                entrega.posicion
            });
        }
        Ok(())
    }

    /// Atiende una entrega y decide qué se hace con ella.
    async fn atender(&self, entrega: &Entrega) {
        let id = &entrega.llegada.id_mensaje;
        if quitada(Guarda::ConfirmarAntes)
            && let Err(falla) = self.entregas.confirmar(entrega).await
        {
            warn!(id, %falla, "avería: no se pudo dar por atendida antes de tiempo");
        }
        let destino = match self.tener_efecto(entrega).await {
            Ok(Desenlace::Duplicado) => self.entregas.confirmar(entrega).await,
            // La transacción de su efecto ya la quitó.
            Ok(_) => Ok(()),
            Err(SinAtender::Ilegible(causa)) => self.enterrar(entrega, &causa.to_string()).await,
            Err(SinAtender::Falla(falla)) => self.aplazar(entrega, &falla).await,
        };
        let Err(falla) = destino else { return };
        warn!(id, %falla, "la entrega se repetirá");
        let espera = espera(veces(entrega.esperas), ESPERA_DEPENDENCIA);
        // Contada en su fila, para que no les quite el lugar a las demás; si ni eso se puede, esperando aquí.
        if self.entregas.hacer_esperar(entrega, espera).await.is_err() {
            sleep(espera).await;
        }
    }

    async fn tener_efecto(&self, entrega: &Entrega) -> Result<Desenlace, SinAtender> {
        if entrega.ya_recibida && !quitada(Guarda::BandejaEntrada) {
            return Ok(duplicada(entrega));
        }
        let (llegada, posicion) = (Arc::new(entrega.llegada.clone()), Some(entrega.posicion));
        match self.atencion.atender(llegada, posicion, ()).await {
            Err(SinAtender::Falla(falla @ Falla::Duplicado { .. })) => self.choque(entrega, &falla).await,
            atendida => atendida,
        }
    }

    /// Lo que iba a crear ya existía: o es este mismo mensaje, que ya tuvo su efecto, o de verdad choca con otro.
    async fn choque(&self, entrega: &Entrega, falla: &Falla) -> Result<Desenlace, SinAtender> {
        if self.entregas.ya_recibida(entrega).await.map_err(SinAtender::Falla)? {
            return Ok(duplicada(entrega));
        }
        let desenlace = self.atencion.rechazar(&entrega.llegada, Some(entrega.posicion), Rechazo::from(falla)).await?;
        anotar(&entrega.llegada, desenlace);
        Ok(desenlace)
    }

    /// Un defecto se reintenta unas pocas veces; lo que depende de otros, siempre.
    async fn aplazar(&self, entrega: &Entrega, falla: &Falla) -> Result<(), Falla> {
        let es_defecto = matches!(falla, Falla::Interna(_));
        if es_defecto && entrega.intentos >= INTENTOS {
            return self.enterrar(entrega, &cadena(falla)).await;
        }
        let Entrega { llegada, intentos, esperas, .. } = entrega;
        anotar(&entrega.llegada, Desenlace::Aplazado);
        warn!(id = llegada.id_mensaje, tipo = llegada.tipo, intentos, esperas, %falla, "entrega aplazada");
        if es_defecto {
            self.entregas.aplazar(entrega, espera(veces(*intentos), ESPERA_DEFECTO)).await
        } else {
            self.entregas.hacer_esperar(entrega, espera(veces(*esperas), ESPERA_DEPENDENCIA)).await
        }
    }

    /// Aparta lo que no se puede atender; si era un comando, su resultado lo dice.
    async fn enterrar(&self, entrega: &Entrega, motivo: &str) -> Result<(), Falla> {
        let motivo: String = motivo.chars().take(MOTIVO_MAXIMO).collect();
        let llegada = &entrega.llegada;
        anotar(llegada, Desenlace::Apartado);
        error!(
            id = llegada.id_mensaje,
            topico = llegada.topico,
            tipo = llegada.tipo,
            motivo,
            "mensaje a letras muertas"
        );
        let rechazo = Rechazo::nuevo(Clase::Interno, "mensaje-apartado", "El comando no se pudo atender y se apartó.");
        self.entregas.enterrar(entrega, &motivo, rechazo).await
    }
}

/// Ya había tenido su efecto: sólo queda quitarla.
fn duplicada(entrega: &Entrega) -> Desenlace {
    anotar(&entrega.llegada, Desenlace::Duplicado);
    Desenlace::Duplicado
}

fn veces(cuenta: i32) -> u32 {
    u32::try_from(cuenta).unwrap_or_default()
}
