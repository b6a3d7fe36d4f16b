//! Los programas en Python y la administración del bróker.

use std::env;
use std::process::Stdio;
use std::time::Duration;

use reqwest::{Client, Method, StatusCode};
use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::timeout;

use crate::comun::servicio::{Lineas, Servicio};
use crate::comun::{BaseDePrueba, PLAZO, hasta};

/// Los tópicos del servicio, con sus nombres de verdad: por eso estas pruebas van de una en una.
pub const TOPICOS: [&str; 4] = ["comandos-reserva", "comandos-usuario", "eventos-reserva", "eventos-usuario"];

static TURNO: Mutex<()> = Mutex::const_new(());

fn variable(nombre: &str) -> String {
    env::var(nombre).unwrap_or_else(|_| panic!("falta {nombre}: use ./dev pruebas"))
}

/// La dirección del bróker.
pub fn broker() -> String {
    variable("PULSAR_URL")
}

/// La dirección de su administración.
pub fn administracion() -> String {
    variable("PULSAR_ADMIN_URL")
}

/// Un bróker sin tópicos ni esquemas, mientras dure la prueba.
pub struct Broker {
    cliente: Client,
    _turno: MutexGuard<'static, ()>,
}

impl Broker {
    pub async fn vacio() -> Self {
        let cliente = Client::builder().no_proxy().timeout(PLAZO).build().unwrap();
        let broker = Self { _turno: TURNO.lock().await, cliente };
        for topico in TOPICOS {
            for nombre in [topico.to_owned(), format!("{topico}-aeroalpes-dlq")] {
                broker.borrar(&format!("persistent/public/default/{nombre}?force=true")).await;
            }
            broker.borrar(&format!("schemas/public/default/{topico}/schema?force=true")).await;
            assert_eq!(broker.esquema(topico).await, None, "{topico}");
        }
        broker
    }

    async fn borrar(&self, ruta: &str) {
        let (estado, texto) = self.pedir(Method::DELETE, ruta).await;
        assert!(estado.is_success() || estado == StatusCode::NOT_FOUND, "DELETE {ruta}: {estado} {texto}");
    }

    async fn pedir(&self, metodo: Method, ruta: &str) -> (StatusCode, String) {
        let url = format!("{}/admin/v2/{ruta}", administracion());
        let respuesta = self.cliente.request(metodo, url).send().await.unwrap();
        (respuesta.status(), respuesta.text().await.unwrap())
    }

    async fn leer(&self, ruta: &str) -> Option<Value> {
        let (estado, texto) = self.pedir(Method::GET, ruta).await;
        estado.is_success().then(|| serde_json::from_str(&texto).unwrap())
    }

    /// El último esquema de un tópico, si tiene.
    pub async fn esquema(&self, topico: &str) -> Option<Value> {
        let esquema = self.leer(&format!("schemas/public/default/{topico}/schema")).await?;
        Some(serde_json::from_str(esquema["data"].as_str().unwrap()).unwrap())
    }

    /// Cuántas versiones de esquema tiene un tópico.
    pub async fn versiones(&self, topico: &str) -> usize {
        let esquemas = self.leer(&format!("schemas/public/default/{topico}/schemas")).await;
        esquemas.map_or(0, |esquemas| esquemas["getSchemaResponses"].as_array().unwrap().len())
    }

    /// Los nombres de las suscripciones de un tópico, en orden.
    pub async fn suscripciones(&self, topico: &str) -> Vec<String> {
        let nombres = self.leer(&format!("persistent/public/default/{topico}/subscriptions")).await;
        let mut nombres: Vec<String> = nombres.map_or_else(Vec::new, |lista| serde_json::from_value(lista).unwrap());
        nombres.sort();
        nombres
    }

    /// Lo que acompaña al último mensaje de un tópico.
    pub async fn ultimo(&self, topico: &str) -> Encabezado {
        let ruta = "examinemessage?initialPosition=latest&messagePosition=1";
        let url = format!("{}/admin/v2/persistent/public/default/{topico}/{ruta}", administracion());
        let respuesta = self.cliente.get(url).send().await.unwrap().error_for_status().unwrap();
        let cabecera = |nombre: &str| respuesta.headers().get(nombre).map(|valor| valor.to_str().unwrap().to_owned());
        Encabezado {
            propiedades: serde_json::from_str(&cabecera("x-pulsar-property").unwrap()).unwrap(),
            clave: cabecera("x-pulsar-partition-key").unwrap(),
            con_momento: cabecera("x-pulsar-event-time").is_some(),
        }
    }

    /// Cuántos consumidores tiene una suscripción, y cuántos mensajes le faltan.
    pub async fn suscripcion(&self, topico: &str, suscripcion: &str) -> (usize, i64) {
        let estado = self.leer(&format!("persistent/public/default/{topico}/stats?getPreciseBacklog=true")).await;
        let estado = &estado.unwrap()["subscriptions"][suscripcion];
        (estado["consumers"].as_array().map_or(0, Vec::len), estado["msgBacklog"].as_i64().unwrap_or(-1))
    }
}

/// Lo que acompaña a un mensaje.
pub struct Encabezado {
    /// Sus propiedades.
    pub propiedades: Value,
    /// Su clave de partición.
    pub clave: String,
    /// Si dice cuándo ocurrió.
    pub con_momento: bool,
}

/// Arranca el servicio con el bróker y espera a que haya registrado los esquemas y creado las suscripciones.
pub async fn servicio(base: &BaseDePrueba) -> Servicio {
    let servicio = Servicio::arrancar(base, &[("PULSAR_URL", &broker())]).await;
    servicio.registros.esperar("Pulsar está preparado").await;
    servicio
}

/// Nuestra suscripción a los comandos.
pub const SUB_COMANDOS: &str = "aeroalpes-sub-comandos";
/// Nuestra suscripción a los eventos.
pub const SUB_EVENTOS: &str = "aeroalpes-sub-eventos";

/// Un programa en Python, en un proceso aparte; al soltarlo se mata.
pub struct Programa {
    nombre: String,
    proceso: Child,
    entrada: ChildStdin,
    /// Lo que imprime.
    pub salida: Lineas,
    /// Lo que dice por el canal de errores.
    pub errores: Lineas,
}

impl Programa {
    /// Arranca uno de los que están junto a estas pruebas, y espera a que diga que está listo.
    pub async fn listo(archivo: &str, argumentos: &[&str]) -> Self {
        let mut programa = Self::arrancar(&format!("tests/python/{archivo}"), argumentos);
        tokio::select! {
            _ = programa.salida.esperar("listo") => {}
            _ = programa.proceso.wait() => panic!("{archivo} no arrancó:\n{}", programa.errores.texto()),
        }
        programa
    }

    /// Arranca un programa del repositorio.
    pub fn arrancar(archivo: &str, argumentos: &[&str]) -> Self {
        let mut orden = Command::new(variable("AEROALPES_PYTHON"));
        orden.arg(format!("{}/{archivo}", env!("CARGO_MANIFEST_DIR"))).args(argumentos).kill_on_drop(true);
        orden.env_clear().envs([("PYTHONDONTWRITEBYTECODE", "1"), ("PYTHONUTF8", "1")]);
        orden.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut proceso = orden.spawn().unwrap();
        let entrada = proceso.stdin.take().unwrap();
        let salida = Lineas::recoger(proceso.stdout.take().unwrap());
        let errores = Lineas::recoger(proceso.stderr.take().unwrap());
        Self { nombre: archivo.to_owned(), proceso, entrada, salida, errores }
    }

    /// Lo que lleva impreso que sea JSON: un valor por línea.
    pub fn impreso(&self) -> Vec<Value> {
        self.salida.texto().lines().filter_map(|linea| serde_json::from_str(linea).ok()).collect()
    }

    /// Espera tantos valores impresos, y falla si el programa murió antes.
    pub async fn esperar(&mut self, cuantos: usize) -> Vec<Value> {
        let salida = self.salida.clone();
        let contar = || salida.texto().lines().filter(|linea| linea.starts_with(['{', '['])).count();
        tokio::select! {
            () = hasta("que imprima lo recibido", async || contar() >= cuantos) => {}
            // Sus tuberías se vacían aparte: puede que le falte llegar lo último que escribió.
            _ = self.proceso.wait() => {
                let acabado = hasta("lo último que imprimió", async || contar() >= cuantos);
                let acabado = timeout(Duration::from_secs(2), acabado).await;
                assert!(acabado.is_ok(), "{} murió:\n{}", self.nombre, self.errores.texto());
            }
        }
        self.impreso()
    }

    /// A un productor, que envíe; devuelve dónde quedó cada mensaje: libro, entrada e índice en su lote.
    pub async fn enviar(&mut self) -> Vec<(i64, i64, i64)> {
        self.entrada.write_all(b"ya\n").await.unwrap();
        serde_json::from_value(self.esperar(1).await.remove(0)).unwrap()
    }

    /// Espera a que termine, y falla si no termina bien.
    pub async fn terminar_bien(&mut self) {
        let estado = timeout(PLAZO, self.proceso.wait()).await.expect("el programa no terminó").unwrap();
        assert!(estado.success(), "{} terminó mal: {estado}\n{}", self.nombre, self.errores.texto());
    }

    /// Comprueba que sigue vivo.
    pub fn sigue_vivo(&mut self) {
        let fin = self.proceso.try_wait().unwrap();
        assert!(fin.is_none(), "{} murió ({fin:?}):\n{}", self.nombre, self.errores.texto());
    }
}
