//! El programa de verdad, en un proceso aparte, y un cliente que comprueba cada respuesta contra `/spec`.

use std::process::{ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use reqwest::header::HeaderMap;
use reqwest::{Client, Method, RequestBuilder};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::OnceCell;
use tokio::time::timeout;

use super::{BaseDePrueba, PLAZO, especificacion, hasta};

/// La especificación es la misma en todas las pruebas del programa: se pide una vez.
static ESPECIFICACION: OnceCell<Value> = OnceCell::const_new();

/// Cuánto se guarda una conexión ociosa: menos de los 15 s en que la cierra el servicio, o una solicitud podría salir por
/// ella cuando ya se está cerrando.
const OCIOSA: Duration = Duration::from_secs(5);

/// Las líneas que un proceso va escribiendo.
#[derive(Clone, Default)]
pub struct Lineas(Arc<Mutex<Vec<String>>>);

impl Lineas {
    /// Recoge lo que se escriba ahí hasta que se cierre.
    pub fn recoger(origen: impl AsyncRead + Send + Unpin + 'static) -> Self {
        let lineas = Self::default();
        let recogidas = lineas.clone();
        tokio::spawn(async move {
            let mut origen = BufReader::new(origen).lines();
            while let Ok(Some(linea)) = origen.next_line().await {
                recogidas.0.lock().unwrap().push(linea);
            }
        });
        lineas
    }

    /// Todo lo escrito hasta ahora.
    pub fn texto(&self) -> String {
        self.0.lock().unwrap().join("\n")
    }

    /// Espera una línea que contenga el texto, y la devuelve.
    pub async fn esperar(&self, texto: &str) -> String {
        let buscar = || self.0.lock().unwrap().iter().find(|linea| linea.contains(texto)).cloned();
        hasta(&format!("la línea «{texto}»"), async || buscar().is_some()).await;
        buscar().unwrap()
    }
}

/// El programa sirviendo sobre la base de una prueba; al soltarlo se mata.
pub struct Servicio {
    proceso: Child,
    direccion: String,
    especificacion: &'static Value,
    cliente: Client,
    /// Lo que escribe para quien lo arrancó.
    pub salida: Lineas,
    /// Sus registros.
    pub registros: Lineas,
}

impl Servicio {
    /// Lo arranca en un puerto libre y espera a que lo anuncie.
    pub async fn arrancar(base: &BaseDePrueba, entorno: &[(&str, &str)]) -> Self {
        Self::lanzar(&base.url(), &["servir"], entorno).await
    }

    /// Lo mismo, con esos argumentos.
    pub async fn arrancar_con(base: &BaseDePrueba, argumentos: &[&str], entorno: &[(&str, &str)]) -> Self {
        Self::lanzar(&base.url(), argumentos, entorno).await
    }

    /// Lo mismo, sobre la base de esa dirección.
    pub async fn sobre(url: &str, entorno: &[(&str, &str)]) -> Self {
        Self::lanzar(url, &["servir"], entorno).await
    }

    async fn lanzar(url: &str, argumentos: &[&str], entorno: &[(&str, &str)]) -> Self {
        let mut orden = programa(argumentos, &[("AEROALPES_ESCUCHA", "127.0.0.1:0"), ("DATABASE_URL", url)]);
        let mut proceso = orden.envs(entorno.iter().copied()).spawn().unwrap();
        let registros = Lineas::recoger(proceso.stderr.take().unwrap());
        let salida = Lineas::recoger(proceso.stdout.take().unwrap());
        let anuncio = tokio::select! {
            anuncio = salida.esperar(" en http://") => anuncio,
            estado = proceso.wait() => panic!("el servicio no arrancó: {estado:?}\n{}", registros.texto()),
        };
        let direccion = anuncio.split("http://").nth(1).unwrap().split(' ').next().unwrap().to_owned();
        let cliente = Client::builder().no_proxy().timeout(PLAZO * 2).pool_idle_timeout(OCIOSA).build().unwrap();
        let pedir =
            async || cliente.get(format!("http://{direccion}/spec")).send().await.unwrap().json().await.unwrap();
        let especificacion = ESPECIFICACION.get_or_init(pedir).await;
        Self { proceso, direccion, especificacion, cliente, salida, registros }
    }

    /// Dónde atiende, como `127.0.0.1:41234`.
    pub fn direccion(&self) -> &str {
        &self.direccion
    }

    /// El documento de `/spec`.
    pub const fn especificacion(&self) -> &'static Value {
        self.especificacion
    }

    pub async fn get(&self, ruta: &str) -> Respuesta {
        self.pedir(Method::GET, ruta, |solicitud| solicitud).await
    }

    pub async fn post(&self, ruta: &str, cuerpo: &Value) -> Respuesta {
        self.pedir(Method::POST, ruta, |solicitud| solicitud.json(cuerpo)).await
    }

    /// Un `POST` sin cuerpo.
    pub async fn ordenar(&self, ruta: &str) -> Respuesta {
        self.pedir(Method::POST, ruta, |solicitud| solicitud).await
    }

    /// Un `DELETE`.
    pub async fn borrar(&self, ruta: &str) -> Respuesta {
        self.pedir(Method::DELETE, ruta, |solicitud| solicitud).await
    }

    /// Un `POST` con ese texto y, si se da, ese tipo de contenido.
    pub async fn post_texto(&self, ruta: &str, tipo: Option<&str>, texto: impl Into<Vec<u8>>) -> Respuesta {
        let texto = texto.into();
        let con_tipo = |solicitud: RequestBuilder| match tipo {
            Some(tipo) => solicitud.header("content-type", tipo),
            None => solicitud,
        };
        self.pedir(Method::POST, ruta, |solicitud| con_tipo(solicitud).body(texto)).await
    }

    /// Cualquier solicitud; comprueba que la especificación admita lo que respondió.
    pub async fn pedir(
        &self,
        metodo: Method,
        ruta: &str,
        completar: impl FnOnce(RequestBuilder) -> RequestBuilder,
    ) -> Respuesta {
        let solicitud = self.cliente.request(metodo.clone(), format!("http://{}{ruta}", self.direccion));
        let respuesta = completar(solicitud).send().await.unwrap();
        let (estado, cabeceras) = (respuesta.status().as_u16(), respuesta.headers().clone());
        let respuesta = Respuesta::nueva(estado, cabeceras, respuesta.text().await.unwrap());
        especificacion::comprobar(self.especificacion, metodo.as_str(), ruta, &respuesta);
        respuesta
    }

    /// El código de validación que recibió un usuario.
    pub async fn codigo_de(&self, usuario: &str) -> String {
        let inicio = format!("Código de validación del usuario {usuario}: ");
        self.salida.esperar(&inicio).await.split_off(inicio.len())
    }

    /// Le pide que pare, como lo haría un orquestador.
    pub fn pedir_que_pare(&self) {
        kill(self.pid(), Signal::SIGTERM).unwrap();
    }

    /// La memoria que ocupa ahora, en KiB.
    pub fn memoria_kib(&self) -> u64 {
        let estado = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let linea = estado.lines().find_map(|linea| linea.strip_prefix("VmRSS:")).unwrap();
        linea.trim().trim_end_matches(" kB").parse().unwrap()
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(self.proceso.id().and_then(|pid| i32::try_from(pid).ok()).expect("el servicio ya terminó"))
    }

    /// Lo mata con `SIGKILL` y espera a que no quede nada de él.
    pub async fn matar(&mut self) {
        timeout(PLAZO, self.proceso.kill()).await.expect("el servicio no murió").unwrap();
    }

    /// Espera a que termine.
    pub async fn esperar_fin(&mut self) -> ExitStatus {
        timeout(PLAZO, self.proceso.wait()).await.expect("el servicio no terminó").unwrap()
    }
}

impl Drop for Servicio {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- registros del servicio ---\n{}", self.registros.texto());
        }
    }
}

/// Ejecuta el programa hasta que termine, sólo con ese entorno.
pub async fn ejecutar(argumentos: &[&str], entorno: &[(&str, &str)]) -> Output {
    timeout(PLAZO, programa(argumentos, entorno).output()).await.expect("el programa no terminó").unwrap()
}

/// El programa, sólo con ese entorno y con las salidas por leer.
pub fn programa(argumentos: &[&str], entorno: &[(&str, &str)]) -> Command {
    let mut orden = Command::new(env!("CARGO_BIN_EXE_aeroalpes"));
    orden.args(argumentos).env_clear().envs(entorno.iter().copied()).kill_on_drop(true);
    orden.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    orden
}

/// Una respuesta entera.
#[derive(Debug)]
pub struct Respuesta {
    pub estado: u16,
    pub cabeceras: HeaderMap,
    /// El cuerpo, tal como llegó.
    pub texto: String,
    /// El cuerpo interpretado, o nulo si no es JSON.
    pub cuerpo: Value,
}

impl Respuesta {
    pub fn nueva(estado: u16, cabeceras: HeaderMap, texto: String) -> Self {
        let cuerpo = serde_json::from_str(&texto).unwrap_or_default();
        Self { estado, cabeceras, texto, cuerpo }
    }

    pub fn cabecera(&self, nombre: &str) -> Option<&str> {
        self.cabeceras.get(nombre).map(|valor| valor.to_str().unwrap())
    }

    /// El cuerpo, si la respuesta es de ese estado.
    #[track_caller]
    pub fn con(self, estado: u16) -> Value {
        assert_eq!(self.estado, estado, "{}", self.texto);
        self.cuerpo
    }

    /// El problema (RFC 9457), si está entero, en español y es ese.
    #[track_caller]
    pub fn problema(&self, estado: u16, codigo: &str) -> &Value {
        assert_eq!(self.estado, estado, "{}", self.texto);
        assert_eq!(self.cabecera("content-type"), Some("application/problem+json"));
        assert_eq!(self.cuerpo["type"], format!("urn:aeroalpes:problema:{codigo}"), "{}", self.texto);
        assert_eq!(self.cuerpo["status"], estado);
        let id = self.cabecera("x-request-id").expect("falta X-Request-Id");
        assert_eq!(self.cuerpo["id_solicitud"], id);
        for miembro in ["title", "detail"] {
            let texto = self.cuerpo[miembro].as_str().unwrap_or_default();
            assert!(parece_espanol(texto), "{miembro} no está en español: {}", self.texto);
        }
        &self.cuerpo
    }

    /// El problema de un dato: 400 con ese puntero.
    #[track_caller]
    pub fn dato_invalido(&self, puntero: &str) -> &Value {
        let problema = self.problema(400, "cuerpo-invalido");
        assert_eq!(problema["puntero"], puntero, "{}", self.texto);
        assert_eq!(problema.get("error"), None, "{}", self.texto);
        problema
    }

    /// El problema de una regla rota: 400 con `Regla - mensaje` y el puntero del dato.
    #[track_caller]
    pub fn regla_rota(&self, error: &str, puntero: &str) {
        let problema = self.problema(400, "regla-de-negocio");
        assert_eq!(problema["error"], error);
        assert_eq!(problema["puntero"], puntero, "{}", self.texto);
        assert_eq!(problema["detail"], error.split_once(" - ").unwrap().1);
    }

    /// El problema de un parámetro de la consulta.
    #[track_caller]
    pub fn parametro_invalido(&self, parametro: &str) {
        let problema = self.problema(400, "parametro-invalido");
        assert_eq!(problema["parametro"], parametro);
        assert!(problema["detail"].as_str().unwrap().contains(&format!("«{parametro}»")), "{}", self.texto);
    }

    /// La dirección de la página siguiente, si la respuesta tiene un `Link` a ella.
    pub fn siguiente(&self) -> Option<String> {
        let enlace = self.cabecera("link")?;
        let direccion = enlace.strip_prefix('<').and_then(|resto| resto.strip_suffix(">; rel=\"next\""));
        Some(direccion.unwrap_or_else(|| panic!("Link mal formado: {enlace}")).to_owned())
    }
}

/// Que no esté vacío ni tenga palabras que sólo aparecerían en un mensaje ajeno, en inglés.
fn parece_espanol(texto: &str) -> bool {
    const AJENAS: [&str; 12] = [
        "the", "expected", "missing", "invalid", "unknown", "found", "failed", "must", "field", "value", "body", "bad",
    ];
    let en_minusculas = texto.to_lowercase();
    let mut palabras = en_minusculas.split(|c: char| !c.is_alphanumeric());
    !texto.is_empty() && palabras.all(|palabra| !AJENAS.contains(&palabra))
}
