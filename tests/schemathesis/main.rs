//! Schemathesis contra `/spec`: solicitudes hechas del propio documento, buenas y malas, con todas las comprobaciones.
//!
//! `AEROALPES_SCHEMATHESIS` dice con qué Python; `./dev pruebas` lo prepara con lo que pide `requisitos.txt`.

#[path = "../comun/mod.rs"]
mod comun;

use std::process::Stdio;
use std::time::Duration;

use comun::BaseDePrueba;
use comun::servicio::Servicio;
use tokio::process::Command;
use tokio::time::timeout;

/// Lo más que puede durar Schemathesis, también en una máquina ocupada.
const PLAZO: Duration = Duration::from_mins(10);
const CONFIGURACION: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/schemathesis/schemathesis.toml");

/// Una clave de servicio, para el modo cerrado.
const CLAVE: &str = "clave-de-servicio-de-schemathesis-0123";

#[tokio::test]
async fn el_servicio_hace_lo_que_dice_su_especificacion() {
    comprobar(&[], &[]).await;
}

#[tokio::test]
async fn tambien_en_modo_cerrado_y_nadie_pasa_sin_ficha() {
    // Con límites que no se alcancen: aquí no se prueban.
    let entorno = [
        ("AEROALPES_MODO", "cerrado"),
        ("AEROALPES_CLAVE_SERVICIO", CLAVE),
        ("AEROALPES_INTENTOS_DIRECCION", "100000"),
        ("AEROALPES_INTENTOS_CUENTA", "100000"),
    ];
    comprobar(&entorno, &["--header", &format!("Authorization: Bearer {CLAVE}")]).await;
}

async fn comprobar(entorno: &[(&str, &str)], opciones: &[&str]) {
    let python = std::env::var("AEROALPES_SCHEMATHESIS").expect("falta AEROALPES_SCHEMATHESIS: use ./dev pruebas");
    let base = BaseDePrueba::vacia().await;
    let servicio = Servicio::arrancar(&base, entorno).await;
    let carpeta = tempfile::tempdir().unwrap();
    let mut orden = Command::new(python);
    orden.args([
        "-m",
        "schemathesis.cli",
        "--config-file",
        CONFIGURACION,
        "run",
        &format!("http://{}/spec", servicio.direccion()),
    ]);
    orden.args(opciones);
    // En una carpeta suya: deja ahí lo que recuerda de una vez para otra.
    orden.current_dir(carpeta.path()).env("NO_COLOR", "1").kill_on_drop(true);
    orden.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let fin = timeout(PLAZO, orden.output()).await.expect("Schemathesis no terminó").unwrap();
    let dicho = String::from_utf8_lossy(&fin.stdout);
    assert!(fin.status.success(), "{dicho}\n{}", String::from_utf8_lossy(&fin.stderr));
    println!("{}", dicho.lines().rev().take(20).collect::<Vec<_>>().into_iter().rev().collect::<Vec<_>>().join("\n"));
    assert!(!servicio.registros.texto().contains("pánico"), "{}", servicio.registros.texto());
}
