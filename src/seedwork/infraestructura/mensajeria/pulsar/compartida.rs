//! Una conexión que usan varios; se hace otra cuando a alguno le falla algo.

use std::sync::Arc;

use tokio::sync::Mutex;

/// La que se da a quien la pide, si la hay.
pub struct Compartida<T>(Mutex<Option<Arc<T>>>);

impl<T> Default for Compartida<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T> Compartida<T> {
    /// La que hay o, si no hay ninguna, una nueva: la hace quien la pide primero, y los demás la esperan.
    ///
    /// # Errors
    /// Lo que diga `hacer`.
    pub async fn dar<E>(&self, hacer: impl Future<Output = Result<T, E>>) -> Result<Arc<T>, E> {
        let mut actual = self.0.lock().await;
        if let Some(hecha) = &*actual {
            return Ok(Arc::clone(hecha));
        }
        Ok(Arc::clone(actual.insert(Arc::new(hacer.await?))))
    }

    /// Deja de dar una con la que algo falló, si no se hizo ya otra. A quien la usa no se la quita.
    pub async fn descartar(&self, fallida: &Arc<T>) {
        self.0.lock().await.take_if(|actual| Arc::ptr_eq(actual, fallida));
    }
}

#[cfg(test)]
mod pruebas {
    use std::convert::Infallible;
    use std::future::ready;

    use super::*;

    fn hecha(numero: u32) -> impl Future<Output = Result<u32, Infallible>> {
        ready(Ok(numero))
    }

    #[tokio::test]
    async fn se_hace_una_y_la_usan_todos() {
        let compartida = Compartida::default();
        assert_eq!(*compartida.dar(hecha(1)).await.unwrap(), 1);
        assert_eq!(*compartida.dar(hecha(2)).await.unwrap(), 1);
    }

    #[tokio::test]
    async fn si_no_se_pudo_hacer_el_siguiente_lo_vuelve_a_intentar() {
        let compartida = Compartida::default();
        assert_eq!(compartida.dar(async { Err::<u32, _>("no contesta") }).await, Err("no contesta"));
        assert_eq!(compartida.dar(async { Ok::<_, &str>(2) }).await.as_deref(), Ok(&2));
    }

    #[tokio::test]
    async fn lo_que_falla_se_hace_de_nuevo_una_vez_aunque_les_falle_a_varios() {
        let compartida = Compartida::default();
        let primera = compartida.dar(hecha(1)).await.unwrap();
        compartida.descartar(&primera).await;
        assert_eq!(*compartida.dar(hecha(2)).await.unwrap(), 2);
        compartida.descartar(&primera).await;
        assert_eq!(*compartida.dar(hecha(3)).await.unwrap(), 2);
    }
}
