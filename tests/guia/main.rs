//! `docs/anadir-un-comando.md`, seguida al pie de la letra en una copia del proyecto.

mod pasos;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use pasos::{Paso, archivos, leer};

const RAIZ: &str = env!("CARGO_MANIFEST_DIR");
const TRES_ARCHIVOS: &str = "Los tres archivos";

fn guia() -> Vec<Paso> {
    leer(&fs::read_to_string(Path::new(RAIZ).join("docs/anadir-un-comando.md")).unwrap())
}

/// Lo que hace falta para compilar el proyecto. Sólo esto: lo construido puede estar en cualquier carpeta, y ocupa.
const FUENTES: [&str; 7] = ["Cargo.toml", "Cargo.lock", "README.md", "docs", "migrations", "src", "tests"];

fn copiar(de: &Path, a: &Path) {
    if !de.is_dir() {
        fs::copy(de, a).unwrap();
        return;
    }
    fs::create_dir_all(a).unwrap();
    for entrada in fs::read_dir(de).unwrap() {
        let nombre = entrada.unwrap().file_name();
        copiar(&de.join(&nombre), &a.join(nombre));
    }
}

/// Una copia del proyecto. Siempre en el mismo lugar, y con lo ya compilado de la corrida: sólo se compila lo nuestro.
fn copia() -> PathBuf {
    let raiz = Path::new(env!("CARGO_TARGET_TMPDIR")).join("guia");
    if raiz.exists() {
        fs::remove_dir_all(&raiz).unwrap();
    }
    fs::create_dir_all(&raiz).unwrap();
    for nombre in FUENTES {
        copiar(&Path::new(RAIZ).join(nombre), &raiz.join(nombre));
    }
    raiz
}

fn dar(pasos: &[&Paso], raiz: &Path) {
    for paso in pasos {
        paso.dar(raiz);
    }
}

/// Ejecuta cargo en la copia, y devuelve lo que dijo si salió bien.
fn cargo(raiz: &Path, orden: &[&str]) -> String {
    let destino = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let mut cargo = Command::new(env!("CARGO"));
    // Lo que cargo dice de este paquete a esta prueba haría recompilar a `ring`, y con él media biblioteca.
    for (nombre, _) in env::vars_os().filter(|(nombre, _)| nombre.to_string_lossy().starts_with("CARGO_PKG_")) {
        cargo.env_remove(nombre);
    }
    cargo.env_remove("CARGO_MANIFEST_DIR").env_remove("CARGO_MANIFEST_PATH").env("CARGO_TARGET_DIR", destino);
    cargo.args(orden).args(["--offline", "--locked"]).current_dir(raiz);
    let fin = cargo.output().unwrap();
    let dicho = String::from_utf8_lossy(&fin.stdout).into_owned();
    assert!(fin.status.success(), "cargo {orden:?}:\n{dicho}\n{}", String::from_utf8_lossy(&fin.stderr));
    dicho
}

#[test]
fn la_primera_parte_toca_tres_archivos_y_solo_uno_es_nuevo() {
    let guia = guia();
    let tocados = archivos(guia.iter().filter(|paso| paso.seccion == TRES_ARCHIVOS));
    assert_eq!(tocados.len(), 3, "{tocados:?}");
    let nuevos: Vec<_> = tocados.iter().filter(|archivo| !Path::new(RAIZ).join(archivo).exists()).collect();
    assert_eq!(nuevos.len(), 1, "{nuevos:?}");
}

#[test]
fn quien_sigue_la_guia_tiene_un_comando_que_funciona() {
    let (guia, raiz) = (guia(), copia());
    let (primera, segunda): (Vec<&Paso>, Vec<&Paso>) = guia.iter().partition(|paso| paso.seccion == TRES_ARCHIVOS);
    assert!(!segunda.is_empty(), "falta la parte del bus");
    dar(&primera, &raiz);
    let dicho = cargo(&raiz, &["test", "--lib", "vender_reserva"]);
    assert!(dicho.contains("1 passed"), "no se ejecutó la prueba de la guía:\n{dicho}");
    // Ejecutarla otra vez costaría el doble: que lo del bus encaja lo dice el compilador.
    dar(&segunda, &raiz);
    cargo(&raiz, &["check", "--lib"]);
}
