//! Qué reacciones provoca cada evento de dominio: el único lugar de la aplicación donde se borran los tipos.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;

use super::rechazo::Rechazo;
use super::unidad_trabajo::UnidadTrabajo;
use crate::seedwork::dominio::eventos::EventoDominio;
use crate::seedwork::dominio::repositorios::Falla;

/// Algo que se hace a raíz de un evento, dentro de la misma unidad de trabajo y antes de confirmar.
///
/// Es la señal `ReservaCreadaDominio` del tutorial (paso 1), con uno o muchos handlers.
pub trait Reaccion<E: EventoDominio, U>: 'static {
    /// Reacciona al evento.
    ///
    /// # Errors
    /// [`Negativa`]: con ella se deshace la orden entera.
    fn reaccionar(evento: &E, udt: &mut U) -> impl Future<Output = Result<(), Negativa>> + Send;
}

/// Por qué una reacción no dejó seguir.
#[derive(Debug, thiserror::Error)]
pub enum Negativa {
    /// Lo impide una regla de su módulo.
    #[error(transparent)]
    Rechazo(#[from] Rechazo),
    /// Falló el almacén.
    #[error(transparent)]
    Falla(#[from] Falla),
}

type Borrada<U> =
    for<'a> fn(&'a dyn EventoDominio, &'a mut U) -> Pin<Box<dyn Future<Output = Result<(), Negativa>> + Send + 'a>>;

/// La tabla de evento a reacciones. Cada módulo aporta las suyas y `arranque` las junta.
pub struct Reacciones<U> {
    por_evento: HashMap<TypeId, Vec<Borrada<U>>>,
}

impl<U> Default for Reacciones<U> {
    fn default() -> Self {
        Self { por_evento: HashMap::new() }
    }
}

impl<U: UnidadTrabajo> Reacciones<U> {
    /// Añade una reacción a un evento; corren en el orden en que se añadieron.
    #[must_use]
    pub fn reacciona<E: EventoDominio, R: Reaccion<E, U>>(mut self) -> Self {
        self.por_evento.entry(TypeId::of::<E>()).or_default().push(|evento, udt| {
            let evento = (evento as &dyn Any).downcast_ref::<E>();
            Box::pin(async move {
                match evento {
                    Some(evento) => R::reaccionar(evento, udt).await,
                    None => Err(Falla::interna("una reacción recibió un evento de otro tipo").into()),
                }
            })
        });
        self
    }

    /// Junta las reacciones de otro módulo.
    #[must_use]
    pub fn y(mut self, otras: Self) -> Self {
        for (evento, reacciones) in otras.por_evento {
            self.por_evento.entry(evento).or_default().extend(reacciones);
        }
        self
    }

    /// Corre las reacciones a los eventos anotados, y a los que ellas mismas anoten, hasta que no quede ninguno.
    ///
    /// # Errors
    /// La primera [`Negativa`].
    pub async fn correr(&self, udt: &mut U) -> Result<(), Negativa> {
        loop {
            let eventos = udt.tomar_eventos();
            if eventos.is_empty() {
                return Ok(());
            }
            for evento in &eventos {
                let tipo = (evento.as_ref() as &dyn Any).type_id();
                for reaccionar in self.por_evento.get(&tipo).into_iter().flatten() {
                    reaccionar(evento.as_ref(), udt).await?;
                }
            }
        }
    }
}
