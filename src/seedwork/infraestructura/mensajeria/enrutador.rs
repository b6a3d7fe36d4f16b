//! Del nombre de un mensaje a quien lo atiende: el único lugar de la infraestructura donde se borran los tipos.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use apache_avro::Schema;
use serde::de::DeserializeOwned;
use serde_json::Value;
use uuid::Uuid;

use super::comandos::{ComandoIntegracion, Leido};
use crate::seedwork::aplicacion::contexto::Contexto;
use crate::seedwork::aplicacion::mediador::Mediador;
use crate::seedwork::aplicacion::medidas::{self, Desenlace};
use crate::seedwork::aplicacion::mensajes::{Comando, ErrorModulo, Handler};
use crate::seedwork::aplicacion::recepcion::Recepcion;
use crate::seedwork::aplicacion::rechazo::Rechazo;
use crate::seedwork::aplicacion::unidad_trabajo::Fabrica;
use crate::seedwork::dominio::repositorios::Falla;
use crate::seedwork::infraestructura::despacho::avro::{ErrorAvro, Esquema, esquema_de_comandos};

/// La suscripción de los comandos, con el nombre del sistema original.
pub const SUSCRIPCION_COMANDOS: &str = "aeroalpes-sub-comandos";
/// La suscripción de los eventos, con el nombre del sistema original.
pub const SUSCRIPCION_EVENTOS: &str = "aeroalpes-sub-eventos";

/// Cómo acaba la entrega de un mensaje que no se cumplió.
#[derive(Debug)]
pub enum FallaEntrega {
    /// El módulo dijo que no: es el resultado del comando.
    Rechazado(Rechazo),
    /// El mensaje no se puede leer, ni se podrá.
    Ilegible(ErrorAvro),
    /// Falló algo técnico: puede funcionar más tarde.
    Falla(Falla),
}

type Entrega<'a> = Pin<Box<dyn Future<Output = Result<(), FallaEntrega>> + Send + 'a>>;
type Atender<F> = for<'a> fn(&'a Mediador<F>, Contexto, Recepcion, &'a Leido) -> Entrega<'a>;

struct Ruta<F: Fabrica> {
    topico: &'static str,
    registro: &'static str,
    tipo: &'static str,
    sin_tipo: bool,
    miembro: &'static str,
    carga: Value,
    atender: Atender<F>,
}

/// Lo que cuenta un evento que llega por el bus y provoca una orden nuestra.
pub trait HechoRecibido: DeserializeOwned + Send + 'static {
    /// La orden.
    type Comando: Comando;

    /// La orden que provoca, si provoca alguna, cuando el evento tiene esa identidad.
    fn comando(self, id: Uuid) -> Option<Self::Comando>;
}

/// Qué orden provoca un evento.
struct RutaDeEvento<F: Fabrica> {
    topico: &'static str,
    tipo: &'static str,
    esquema: Schema,
    atender: Atender<F>,
}

/// Las rutas mientras se juntan. Cada módulo aporta las suyas y `arranque` las reúne, siempre en el mismo orden.
pub struct Rutas<F: Fabrica> {
    rutas: Vec<Ruta<F>>,
    eventos: Vec<RutaDeEvento<F>>,
}

impl<F: Fabrica> Default for Rutas<F> {
    fn default() -> Self {
        Self { rutas: Vec::new(), eventos: Vec::new() }
    }
}

impl<F: Fabrica> Rutas<F> {
    /// Añade un comando: quien lo cumple es su handler.
    #[must_use]
    pub fn ruta<C: ComandoIntegracion + Handler<F::Udt>>(mut self) -> Self {
        self.rutas.push(Ruta {
            topico: C::TOPICO,
            registro: C::REGISTRO,
            tipo: C::NOMBRE,
            sin_tipo: C::SIN_TIPO,
            miembro: C::MIEMBRO,
            carga: C::esquema_carga(),
            atender: |mediador, contexto, recepcion, leido| {
                Box::pin(atender::<F, C>(mediador, contexto, recepcion, leido))
            },
        });
        self
    }

    /// Añade un evento que provoca una orden: su tópico, con el esquema con que se escribe, y su nombre.
    #[must_use]
    pub fn evento<H: HechoRecibido<Comando: Handler<F::Udt>>>(
        mut self,
        (topico, esquema): (&'static str, Esquema),
        tipo: &'static str,
    ) -> Self {
        let atender: Atender<F> = |mediador, contexto, recepcion, leido| {
            Box::pin(atender_evento::<F, H>(mediador, contexto, recepcion, leido))
        };
        self.eventos.push(RutaDeEvento { topico, tipo, esquema: esquema.avro, atender });
        self
    }

    /// Añade las de otro módulo.
    #[must_use]
    pub fn y(mut self, otras: Self) -> Self {
        self.rutas.extend(otras.rutas);
        self.eventos.extend(otras.eventos);
        self
    }
}

async fn atender<F: Fabrica, C: ComandoIntegracion + Handler<F::Udt>>(
    mediador: &Mediador<F>,
    contexto: Contexto,
    mut recepcion: Recepcion,
    leido: &Leido,
) -> Result<(), FallaEntrega> {
    let rechazar = |rechazo| {
        medidas::comando(C::NOMBRE, Desenlace::Rechazado);
        FallaEntrega::Rechazado(rechazo)
    };
    let comando = C::de_carga(leido.carga::<C>().map_err(FallaEntrega::Ilegible)?).map_err(rechazar)?;
    if let Some(recibido) = &mut recepcion.comando {
        recibido.recurso = Some(comando.recurso());
    }
    una_vez(mediador, contexto, recepcion, comando).await
}

async fn atender_evento<F: Fabrica, H: HechoRecibido<Comando: Handler<F::Udt>>>(
    mediador: &Mediador<F>,
    contexto: Contexto,
    recepcion: Recepcion,
    leido: &Leido,
) -> Result<(), FallaEntrega> {
    // Un evento ajeno puede no traer una identidad nuestra: se recibe, y no provoca nada.
    let id = Uuid::parse_str(&recepcion.id_mensaje).ok();
    let hecho: H = leido.hecho().map_err(FallaEntrega::Ilegible)?;
    match id.and_then(|id| hecho.comando(id)) {
        Some(comando) => una_vez(mediador, contexto, recepcion, comando).await,
        None => mediador.recibir(contexto, recepcion).await.map_err(FallaEntrega::Falla),
    }
}

async fn una_vez<F: Fabrica, C: Handler<F::Udt>>(
    mediador: &Mediador<F>,
    contexto: Contexto,
    recepcion: Recepcion,
    comando: C,
) -> Result<(), FallaEntrega> {
    let resultado = mediador.ejecutar_una_vez(contexto, recepcion, comando).await;
    resultado.map(drop).map_err(|error| match error.en_falla() {
        Ok(falla) => FallaEntrega::Falla(falla),
        Err(rechazo) => FallaEntrega::Rechazado(rechazo),
    })
}

/// Los eventos que provocan una orden, como `tópico/tipo`. De los demás sólo se anota que llegaron.
#[derive(Debug, Clone, Default)]
pub struct Provocadores(pub(super) Arc<[String]>);

impl Provocadores {
    fn nombre(topico: &str, tipo: &str) -> String {
        format!("{topico}/{tipo}")
    }

    /// Si un evento de ese tópico y ese tipo provoca una orden.
    #[must_use]
    pub fn tienen(&self, topico: &str, tipo: &str) -> bool {
        self.0.contains(&Self::nombre(topico, tipo))
    }

    /// Sus nombres, para preguntarlo en SQL.
    #[must_use]
    pub fn nombres(&self) -> &[String] {
        &self.0
    }
}

/// Las rutas ya reunidas, con los esquemas de sus tópicos.
pub struct Enrutador<F: Fabrica> {
    rutas: Vec<Ruta<F>>,
    eventos: Vec<RutaDeEvento<F>>,
    esquemas: BTreeMap<&'static str, Esquema>,
}

impl<F: Fabrica> Enrutador<F> {
    /// Reúne las rutas y arma el esquema de cada tópico con los miembros de sus comandos, en orden.
    ///
    /// # Errors
    /// [`ErrorAvro`] si algún esquema no es válido.
    pub fn nuevo(Rutas { rutas, eventos }: Rutas<F>) -> Result<Self, ErrorAvro> {
        let mut esquemas = BTreeMap::new();
        for ruta in &rutas {
            let suyas = rutas.iter().filter(|otra| otra.topico == ruta.topico);
            let miembros: Vec<_> = suyas.map(|otra| (otra.miembro, otra.carga.clone())).collect();
            let esquema = esquema_de_comandos(ruta.registro, &miembros).map_err(ErrorAvro::Esquema)?;
            esquemas.insert(ruta.topico, esquema);
        }
        Ok(Self { rutas, eventos, esquemas })
    }

    /// El esquema con que se escriben los comandos de un tópico.
    pub fn esquema(&self, topico: &str) -> Option<&Schema> {
        self.esquemas.get(topico).map(|esquema| &esquema.avro)
    }

    /// Los tópicos de comandos, con sus esquemas.
    pub fn topicos(&self) -> impl Iterator<Item = (&'static str, &Esquema)> {
        self.esquemas.iter().map(|(topico, esquema)| (*topico, esquema))
    }

    /// Los nombres de los comandos de un tópico, en orden.
    pub fn tipos(&self, topico: &str) -> Vec<&'static str> {
        self.rutas.iter().filter(|ruta| ruta.topico == topico).map(|ruta| ruta.tipo).collect()
    }

    /// El nombre del comando de un mensaje, dado el que trae, que puede estar vacío.
    pub fn tipo<'a>(&self, topico: &str, tipo: &'a str) -> &'a str {
        self.ruta(topico, tipo).map_or(tipo, |ruta| ruta.tipo)
    }

    fn ruta(&self, topico: &str, tipo: &str) -> Option<&Ruta<F>> {
        let es_ese = |ruta: &&Ruta<F>| ruta.tipo == tipo || (tipo.is_empty() && ruta.sin_tipo);
        self.rutas.iter().filter(|ruta| ruta.topico == topico).find(es_ese)
    }

    /// Los eventos que provocan una orden.
    pub fn provocadores(&self) -> Provocadores {
        Provocadores(self.eventos.iter().map(|ruta| Provocadores::nombre(ruta.topico, ruta.tipo)).collect())
    }

    /// Recibe un evento y, en la misma transacción, cumple la orden que provoca, si provoca alguna.
    ///
    /// # Errors
    /// [`FallaEntrega`].
    pub async fn recibir(
        &self,
        mediador: &Mediador<F>,
        contexto: Contexto,
        (topico, tipo, datos): (&str, &str, &[u8]),
        recepcion: Recepcion,
    ) -> Result<(), FallaEntrega> {
        let Some(ruta) = self.eventos.iter().find(|ruta| ruta.topico == topico && ruta.tipo == tipo) else {
            return mediador.recibir(contexto, recepcion).await.map_err(FallaEntrega::Falla);
        };
        let leido = Leido::de(datos, &ruta.esquema, &ruta.esquema).map_err(FallaEntrega::Ilegible)?;
        (ruta.atender)(mediador, contexto, recepcion, &leido).await
    }

    /// Entrega un comando a su handler, una sola vez en efecto.
    ///
    /// # Errors
    /// [`FallaEntrega`].
    pub async fn entregar(
        &self,
        mediador: &Mediador<F>,
        contexto: Contexto,
        (topico, tipo): (&str, &str),
        recepcion: Recepcion,
        leido: &Leido,
    ) -> Result<(), FallaEntrega> {
        let ruta = self.ruta(topico, tipo);
        let desconocido = || FallaEntrega::Ilegible(ErrorAvro::Ilegible(format!("nadie atiende «{tipo}» en {topico}")));
        (ruta.ok_or_else(desconocido)?.atender)(mediador, contexto, recepcion, leido).await
    }
}
