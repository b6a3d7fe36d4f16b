//! Los caminos que se recorren por HTTP, con `wrk`.

mod caliente;
mod lecturas;
mod reservar;
mod usuarios;

use crate::Fallo;
use crate::instancia::{Instancia, medir as medir_tanda};
use crate::medida::{Camino, Resultados, Unidad, alternar};
use crate::mundo::Mundo;
use crate::wrk;

/// Las claves de este grupo.
pub const CLAVES: &[&str] = &["post", "post-con-todo", "get", "lista", "fila-caliente", "usuario"];

/// Las conexiones con que se mide casi todo.
const CONEXIONES: [u32; 3] = [1, 16, 64];
/// Segundos de carga que no se cuentan, antes de cada camino.
pub const CALENTAMIENTO: u64 = 1;

/// Mide los que se pidieron.
pub async fn medir(mundo: &Mundo, resultados: &mut Resultados) {
    for clave in CLAVES.iter().filter(|clave| mundo.argumentos.mide(clave)) {
        let medido = match *clave {
            "post" => reservar::con_el_relevo_parado(mundo, resultados).await,
            "post-con-todo" => reservar::con_todo(mundo, resultados).await,
            "get" => lecturas::por_id(mundo, resultados).await,
            "lista" => lecturas::pagina(mundo, resultados).await,
            "fila-caliente" => caliente::medir(mundo, resultados).await,
            _ => usuarios::medir(mundo, resultados).await,
        };
        resultados.si_no_se_pudo(clave, medido);
    }
}

/// Qué se carga, y con cuántas conexiones.
struct Recorrido<'a> {
    clave: &'static str,
    titulo: &'a str,
    conexiones: u32,
    ruta: &'a str,
    guion: &'a str,
}

impl Recorrido<'_> {
    /// Calienta y mide las rondas, contra ese límite (conexiones y segundos).
    async fn medir(
        &self,
        mundo: &Mundo,
        instancia: &Instancia,
        limite: impl AsyncFn(u32, u64) -> Result<f64, Fallo>,
    ) -> Result<Camino, Fallo> {
        let segundos = mundo.argumentos.segundos;
        let tanda = async || medir_tanda(mundo, &[instancia], self.cargar(instancia, segundos)).await;
        self.cargar(instancia, CALENTAMIENTO).await?;
        limite(self.conexiones, CALENTAMIENTO).await?;
        let rondas = alternar(mundo.argumentos.rondas, tanda, async || limite(self.conexiones, segundos).await).await?;
        Ok(self.camino(rondas))
    }

    async fn cargar(&self, instancia: &Instancia, segundos: u64) -> Result<crate::carga::Carga, Fallo> {
        wrk::correr(self.conexiones, segundos, &format!("{}{}", instancia.url, self.ruta), self.guion).await
    }

    fn camino(&self, rondas: Vec<crate::medida::Ronda>) -> Camino {
        let (clave, titulo, conexiones) = (self.clave, self.titulo.to_owned(), self.conexiones);
        Camino { clave, titulo, conexiones, unidad: Unidad::PorSegundo, rondas }
    }
}
