//! El despachador (paso 2 del tutorial): convierte un comando en mensaje y lo deja en el bus.

use std::collections::HashMap;
use std::sync::Arc;

use sqlx::query_as;
use thiserror::Error;
use tokio::sync::Notify;
use uuid::Uuid;

use super::cambio_de_bus::Atraso;
use super::comandos::{ComandoIntegracion, escribir};
use super::enrutador::Enrutador;
use super::ids::IdsComando;
use super::pulsar::ErrorPulsar;
use super::pulsar::publicador::{PorPublicar, Publicador};
use super::resultados::anotar_dueno;
use crate::seedwork::aplicacion::actor::Actor;
use crate::seedwork::aplicacion::contexto::Contexto;
use crate::seedwork::aplicacion::idempotencia::Solicitud;
use crate::seedwork::aplicacion::reacciones::Negativa;
use crate::seedwork::aplicacion::rechazo::Rechazo;
use crate::seedwork::aplicacion::turnos::{Cupo, Turnos};
use crate::seedwork::aplicacion::unidad_trabajo::Fabrica;
use crate::seedwork::dominio::repositorios::Falla;
use crate::seedwork::infraestructura::conexiones::Conexiones;
use crate::seedwork::infraestructura::despacho::Sobre;
use crate::seedwork::infraestructura::idempotencia::comando_de;
use crate::seedwork::infraestructura::sentencias::{Escritura, componer};
use crate::seedwork::infraestructura::trazas::Tramo;

/// Por dónde salen los comandos aceptados.
pub enum Salida {
    /// Por la bandeja de salida, que el bus local reparte.
    Local(Conexiones, Arc<Notify>),
    /// Por Pulsar: lo acepta el recibo del bróker, y en la base sólo se anota su clave, o de quién es, si hace falta. Mientras haya atraso, por la bandeja de
    /// salida.
    Pulsar(Arc<Publicador>, Atraso, Conexiones, Arc<Notify>),
}

impl Salida {
    const fn conexiones(&self) -> &Conexiones {
        match self {
            Self::Local(conexiones, _) | Self::Pulsar(_, _, conexiones, _) => conexiones,
        }
    }
}

/// Por qué no se pudo aceptar un comando.
#[derive(Debug, Error)]
pub enum ErrorDespacho {
    /// No quedó aceptado.
    #[error(transparent)]
    NoAceptado(#[from] Falla),
    /// No quedó aceptado, y repetirlo no servirá.
    #[error(transparent)]
    Rechazado(#[from] Rechazo),
    /// No quedó aceptado: no hay bróker.
    #[error("no hay contacto con el bróker")]
    SinBroker,
    /// No se sabe: puede que se cumpla.
    #[error("no se sabe si el comando {} quedó aceptado", .0.id_comando)]
    Desconocido(Aceptado),
}

impl From<Negativa> for ErrorDespacho {
    fn from(negativa: Negativa) -> Self {
        match negativa {
            Negativa::Rechazo(rechazo) => rechazo.into(),
            Negativa::Falla(falla) => falla.into(),
        }
    }
}

/// Lo que queda de un comando aceptado.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Aceptado {
    /// Con qué se pregunta por su resultado.
    pub id_comando: Uuid,
    /// Lo que creará o cambiará.
    pub id: Uuid,
}

/// Acepta comandos para cumplirlos después.
pub struct Despachador<F: Fabrica> {
    enrutador: Arc<Enrutador<F>>,
    ids: IdsComando,
    salida: Salida,
    turnos: Turnos,
}

impl<F: Fabrica> Despachador<F> {
    /// Un despachador que saca los comandos por ahí.
    pub fn nuevo(enrutador: Arc<Enrutador<F>>, ids: IdsComando, salida: Salida) -> Self {
        let turnos = Turnos::nuevos(Cupo::default());
        Self { enrutador, ids, salida, turnos }
    }

    /// Con ese cupo de comandos que se están aceptando.
    #[must_use]
    pub fn con_cupo(self, cupo: Cupo) -> Self {
        Self { turnos: Turnos::nuevos(cupo), ..self }
    }

    /// Acepta un comando. Cuando vuelve, el comando se cumplirá o se rechazará, y su resultado se podrá consultar.
    ///
    /// # Errors
    /// [`ErrorDespacho`].
    pub async fn despachar<C: ComandoIntegracion>(
        &self,
        contexto: Contexto,
        comando: &C,
    ) -> Result<Aceptado, ErrorDespacho> {
        let _hasta_el_recibo = self.turnos.tomar().await?;
        let contexto = contexto.ahora();
        let aceptado = Aceptado { id_comando: self.ids.nueva(contexto.momento), id: comando.clave() };
        self.sacar(contexto, aceptado, comando).await
    }

    /// Acepta el comando de una solicitud. Las identidades quedan guardadas antes de sacarlo: si se repite, sale el
    /// mismo comando, y el consumo lo cumple una sola vez.
    ///
    /// # Errors
    /// [`ErrorDespacho`]; [`ErrorDespacho::Rechazado`] si la clave fue de una solicitud distinta.
    pub async fn despachar_solicitud<C: ComandoIntegracion>(
        &self,
        contexto: Contexto,
        solicitud: &Solicitud,
        comando: C,
    ) -> Result<Aceptado, ErrorDespacho> {
        let _hasta_el_recibo = self.turnos.tomar().await?;
        let contexto = contexto.ahora();
        let propias = (self.ids.nueva(contexto.momento), comando.clave());
        let (id_comando, id) = comando_de(self.salida.conexiones(), solicitud, propias).await?;
        let aceptado = Aceptado { id_comando, id };
        if id_comando != propias.0 && esta_en_la_bandeja(self.salida.conexiones(), aceptado).await? {
            return Ok(aceptado);
        }
        self.sacar(contexto, aceptado, &comando.sobre(id)).await
    }

    async fn sacar<C: ComandoIntegracion>(
        &self,
        mut contexto: Contexto,
        aceptado: Aceptado,
        comando: &C,
    ) -> Result<Aceptado, ErrorDespacho> {
        let mut tramo = Tramo::de_envio(C::TOPICO, &contexto);
        tramo.encadenar(&mut contexto);
        let resultado = self.enviar(contexto, aceptado, comando).await;
        if resultado.is_err() {
            tramo.fallar();
        }
        resultado
    }

    async fn enviar<C: ComandoIntegracion>(
        &self,
        contexto: Contexto,
        aceptado: Aceptado,
        comando: &C,
    ) -> Result<Aceptado, ErrorDespacho> {
        let Aceptado { id_comando, id: clave } = aceptado;
        let esquema = self.enrutador.esquema(C::TOPICO);
        let esquema = esquema.ok_or_else(|| Falla::interna(format!("el tópico {} no tiene esquema", C::TOPICO)))?;
        let datos = escribir(esquema, id_comando, contexto.momento, comando).map_err(Falla::interna)?;
        let (topico, tipo, ocurrido_en) = (C::TOPICO, C::NOMBRE, contexto.momento);
        let sobre = Sobre { id: id_comando, topico, clave, tipo, ocurrido_en, datos };
        if let Actor::Usuario(usuario) = contexto.actor {
            // Antes de enviarlo: nadie puede preguntar por un comando que no conste de quién es.
            anotar_dueno(self.salida.conexiones(), id_comando, usuario).await?;
        }
        match &self.salida {
            Salida::Pulsar(publicador, atraso, ..) if !atraso.hay() => {
                match publicador.publicar(por_publicar(sobre, contexto)).await {
                    Ok(()) => Ok(aceptado),
                    Err(ErrorPulsar::SinPreparar) => Err(ErrorDespacho::SinBroker),
                    Err(_) => Err(ErrorDespacho::Desconocido(aceptado)),
                }
            }
            Salida::Local(conexiones, aviso) | Salida::Pulsar(_, _, conexiones, aviso) => {
                guardar(conexiones, sobre, &contexto, aceptado).await.inspect(|_| aviso.notify_one())
            }
        }
    }
}

/// Si ese comando ya está en la bandeja de salida: guardarlo otra vez sólo haría trabajar de más al consumo.
async fn esta_en_la_bandeja(conexiones: &Conexiones, aceptado: Aceptado) -> Result<bool, Falla> {
    let sql = "SELECT id FROM bandeja_salida WHERE clave = $1 AND id = $2 LIMIT 1";
    let halladas: Vec<(Uuid,)> = conexiones.leer(query_as(sql).bind(aceptado.id).bind(aceptado.id_comando)).await?;
    Ok(!halladas.is_empty())
}

async fn guardar(
    conexiones: &Conexiones,
    sobre: Sobre,
    contexto: &Contexto,
    aceptado: Aceptado,
) -> Result<Aceptado, ErrorDespacho> {
    let mut sentencia = componer(&[Escritura::salida(sobre, contexto)])?;
    match conexiones.ejecutar(sentencia.build()).await {
        Ok(_) => Ok(aceptado),
        Err(Falla::Desconectada(_)) => Err(ErrorDespacho::Desconocido(aceptado)),
        Err(falla) => Err(falla.into()),
    }
}

fn por_publicar(sobre: Sobre, contexto: Contexto) -> PorPublicar {
    PorPublicar {
        topico: sobre.topico.to_owned(),
        id: sobre.id.to_string(),
        clave: sobre.clave.to_string(),
        tipo: sobre.tipo.to_owned(),
        datos: sobre.datos,
        ocurrido_en: sobre.ocurrido_en,
        correlacion: contexto.correlacion,
        causa: contexto.causa.map(|causa| causa.to_string()),
        traceparent: contexto.traceparent,
        propiedades: HashMap::new(),
    }
}
