//! El servicio que se mide: el programa de producción, con su registro en un archivo.

use std::process::ExitStatus;
use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::Fallo;
use crate::carga::Carga;
use crate::medida::Tanda;
use crate::mundo::Mundo;
use crate::procesos::Proceso;
use crate::uso::{con_rss_maximo, cpu, sumar};

/// Lo que puede tardar en parar en orden.
const PLAZO: Duration = Duration::from_mins(1);

/// Una instancia en marcha. Al soltarla se mata.
pub struct Instancia {
    /// Dónde atiende, como `http://127.0.0.1:12345`.
    pub url: String,
    pub pid: u32,
    proceso: Proceso,
}

impl Instancia {
    pub(crate) fn de(proceso: Proceso, url: String) -> Result<Self, Fallo> {
        let pid = proceso.pid().ok_or("el servicio terminó nada más arrancar")?;
        Ok(Self { url, pid, proceso })
    }

    /// Lo que dice de su salud: `listo`, `degradado`…; nada, si no contesta.
    pub async fn salud(&self, cliente: &reqwest::Client) -> Option<String> {
        let respuesta = cliente.get(format!("{}/health/ready", self.url)).send().await.ok()?;
        let cuerpo: Value = serde_json::from_slice(&respuesta.bytes().await.ok()?).ok()?;
        Some(cuerpo["estado"].as_str()?.to_owned())
    }

    /// Cómo terminó, si terminó sin que nadie se lo pidiera; con lo último que escribió.
    pub fn caida(&mut self) -> Option<String> {
        let fin = self.proceso.termino()?;
        Some(format!("{fin}\n{}", self.proceso.ultimas_lineas()))
    }

    /// Lo último que escribió en su registro.
    pub fn ultimas_lineas(&self) -> String {
        self.proceso.ultimas_lineas()
    }

    /// Le pide que pare y espera a que termine lo que tenía.
    pub async fn parar(mut self) -> Result<ExitStatus, Fallo> {
        self.proceso.senalar(Signal::SIGTERM);
        self.proceso.fin(PLAZO).await
    }
}

/// Corre una carga y cuenta lo que costó a esas instancias, sumadas, y lo que quedó por mover al acabar.
pub async fn medir(
    mundo: &Mundo,
    instancias: &[&Instancia],
    carga: impl Future<Output = Result<Carga, Fallo>>,
) -> Result<Tanda, Fallo> {
    let pids: Vec<_> = instancias.iter().map(|instancia| instancia.pid).collect();
    let antes = sumar(&pids, cpu)?;
    let (carga, rss_mib) = con_rss_maximo(&pids, carga).await?;
    let (carga, gastado) = (carga?, sumar(&pids, cpu)? - antes);
    Ok(carga.tanda(gastado, rss_mib, mundo.atraso().await?))
}
