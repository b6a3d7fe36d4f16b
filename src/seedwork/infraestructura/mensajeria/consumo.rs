//! El consumo (paso 3 del tutorial): convierte cada mensaje en una orden de la aplicación y la cumple.

use std::sync::Arc;
use std::time::Duration;

use time::OffsetDateTime;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, error, info_span, warn};
use uuid::Uuid;

use super::carriles::Carriles;
use super::comandos::Leido;
use super::enrutador::{Enrutador, FallaEntrega, SUSCRIPCION_COMANDOS, SUSCRIPCION_EVENTOS};
use super::entre_manos::EntreManos;
use super::entregas::{Entrega, Entregas};
use super::ids::{IdsComando, MEMORIA, VENTANA};
use super::racha::{ESPERA_DEPENDENCIA, Racha, espera};
use crate::seedwork::aplicacion::causas::cadena;
use crate::seedwork::aplicacion::contexto::{Contexto, traza_de};
use crate::seedwork::aplicacion::mediador::Mediador;
use crate::seedwork::aplicacion::medidas::{self, Desenlace, OTRO};
use crate::seedwork::aplicacion::recepcion::{ComandoRecibido, Recepcion};
use crate::seedwork::aplicacion::rechazo::{Clase, Rechazo};
use crate::seedwork::aplicacion::unidad_trabajo::Fabrica;
use crate::seedwork::dominio::repositorios::Falla;
use crate::seedwork::infraestructura::averias::{Guarda, quitada};
use crate::seedwork::infraestructura::despacho::avro::ErrorAvro;
use crate::seedwork::infraestructura::trazas::{Clase as ClaseTramo, Tramo};

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
    /// Reconoce los comandos que aceptó este servicio, y cuándo.
    pub ids: IdsComando,
    /// A quién se entrega cada mensaje.
    pub enrutador: Arc<Enrutador<F>>,
    /// Quién cumple las órdenes.
    pub mediador: Arc<Mediador<F>>,
    /// Lo que hay por atender.
    pub entregas: Entregas,
    /// Qué claves son de esta instancia.
    pub carriles: Carriles,
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
            let halladas = self.entregas.pendientes(self.carriles.id(), &manos.claves(), manos.pedido()).await?;
            if halladas.quedan {
                // Lo que se miró puede ser todo de unas pocas claves: con ellas en curso, se ven las demás.
                self.aviso.notify_one();
            }
            manos.guardar(halladas.entregas);
        }
        for entrega in manos.tomar(libres) {
            let consumo = Arc::clone(self);
            let (id, tipo) = (&entrega.id_mensaje, &entrega.tipo);
            let span = info_span!("mensaje", id, tipo, trace_id = traza_de(&entrega.traceparent));
            let atendida = async move {
                consumo.atender(&entrega).await;
                entrega.posicion
            };
            tareas.spawn(atendida.instrument(span));
        }
        Ok(())
    }

    /// Atiende una entrega y decide qué se hace con ella.
    async fn atender(self: &Arc<Self>, entrega: &Entrega) {
        if quitada(Guarda::ConfirmarAntes)
            && let Err(falla) = self.entregas.confirmar(entrega).await
        {
            warn!(id = entrega.id_mensaje, %falla, "avería: no se pudo dar por atendida antes de tiempo");
        }
        let entregada = if entrega.ya_recibida && !quitada(Guarda::BandejaEntrada) {
            Err(FallaEntrega::Falla(Falla::YaRecibido))
        } else {
            self.entregar_aparte(entrega).await
        };
        let destino = match entregada {
            // La transacción de su efecto ya la quitó.
            Ok(()) => {
                anotar(entrega, Desenlace::Ejecutado);
                Ok(())
            }
            Err(FallaEntrega::Falla(Falla::YaRecibido)) => self.repetida(entrega).await,
            Err(FallaEntrega::Rechazado(rechazo)) => self.rechazar(entrega, rechazo).await,
            Err(FallaEntrega::Ilegible(causa)) => self.enterrar(entrega, &causa.to_string()).await,
            Err(FallaEntrega::Falla(falla @ Falla::Duplicado { .. })) => self.duplicado(entrega, &falla).await,
            Err(FallaEntrega::Falla(falla)) => self.aplazar(entrega, &falla).await,
        };
        let Err(falla) = destino else { return };
        warn!(id = entrega.id_mensaje, %falla, "la entrega se repetirá");
        let espera = espera(veces(entrega.esperas), ESPERA_DEPENDENCIA);
        // Contada en su fila, para que no les quite el lugar a las demás; si ni eso se puede, esperando aquí.
        if self.entregas.hacer_esperar(entrega, espera).await.is_err() {
            sleep(espera).await;
        }
    }

    /// Ya había tenido su efecto: sólo queda quitarla.
    async fn repetida(&self, entrega: &Entrega) -> Result<(), Falla> {
        anotar(entrega, Desenlace::Duplicado);
        self.entregas.confirmar(entrega).await
    }

    /// En una tarea propia: un pánico al leer un mensaje es una falla más, y se cuenta.
    async fn entregar_aparte(self: &Arc<Self>, entrega: &Entrega) -> Result<(), FallaEntrega> {
        let (consumo, copia) = (Arc::clone(self), entrega.clone());
        let tarea = tokio::spawn(async move { consumo.entregar_con_traza(&copia).await }.in_current_span());
        tarea.await.unwrap_or_else(|causa| Err(FallaEntrega::Falla(Falla::interna(causa))))
    }

    /// Lo que iba a crear ya existía: o es este mismo mensaje, que ya tuvo su efecto, o de verdad choca con otro.
    async fn duplicado(&self, entrega: &Entrega, falla: &Falla) -> Result<(), Falla> {
        if self.entregas.ya_recibida(entrega).await? {
            return self.repetida(entrega).await;
        }
        self.rechazar(entrega, Rechazo::from(falla)).await
    }

    /// Un defecto se reintenta unas pocas veces; lo que depende de otros, siempre.
    async fn aplazar(&self, entrega: &Entrega, falla: &Falla) -> Result<(), Falla> {
        let es_defecto = matches!(falla, Falla::Interna(_));
        if es_defecto && entrega.intentos >= INTENTOS {
            return self.enterrar(entrega, &cadena(falla)).await;
        }
        let (intentos, esperas) = (entrega.intentos, entrega.esperas);
        anotar(entrega, Desenlace::Aplazado);
        warn!(id = entrega.id_mensaje, tipo = entrega.tipo, intentos, esperas, %falla, "entrega aplazada");
        if es_defecto {
            self.entregas.aplazar(entrega, espera(veces(intentos), ESPERA_DEFECTO)).await
        } else {
            self.entregas.hacer_esperar(entrega, espera(veces(esperas), ESPERA_DEPENDENCIA)).await
        }
    }

    async fn entregar_con_traza(&self, entrega: &Entrega) -> Result<(), FallaEntrega> {
        let mut contexto = contexto(entrega);
        let mut tramo = tramo(entrega);
        tramo.encadenar(&mut contexto);
        let entregada = self.entregar(entrega, contexto).await;
        if matches!(&entregada, Err(FallaEntrega::Falla(falla)) if !matches!(falla, Falla::YaRecibido)) {
            tramo.fallar();
        }
        entregada
    }

    async fn entregar(&self, entrega: &Entrega, contexto: Contexto) -> Result<(), FallaEntrega> {
        let recepcion = self.recepcion(entrega);
        if let Some(motivo) = &entrega.ilegible {
            return Err(FallaEntrega::Ilegible(ErrorAvro::Ilegible(motivo.clone())));
        }
        let Some(esquema) = self.enrutador.esquema(&entrega.topico) else {
            let evento = (&*entrega.topico, &*entrega.tipo, &*entrega.datos);
            return self.enrutador.recibir(&self.mediador, contexto, evento, recepcion).await;
        };
        let edad = OffsetDateTime::now_utc() - self.vale_desde(entrega);
        if edad > MEMORIA {
            // Si se cumplió, ya no se recuerda: no se cumple otra vez, y tampoco se dice que se rechazó.
            warn!(
                id = entrega.id_mensaje,
                tipo = entrega.tipo,
                "un comando tan viejo se da por atendido, sin resultado"
            );
            let recepcion = Recepcion { comando: None, ..recepcion };
            return self.mediador.recibir(contexto, recepcion).await.map_err(FallaEntrega::Falla);
        }
        if edad > VENTANA {
            return Err(FallaEntrega::Rechazado(caducado()));
        }
        let leido = Leido::de(&entrega.datos, esquema, esquema).map_err(FallaEntrega::Ilegible)?;
        self.enrutador.entregar(&self.mediador, contexto, (&entrega.topico, &entrega.tipo), recepcion, &leido).await
    }

    /// Desde cuándo se cuenta lo que vale un comando. El de este servicio, desde que se aceptó, aunque se publique otra
    /// vez; el ajeno, desde que se publicó; el que alguien reintenta, desde entonces.
    fn vale_desde(&self, entrega: &Entrega) -> OffsetDateTime {
        let aceptado = || self.ids.aceptado_en(entrega.id_comando()?);
        entrega.reintentada_en.or_else(aceptado).unwrap_or(entrega.publicado_en)
    }

    fn recepcion(&self, entrega: &Entrega) -> Recepcion {
        let nombre = self.enrutador.tipo(&entrega.topico, &entrega.tipo).to_owned();
        let recibido_en = Some(entrega.recibida_en);
        let comando = entrega.id_comando().map(|id| ComandoRecibido { id, nombre, recurso: None, recibido_en });
        let (suscripcion, id_mensaje) = (entrega.suscripcion.clone(), entrega.id_mensaje.clone());
        Recepcion { suscripcion, id_mensaje, posicion: entrega.posicion, comando }
    }

    /// El «no» del módulo es el resultado del comando: se guarda y no se reintenta.
    async fn rechazar(&self, entrega: &Entrega, rechazo: Rechazo) -> Result<(), Falla> {
        match self.mediador.rechazar(contexto(entrega), self.recepcion(entrega), rechazo).await {
            Ok(()) => {
                anotar(entrega, Desenlace::Rechazado);
                Ok(())
            }
            Err(Falla::YaRecibido) => self.repetida(entrega).await,
            Err(falla) => Err(falla),
        }
    }

    /// Aparta lo que no se puede atender; si era un comando, su resultado lo dice.
    async fn enterrar(&self, entrega: &Entrega, motivo: &str) -> Result<(), Falla> {
        let motivo: String = motivo.chars().take(MOTIVO_MAXIMO).collect();
        anotar(entrega, Desenlace::Apartado);
        error!(
            id = entrega.id_mensaje,
            topico = entrega.topico,
            tipo = entrega.tipo,
            motivo,
            "mensaje a letras muertas"
        );
        let rechazo = Rechazo::nuevo(Clase::Interno, "mensaje-apartado", "El comando no se pudo atender y se apartó.");
        self.entregas.enterrar(entrega, &motivo, rechazo).await
    }
}

/// Cuenta qué se hace con una entrega. Su suscripción es un texto de la base de datos: sólo se nombran las nuestras.
fn anotar(entrega: &Entrega, desenlace: Desenlace) {
    let nuestra =
        [SUSCRIPCION_COMANDOS, SUSCRIPCION_EVENTOS].into_iter().find(|nuestra| *nuestra == entrega.suscripcion);
    medidas::entregas(nuestra.unwrap_or(OTRO), desenlace, 1);
    if desenlace == Desenlace::Duplicado {
        medidas::duplicados(1);
    }
}

fn tramo(entrega: &Entrega) -> Tramo {
    let nombre = || format!("process {}", entrega.topico).into();
    let mut tramo = Tramo::abrir(ClaseTramo::Consumidor, nombre, Some(&entrega.traceparent));
    tramo.atributo("messaging.operation.type", || "process");
    tramo.atributo("messaging.destination.name", || entrega.topico.clone());
    tramo.atributo("messaging.message.id", || entrega.id_mensaje.clone());
    tramo
}

fn contexto(entrega: &Entrega) -> Contexto {
    let contexto = Contexto::nuevo(entrega.correlacion.clone(), entrega.traceparent.clone());
    Contexto { causa: Uuid::parse_str(&entrega.id_mensaje).ok(), ..contexto }
}

fn caducado() -> Rechazo {
    Rechazo::nuevo(Clase::Conflicto, "comando-caducado", "El comando esperó más de lo que vale y no se cumplió.")
}

fn veces(cuenta: i32) -> u32 {
    u32::try_from(cuenta).unwrap_or_default()
}
