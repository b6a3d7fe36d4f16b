//! El bróker que comparten las pruebas, y uno propio para las que lo matan.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Command;
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::timeout;
use uuid::Uuid;

use crate::comun::hasta;

/// De una en una: comparten tópicos y, las que no, procesador.
static TURNO: Mutex<()> = Mutex::const_new(());

/// Lo que puede tardar un bróker en arrancar, con la máquina ocupada.
const ARRANQUE: Duration = Duration::from_secs(90);

/// El bróker de `PULSAR_URL`, sin nada de otras pruebas y para una sola a la vez.
pub struct Broker {
    pub url: String,
    /// Dónde atiende a quien administra.
    pub admin: String,
    /// El espacio de nombres que usa la prueba.
    pub espacio: String,
    _turno: MutexGuard<'static, ()>,
}

impl Broker {
    /// Espera el turno y crea un espacio de nombres sólo para esta prueba.
    pub async fn en_espacio_propio() -> Self {
        let broker = Self { espacio: format!("public/prueba-{}", Uuid::new_v4().simple()), ..Self::compartido().await };
        assert_eq!(broker.poner(&format!("namespaces/{}", broker.espacio), "{}").await, 204);
        broker
    }

    async fn compartido() -> Self {
        let variable = |nombre| std::env::var(nombre).unwrap_or_else(|_| panic!("falta {nombre}: use ./dev pruebas"));
        let turno = TURNO.lock().await;
        let (url, admin) = (variable("PULSAR_URL"), variable("PULSAR_ADMIN_URL"));
        Self { url, admin, espacio: "public/default".into(), _turno: turno }
    }

    /// Crea un tópico de su espacio con esas particiones, o sin ninguna.
    pub async fn crear(&self, topico: &str, particiones: Option<u32>) {
        let ruta = format!("persistent/{}/{topico}", self.espacio);
        let estado = match particiones {
            Some(cuantas) => self.poner(&format!("{ruta}/partitions"), &cuantas.to_string()).await,
            None => self.poner(&ruta, "").await,
        };
        assert_eq!(estado, 204, "{ruta}");
    }

    /// Cuántos mensajes se han publicado en cada partición de un tópico.
    pub async fn por_particion(&self, topico: &str) -> Vec<u64> {
        let ruta = format!("persistent/{}/{topico}/partitioned-stats?perPartition=true", self.espacio);
        let estado = self.admin(&ruta).await;
        let particiones = estado["partitions"].as_object().unwrap();
        assert_eq!(estado["metadata"]["partitions"], particiones.len());
        particiones.values().map(|particion| particion["msgInCounter"].as_u64().unwrap()).collect()
    }

    /// Desde qué conexiones recibe una suscripción, una por cada consumidor de cada partición.
    pub async fn conexiones(&self, topico: &str, suscripcion: &str) -> Vec<String> {
        let ruta = format!("persistent/{}/{topico}/partitioned-stats?perPartition=true", self.espacio);
        let estado = self.admin(&ruta).await;
        let particiones = estado["partitions"].as_object().unwrap().values();
        let consumidores =
            particiones.flat_map(|una| una["subscriptions"][suscripcion]["consumers"].as_array().unwrap());
        consumidores.map(|consumidor| consumidor["address"].as_str().unwrap().to_owned()).collect()
    }

    async fn poner(&self, ruta: &str, cuerpo: &str) -> u16 {
        let solicitud =
            cliente().put(format!("{}/admin/v2/{ruta}", self.admin)).header("content-type", "application/json");
        solicitud.body(cuerpo.to_owned()).send().await.unwrap().status().as_u16()
    }

    /// Espera el turno y borra los tópicos que haya, con sus esquemas.
    pub async fn limpio() -> Self {
        let broker = Self::compartido().await;
        hasta("que el bróker quede vacío", async || {
            for topico in broker.topicos().await {
                let ruta = topico.strip_prefix("persistent://").unwrap();
                broker.borrar(&format!("persistent/{ruta}?force=true")).await;
                broker.borrar(&format!("schemas/{ruta}/schema?force=true")).await;
            }
            broker.topicos().await.is_empty()
        })
        .await;
        broker
    }

    /// Los tópicos que existen, con su nombre completo.
    pub async fn topicos(&self) -> Vec<String> {
        serde_json::from_value(self.admin(&format!("persistent/{}", self.espacio)).await).unwrap()
    }

    /// Los nombres de las suscripciones de un tópico.
    pub async fn suscripciones(&self, topico: &str) -> Vec<String> {
        let nombres = self.admin(&format!("persistent/{}/{topico}/subscriptions", self.espacio)).await;
        serde_json::from_value(nombres).unwrap()
    }

    /// El esquema registrado de un tópico, como lo da la administración.
    pub async fn esquema(&self, topico: &str) -> Value {
        self.admin(&format!("schemas/{}/{topico}/schema", self.espacio)).await
    }

    /// Cuántos mensajes no ha confirmado todavía una suscripción.
    pub async fn atraso(&self, topico: &str, suscripcion: &str) -> i64 {
        let estado = self.admin(&format!("persistent/{}/{topico}/stats", self.espacio)).await;
        estado["subscriptions"][suscripcion]["msgBacklog"].as_i64().unwrap()
    }

    /// Cuántos mensajes se han publicado en un tópico.
    pub async fn publicados(&self, topico: &str) -> u64 {
        let estado = self.admin(&format!("persistent/{}/{topico}/stats", self.espacio)).await;
        estado["msgInCounter"].as_u64().unwrap()
    }

    async fn admin(&self, ruta: &str) -> Value {
        let respuesta = cliente().get(format!("{}/admin/v2/{ruta}", self.admin)).send().await.unwrap();
        assert!(respuesta.status().is_success(), "{ruta}: {}", respuesta.status());
        respuesta.json().await.unwrap()
    }

    async fn borrar(&self, ruta: &str) {
        cliente().delete(format!("{}/admin/v2/{ruta}", self.admin)).send().await.unwrap();
    }
}

pub fn cliente() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

/// Un bróker para una sola prueba, que puede no estar, morir y volver; siempre en el mismo puerto.
pub struct BrokerPropio {
    pub url: String,
    carpeta: TempDir,
    puertos: [u16; 2],
    entorno: Vec<(&'static str, String)>,
    _turno: MutexGuard<'static, ()>,
}

impl BrokerPropio {
    /// Todavía sin arrancar.
    pub async fn nuevo() -> Self {
        let turno = TURNO.lock().await;
        // Como root, `dev` sólo pone los datos donde otro usuario también pueda llegar.
        let permisos = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        let carpeta = tempfile::Builder::new().permissions(permisos).tempdir().unwrap();
        let puertos = [puerto_libre(), puerto_libre()];
        let url = format!("pulsar://127.0.0.1:{}", puertos[0]);
        Self { url, carpeta, puertos, entorno: Vec::new(), _turno: turno }
    }

    /// Con más líneas en su configuración, y la ficha con que se le pregunta si está listo.
    pub fn con(mut self, archivo: String, ficha: &str) -> Self {
        self.entorno = vec![("AEROALPES_PULSAR_CONF", archivo), ("AEROALPES_PULSAR_FICHA", ficha.to_owned())];
        self
    }

    /// Dónde atiende a quien administra.
    pub fn admin(&self) -> String {
        format!("http://127.0.0.1:{}/admin/v2", self.puertos[1])
    }

    /// Lo arranca, con los datos que tuviera.
    pub async fn arrancar(&self) {
        let mut orden = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/dev"));
        orden.args(["servicios", "arriba", "pulsar"]).stdin(Stdio::null()).kill_on_drop(true);
        orden.env("XDG_STATE_HOME", self.carpeta.path());
        orden.env("AEROALPES_PULSAR_PUERTO", self.puertos[0].to_string());
        orden.env("AEROALPES_PULSAR_ADMIN", self.puertos[1].to_string());
        orden.envs(self.entorno.iter().map(|(nombre, valor)| (nombre, valor)));
        let fin = timeout(ARRANQUE, orden.output()).await.expect("el bróker no arrancó").unwrap();
        let (salida, errores) = (String::from_utf8_lossy(&fin.stdout), String::from_utf8_lossy(&fin.stderr));
        assert!(salida.contains(&self.url), "{salida}{errores}");
    }

    /// Lo mata con `SIGKILL` y espera a que no quede nada de él.
    pub async fn matar(&self) {
        let pid = self.pid().expect("el bróker no estaba arriba");
        kill(pid, Signal::SIGKILL).unwrap();
        hasta("que el bróker muera", async || !vive(pid)).await;
    }

    fn pid(&self) -> Option<Pid> {
        let ficha: PathBuf = self.carpeta.path().join("aeroalpes/servicios/pulsar.pid");
        let texto = std::fs::read_to_string(ficha).ok()?;
        let pid = Pid::from_raw(texto.split_whitespace().next()?.parse().ok()?);
        vive(pid).then_some(pid)
    }
}

impl Drop for BrokerPropio {
    fn drop(&mut self) {
        let Some(pid) = self.pid() else { return };
        let muerto = kill(pid, Signal::SIGKILL);
        while muerto.is_ok() && vive(pid) {
            std::thread::yield_now();
        }
    }
}

/// Quien lo arrancó ya no está: puede quedar como zombi, que ya no tiene puertos ni archivos.
fn vive(pid: Pid) -> bool {
    let estado = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let estado = estado.rsplit(") ").next().and_then(|resto| resto.chars().next());
    !matches!(estado, None | Some('Z' | 'X'))
}

/// Un puerto libre, lejos de los que el sistema reparte a las conexiones salientes.
pub fn puerto_libre() -> u16 {
    let candidatos = std::iter::repeat_with(|| 10_000 + rand::random::<u16>() % 20_000);
    let mut libres = candidatos.filter(|puerto| std::net::TcpListener::bind(("127.0.0.1", *puerto)).is_ok());
    libres.next().unwrap()
}
