//! El castigo de las claves que fallan.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;
use uuid::Uuid;

use crate::seedwork::infraestructura::mensajeria::racha::espera;

/// Cuánto espera, como mucho, una clave cuyo envío no tuvo recibo.
const CASTIGO: Duration = Duration::from_secs(1);

/// Las claves cuyo último envío no tuvo recibo: esperan un poco, para no quitarles el lugar a las demás.
#[derive(Default)]
pub struct Castigadas(HashMap<Uuid, Instant>);

impl Castigadas {
    /// Desde ahora espera.
    pub fn castigar(&mut self, clave: Uuid) {
        self.0.insert(clave, Instant::now() + espera(u32::MAX, CASTIGO));
    }

    /// Si falló después de la última vez que se preguntó cuáles siguen castigadas, o seguía entonces.
    pub fn contiene(&self, clave: Uuid) -> bool {
        self.0.contains_key(&clave)
    }

    /// Las que siguen castigadas; a las demás se las deja de contar.
    pub fn vigentes(&mut self) -> Vec<Uuid> {
        let ahora = Instant::now();
        self.0.retain(|_, hasta| *hasta > ahora);
        self.0.keys().copied().collect()
    }
}
