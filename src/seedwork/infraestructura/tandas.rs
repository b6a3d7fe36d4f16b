//! Juntar lo que coincide en el tiempo para hacerlo de una vez: mientras se hace una tanda, se junta la siguiente.

use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::oneshot;
use tokio::time::timeout;
use tracing::error;

/// Cuánto se espera a una tanda antes de empezar otra a la vez: la que se detiene no detiene a las demás.
const PACIENCIA: Duration = Duration::from_millis(50);
/// Tandas a la vez, como mucho, cuando las hay detenidas.
const A_LA_VEZ: usize = 4;
/// Lo que va en una tanda, como mucho.
const MAXIMO: usize = 64;

/// Lo que se hace mejor de una vez que de uno en uno.
pub trait EnTandas: Send + Sync + 'static {
    /// Lo que se pide.
    type Pedido: Send;
    /// Lo que se responde a cada uno.
    type Respuesta: Send;

    /// Si dos pedidos pueden ir en la misma tanda.
    fn se_juntan(uno: &Self::Pedido, otro: &Self::Pedido) -> bool;

    /// Hace una tanda, y responde a cada pedido en su orden.
    fn hacer(&self, tanda: Vec<Self::Pedido>) -> impl Future<Output = Vec<Self::Respuesta>> + Send;
}

struct Espera<T: EnTandas> {
    pedido: T::Pedido,
    responder: oneshot::Sender<T::Respuesta>,
}

struct Cola<T: EnTandas> {
    esperan: VecDeque<Espera<T>>,
    en_marcha: usize,
}

/// Quien junta. Un pedido solo no espera a nadie; los que llegan mientras se hace una tanda van en la siguiente.
pub struct Tandas<T: EnTandas> {
    trabajo: Arc<T>,
    cola: Arc<Mutex<Cola<T>>>,
}

impl<T: EnTandas> Clone for Tandas<T> {
    fn clone(&self) -> Self {
        Self { trabajo: Arc::clone(&self.trabajo), cola: Arc::clone(&self.cola) }
    }
}

impl<T: EnTandas> Tandas<T> {
    /// Para ese trabajo.
    pub fn nuevas(trabajo: T) -> Self {
        let cola = Cola { esperan: VecDeque::new(), en_marcha: 0 };
        Self { trabajo: Arc::new(trabajo), cola: Arc::new(Mutex::new(cola)) }
    }

    /// La respuesta a un pedido; nada, si hacer su tanda terminó en pánico.
    pub async fn pedir(&self, pedido: T::Pedido) -> Option<T::Respuesta> {
        let (responder, mut respuesta) = oneshot::channel();
        self.cola().esperan.push_back(Espera { pedido, responder });
        self.empezar(1);
        loop {
            match timeout(PACIENCIA, &mut respuesta).await {
                Ok(respuesta) => return respuesta.ok(),
                Err(_) => self.empezar(A_LA_VEZ),
            }
        }
    }

    /// Empieza a hacer lo que espera, si no hay ya tantas tandas en marcha.
    fn empezar(&self, a_la_vez: usize) {
        let mut cola = self.cola();
        if cola.esperan.is_empty() || cola.en_marcha >= a_la_vez {
            return;
        }
        cola.en_marcha += 1;
        // Aparte: quien llega primero no espera a que se haga lo que llegue después, y si se va, lo demás se hace.
        tokio::spawn(self.clone().hacer_todas());
    }

    async fn hacer_todas(self) {
        while let Some(tanda) = self.tomar() {
            let (pedidos, responder): (Vec<_>, Vec<_>) =
                tanda.into_iter().map(|espera| (espera.pedido, espera.responder)).unzip();
            // Un pánico sólo se lleva su tanda: quien la espera se entera al soltarse lo que iba a responderle.
            let hecha = AssertUnwindSafe(self.trabajo.hacer(pedidos)).catch_unwind().await;
            if hecha.is_err() {
                error!("hacer una tanda terminó en pánico");
            }
            for (responder, respuesta) in responder.into_iter().zip(hecha.into_iter().flatten()) {
                // A quien ya no la espera no le hace falta.
                responder.send(respuesta).ok();
            }
        }
    }

    /// Lo que más espera, y lo que pueda ir con ello. Sin nada, se deja de hacer.
    fn tomar(&self) -> Option<Vec<Espera<T>>> {
        let mut cola = self.cola();
        let Some(primera) = cola.esperan.pop_front() else {
            cola.en_marcha -= 1;
            return None;
        };
        let mut tanda = vec![primera];
        for espera in std::mem::take(&mut cola.esperan) {
            let cabe = tanda.len() < MAXIMO;
            match tanda.first() {
                Some(primera) if cabe && T::se_juntan(&primera.pedido, &espera.pedido) => tanda.push(espera),
                _ => cola.esperan.push_back(espera),
            }
        }
        Some(tanda)
    }

    fn cola(&self) -> MutexGuard<'_, Cola<T>> {
        // Con la cola en la mano nadie entra en pánico.
        self.cola.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod pruebas {
    use futures_util::future::join_all;
    use tokio::sync::Semaphore;

    use super::*;

    /// Cuenta de cuántos va cada tanda; a los múltiplos de cien no los soporta. Espera a que se le dé permiso.
    struct Contar(Arc<Semaphore>);

    impl EnTandas for Contar {
        type Pedido = usize;
        type Respuesta = (usize, usize);

        fn se_juntan(uno: &usize, otro: &usize) -> bool {
            uno % 2 == otro % 2
        }

        async fn hacer(&self, tanda: Vec<usize>) -> Vec<(usize, usize)> {
            self.0.acquire().await.unwrap().forget();
            assert!(tanda.iter().all(|pedido| pedido % 100 != 0));
            tanda.iter().map(|pedido| (*pedido, tanda.len())).collect()
        }
    }

    fn contar(permisos: usize) -> (Tandas<Contar>, Arc<Semaphore>) {
        let semaforo = Arc::new(Semaphore::new(permisos));
        (Tandas::nuevas(Contar(Arc::clone(&semaforo))), semaforo)
    }

    #[tokio::test]
    async fn lo_que_llega_mientras_se_hace_una_tanda_va_en_la_siguiente_con_lo_suyo() {
        let (tandas, _) = contar(usize::MAX >> 4);
        let respuestas = join_all((1..=200).map(|pedido| tandas.pedir(pedido))).await;
        for (pedido, respuesta) in (1..=200).zip(respuestas) {
            if pedido % 2 == 1 {
                let (suyo, juntos) = respuesta.unwrap();
                assert!(suyo == pedido && (juntos == MAXIMO || juntos == 100 % MAXIMO), "{pedido}: {juntos}");
            }
        }
    }

    #[tokio::test]
    async fn un_panico_solo_se_lleva_su_tanda() {
        let (tandas, _) = contar(usize::MAX >> 4);
        let respuestas = join_all([100, 2, 1, 3].map(|pedido| tandas.pedir(pedido))).await;
        assert_eq!(respuestas, [None, None, Some((1, 2)), Some((3, 2))]);
        assert_eq!(tandas.pedir(2).await, Some((2, 1)), "y se puede seguir");
    }

    #[tokio::test]
    async fn las_tandas_detenidas_no_pasan_de_las_que_se_admiten() {
        let (tandas, semaforo) = contar(0);
        let pedir = || {
            let tandas = tandas.clone();
            tokio::spawn(async move { tandas.pedir(1).await })
        };
        let mut pedidas = Vec::new();
        for detenidas in 1..=A_LA_VEZ {
            pedidas.push(pedir());
            hasta(|| tandas.cola().en_marcha == detenidas).await;
        }
        pedidas.extend((0..8).map(|_| pedir()));
        hasta(|| tandas.cola().esperan.len() == 8).await;
        tandas.empezar(A_LA_VEZ);
        assert_eq!(tandas.cola().en_marcha, A_LA_VEZ);
        semaforo.add_permits(100);
        let mut juntas: Vec<_> = join_all(pedidas).await.into_iter().map(|una| una.unwrap().unwrap().1).collect();
        juntas.sort_unstable();
        assert_eq!(juntas[..A_LA_VEZ], [1; A_LA_VEZ], "las primeras, solas");
        assert_eq!(juntas[A_LA_VEZ..], [8; 8], "las demás, juntas");
    }

    async fn hasta(cumplida: impl Fn() -> bool) {
        timeout(Duration::from_mins(1), async {
            while !cumplida() {
                tokio::task::yield_now().await;
            }
        })
        .await
        .unwrap();
    }
}
