//! Atender un mensaje (paso 3 del tutorial): se convierte en una orden de la aplicación y se cumple.

use std::sync::Arc;

use thiserror::Error;
use time::OffsetDateTime;
use tracing::{Instrument, info_span, warn};
use uuid::Uuid;

use super::comandos::Leido;
use super::enrutador::{Enrutador, FallaEntrega, SUSCRIPCION_COMANDOS, SUSCRIPCION_EVENTOS};
use super::ids::{IdsComando, MEMORIA, VENTANA};
use super::llegadas::Llegada;
use crate::seedwork::aplicacion::contexto::{Contexto, traza_de};
use crate::seedwork::aplicacion::mediador::Mediador;
use crate::seedwork::aplicacion::medidas::{self, Desenlace, OTRO};
use crate::seedwork::aplicacion::recepcion::{ComandoRecibido, Recepcion};
use crate::seedwork::aplicacion::rechazo::{Clase, Rechazo};
use crate::seedwork::aplicacion::unidad_trabajo::Fabrica;
use crate::seedwork::dominio::repositorios::Falla;
use crate::seedwork::infraestructura::despacho::avro::ErrorAvro;
use crate::seedwork::infraestructura::trazas::{Clase as ClaseTramo, Tramo};

/// Por qué un mensaje quedó sin atender.
#[derive(Debug, Error)]
pub enum SinAtender {
    /// No se puede leer, ni se podrá.
    #[error(transparent)]
    Ilegible(ErrorAvro),
    /// Falló algo técnico: puede funcionar más tarde.
    #[error(transparent)]
    Falla(Falla),
}

/// Quien atiende mensajes, vengan de donde vengan.
pub struct Atencion<F: Fabrica> {
    /// Reconoce los comandos que aceptó este servicio, y cuándo.
    pub ids: IdsComando,
    /// A quién se entrega cada mensaje.
    pub enrutador: Arc<Enrutador<F>>,
    /// Quién cumple las órdenes.
    pub mediador: Arc<Mediador<F>>,
}

impl<F: Fabrica> Atencion<F> {
    /// Atiende un mensaje, una sola vez en efecto, y dice qué fue de él. Si ocupa un lugar entre lo que espera, lo deja en
    /// la transacción de su efecto.
    ///
    /// Va en una tarea propia: un pánico al leerlo es una falla más, y no se corta aunque quien lo pide deje de esperar.
    /// Hasta que acaba se conserva `mientras`.
    ///
    /// # Errors
    /// [`SinAtender`]; entonces no tuvo efecto, o no se sabe si lo tuvo, y se puede repetir.
    pub async fn atender(
        self: &Arc<Self>,
        llegada: Arc<Llegada>,
        posicion: Option<i64>,
        mientras: impl Send + 'static,
    ) -> Result<Desenlace, SinAtender> {
        let span = info_span!(
            "mensaje",
            id = llegada.id_mensaje,
            tipo = llegada.tipo,
            trace_id = traza_de(&llegada.traceparent)
        );
        let atencion = Arc::clone(self);
        // En el montón desde ya: el tiempo de ejecución copia varias veces lo que se le da.
        let tarea = Box::pin(async move {
            let _mientras = mientras;
            atencion.cumplir_o_rechazar(&llegada, posicion).await
        });
        let atendida = tokio::spawn(tarea.instrument(span)).await;
        atendida.unwrap_or_else(|causa| Err(SinAtender::Falla(Falla::interna(causa))))
    }

    async fn cumplir_o_rechazar(&self, llegada: &Llegada, posicion: Option<i64>) -> Result<Desenlace, SinAtender> {
        let desenlace = match self.con_traza(llegada, posicion).await {
            Ok(()) => Desenlace::Ejecutado,
            Err(FallaEntrega::Falla(Falla::YaRecibido)) => Desenlace::Duplicado,
            Err(FallaEntrega::Rechazado(rechazo)) => self.rechazar(llegada, posicion, rechazo).await?,
            Err(FallaEntrega::Ilegible(causa)) => return Err(SinAtender::Ilegible(causa)),
            Err(FallaEntrega::Falla(falla)) => return Err(SinAtender::Falla(falla)),
        };
        anotar(llegada, desenlace);
        Ok(desenlace)
    }

    /// El «no» del módulo es el resultado del comando: se guarda y no se reintenta.
    ///
    /// # Errors
    /// [`SinAtender::Falla`] si no se pudo guardar.
    pub async fn rechazar(
        &self,
        llegada: &Llegada,
        posicion: Option<i64>,
        rechazo: Rechazo,
    ) -> Result<Desenlace, SinAtender> {
        match self.mediador.rechazar(contexto(llegada), self.recepcion(llegada, posicion), rechazo).await {
            Ok(()) => Ok(Desenlace::Rechazado),
            Err(Falla::YaRecibido) => Ok(Desenlace::Duplicado),
            Err(falla) => Err(SinAtender::Falla(falla)),
        }
    }

    async fn con_traza(&self, llegada: &Llegada, posicion: Option<i64>) -> Result<(), FallaEntrega> {
        let (mut contexto, mut tramo) = (contexto(llegada), tramo(llegada));
        tramo.encadenar(&mut contexto);
        let cumplida = self.cumplir(llegada, self.recepcion(llegada, posicion), contexto).await;
        if matches!(&cumplida, Err(FallaEntrega::Falla(falla)) if !matches!(falla, Falla::YaRecibido)) {
            tramo.fallar();
        }
        cumplida
    }

    async fn cumplir(&self, llegada: &Llegada, recepcion: Recepcion, contexto: Contexto) -> Result<(), FallaEntrega> {
        if let Some(motivo) = &llegada.ilegible {
            return Err(FallaEntrega::Ilegible(ErrorAvro::Ilegible(motivo.clone())));
        }
        let (id, topico, tipo) = (&*llegada.id_mensaje, &*llegada.topico, &*llegada.tipo);
        let Some(esquema) = self.enrutador.esquema(topico) else {
            return self.enrutador.recibir(&self.mediador, contexto, (topico, tipo, &llegada.datos), recepcion).await;
        };
        let edad = OffsetDateTime::now_utc() - self.vale_desde(llegada);
        if edad > MEMORIA {
            // Si se cumplió, ya no se recuerda: no se cumple otra vez, y tampoco se dice que se rechazó.
            warn!(id, tipo, "un comando tan viejo se da por atendido, sin resultado");
            let recepcion = Recepcion { comando: None, ..recepcion };
            return self.mediador.recibir(contexto, recepcion).await.map_err(FallaEntrega::Falla);
        }
        if edad > VENTANA {
            return Err(FallaEntrega::Rechazado(caducado()));
        }
        let recien_leido;
        let leido = if let Some(leido) = &llegada.leido {
            leido
        } else {
            recien_leido = Leido::de(&llegada.datos, esquema, esquema).map_err(FallaEntrega::Ilegible)?;
            &recien_leido
        };
        self.enrutador.entregar(&self.mediador, contexto, (topico, tipo), recepcion, leido).await
    }

    /// Desde cuándo se cuenta lo que vale un comando. El de este servicio, desde que se aceptó, aunque se publique otra
    /// vez; el ajeno, desde que se publicó; el que alguien reintenta, desde entonces.
    fn vale_desde(&self, llegada: &Llegada) -> OffsetDateTime {
        let aceptado = || self.ids.aceptado_en(llegada.id_comando()?);
        llegada.reintentada_en.or_else(aceptado).unwrap_or(llegada.publicado_en)
    }

    fn recepcion(&self, llegada: &Llegada, posicion: Option<i64>) -> Recepcion {
        let nombre = self.enrutador.tipo(&llegada.topico, &llegada.tipo).to_owned();
        let recibido_en = Some(llegada.recibida_en);
        let comando = llegada.id_comando().map(|id| ComandoRecibido { id, nombre, recurso: None, recibido_en });
        let (suscripcion, id_mensaje) = (llegada.suscripcion.clone(), llegada.id_mensaje.clone());
        Recepcion { suscripcion, id_mensaje, posicion, comando }
    }
}

/// Cuenta qué se hace con un mensaje. Su suscripción es un texto de la base de datos: sólo se nombran las nuestras.
pub(super) fn anotar(llegada: &Llegada, desenlace: Desenlace) {
    let nuestra =
        [SUSCRIPCION_COMANDOS, SUSCRIPCION_EVENTOS].into_iter().find(|nuestra| *nuestra == llegada.suscripcion);
    medidas::entregas(nuestra.unwrap_or(OTRO), desenlace, 1);
    if desenlace == Desenlace::Duplicado {
        medidas::duplicados(1);
    }
}

fn tramo(llegada: &Llegada) -> Tramo {
    let nombre = || format!("process {}", llegada.topico).into();
    let mut tramo = Tramo::abrir(ClaseTramo::Consumidor, nombre, Some(&llegada.traceparent));
    tramo.atributo("messaging.operation.type", || "process");
    tramo.atributo("messaging.destination.name", || llegada.topico.clone());
    tramo.atributo("messaging.message.id", || llegada.id_mensaje.clone());
    tramo
}

fn contexto(llegada: &Llegada) -> Contexto {
    let contexto = Contexto::nuevo(llegada.correlacion.clone(), llegada.traceparent.clone());
    Contexto { causa: Uuid::parse_str(&llegada.id_mensaje).ok(), ..contexto }
}

fn caducado() -> Rechazo {
    Rechazo::nuevo(Clase::Conflicto, "comando-caducado", "El comando esperó más de lo que vale y no se cumplió.")
}
