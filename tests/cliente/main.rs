//! El cliente de Python que genera `./dev cliente` de `/spec`, y el ejemplo que lo usa, contra el programa.

#[path = "../comun/mod.rs"]
mod comun;

use std::fs;
use std::process::{Output, Stdio};
use std::time::Duration;

use comun::BaseDePrueba;
use comun::servicio::Servicio;
use tempfile::TempDir;
use tokio::process::Command;
use tokio::time::timeout;

/// Lo más que puede durar una orden, también en una máquina ocupada; la primera vez, `./dev cliente` instala el generador.
const PLAZO: Duration = Duration::from_mins(10);

/// Una clave de servicio, para mirar desde fuera en modo cerrado.
const CLAVE: &str = "clave-de-servicio-del-cliente-0123456";

async fn ejecutar(orden: &mut Command) -> Output {
    orden.current_dir(env!("CARGO_MANIFEST_DIR")).env("PYTHONUTF8", "1").kill_on_drop(true).stdin(Stdio::null());
    timeout(PLAZO, orden.output()).await.expect("no terminó").unwrap()
}

/// Lo que escribe una orden que sale bien.
async fn salida(orden: &mut Command) -> String {
    let fin = ejecutar(orden).await;
    let dicho = String::from_utf8(fin.stdout).unwrap();
    assert!(fin.status.success(), "{dicho}\n{}", String::from_utf8_lossy(&fin.stderr));
    dicho
}

/// Genera el cliente y devuelve la carpeta y la orden que ejecuta el ejemplo.
async fn generar(servicio: &Servicio) -> (TempDir, String) {
    let carpeta = tempfile::tempdir().unwrap();
    let mut dev = Command::new("./dev");
    dev.arg("cliente").arg(carpeta.path()).arg(format!("http://{}", servicio.direccion()));
    let orden = salida(&mut dev).await;
    (carpeta, orden)
}

/// Ejecuta el ejemplo y lo compara, línea a línea, con lo que el servicio dice después.
async fn comprobar(entorno: &[(&str, &str)]) {
    let base = BaseDePrueba::vacia().await;
    let servicio = Servicio::arrancar(&base, entorno).await;
    let (_carpeta, orden) = generar(&servicio).await;
    let dicho = salida(Command::new("sh").args(["-c", &orden])).await;

    let con_clave = async |ruta: &str| {
        let clave = |solicitud: reqwest::RequestBuilder| solicitud.bearer_auth(CLAVE);
        servicio.pedir(reqwest::Method::GET, ruta, clave).await.con(200)
    };
    let usuarios = con_clave("/clientes/usuario").await;
    let [usuario] = &usuarios.as_array().unwrap()[..] else { panic!("no hay un solo usuario: {usuarios}") };
    let usuario = usuario["id"].as_str().unwrap();
    let reservas = con_clave(&format!("/clientes/usuario/{usuario}/reservas")).await;
    let [despues, ahora] = &reservas.as_array().unwrap()[..] else { panic!("no hay dos reservas: {reservas}") };
    assert_eq!((&despues["estado"], &ahora["estado"]), (&"pendiente".into(), &"pagada".into()));
    let (despues, ahora) = (despues["id"].as_str().unwrap(), ahora["id"].as_str().unwrap());
    let comando = dicho.lines().find_map(|linea| linea.strip_prefix("comando ")?.strip_suffix(": aceptado"));
    let comando = comando.unwrap_or_else(|| panic!("no dice qué comando se aceptó:\n{dicho}"));
    assert_eq!(con_clave(&format!("/comandos/{comando}")).await["recurso"], format!("/vuelos/reserva/{despues}"));

    let esperado = [
        format!("usuario {usuario}: registrado"),
        format!("reserva {ahora}: creada una vez, pedida dos"),
        format!("comando {comando}: aceptado"),
        format!("comando {comando}: ejecutado, /vuelos/reserva/{despues}"),
        format!("reserva {ahora}: pagada"),
        format!("página: {despues}, pendiente"),
        format!("página: {ahora}, pagada"),
        "problema 400 en /itinerarios/0/odos/0/segmentos/0/legs/0: La ruta propuesta es incorrecta".to_owned(),
    ];
    assert_eq!(dicho.lines().collect::<Vec<_>>(), esperado);
}

#[tokio::test]
async fn el_ejemplo_hace_lo_que_dice() {
    comprobar(&[]).await;
}

#[tokio::test]
async fn tambien_en_modo_cerrado() {
    comprobar(&[("AEROALPES_MODO", "cerrado"), ("AEROALPES_CLAVE_SERVICIO", CLAVE)]).await;
}

#[tokio::test]
async fn el_cliente_tiene_todas_las_operaciones() {
    let base = BaseDePrueba::vacia().await;
    let servicio = Servicio::arrancar(&base, &[]).await;
    let (carpeta, _) = generar(&servicio).await;
    let etiquetas = fs::read_dir(carpeta.path().join("aeroalpes/api")).unwrap().map(|entrada| entrada.unwrap().path());
    let etiquetas: Vec<_> = etiquetas.filter(|ruta| ruta.is_dir()).collect();
    let rutas = servicio.especificacion()["paths"].as_object().unwrap().values();
    for operacion in rutas.flat_map(|operaciones| operaciones.as_object().unwrap().values()) {
        let nombre = format!("{}.py", operacion["operationId"].as_str().unwrap());
        assert!(etiquetas.iter().any(|etiqueta| etiqueta.join(&nombre).exists()), "falta {nombre}");
    }
}
