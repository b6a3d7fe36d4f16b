//! `docs/anadir-un-comando.md`, seguida al pie de la letra en una copia del proyecto.

mod pasos;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use pasos::{Paso, archivos, leer};

const RAIZ: &str = env!("CARGO_MANIFEST_DIR");
const TRES_ARCHIVOS: &str = "Los tres archivos";

fn guia() -> Vec<Paso> {
    leer(&fs::read_to_string(Path::new(RAIZ).join("docs/anadir-un-comando.md")).unwrap())
}

/// Copia una carpeta; ni lo oculto ni lo que construye cargo.
fn copiar(de: &Path, a: &Path) {
    fs::create_dir_all(a).unwrap();
    for entrada in fs::read_dir(de).unwrap() {
        let entrada = entrada.unwrap();
        let (origen, destino) = (entrada.path(), a.join(entrada.file_name()));
        if entrada.file_name().to_string_lossy().starts_with('.') || origen.join("CACHEDIR.TAG").exists() {
            continue;
        }
        if entrada.file_type().unwrap().is_dir() {
            copiar(&origen, &destino);
        } else if entrada.file_type().unwrap().is_file() {
            fs::copy(origen, destino).unwrap();
        }
    }
}

/// Una copia del proyecto. Siempre en el mismo lugar, y con lo ya compilado de la corrida: sólo se compila lo nuestro.
fn copia() -> PathBuf {
    let raiz = Path::new(env!("CARGO_TARGET_TMPDIR")).join("guia");
    if raiz.exists() {
        fs::remove_dir_all(&raiz).unwrap();
    }
    copiar(Path::new(RAIZ), &raiz);
    raiz
}

/// Ejecuta en la copia la prueba que la guía enseña a escribir.
fn probar(raiz: &Path) {
    let destino = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let mut orden = Command::new(env!("CARGO"));
    orden.args(["test", "--offline", "--locked", "--lib", "vender_reserva"]);
    let fin = orden.current_dir(raiz).env("CARGO_TARGET_DIR", destino).output().unwrap();
    let dicho = String::from_utf8_lossy(&fin.stdout);
    assert!(fin.status.success(), "{dicho}\n{}", String::from_utf8_lossy(&fin.stderr));
    assert!(dicho.contains("1 passed"), "no se ejecutó la prueba de la guía:\n{dicho}");
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
    let (primera, segunda): (Vec<_>, Vec<_>) = guia.iter().partition(|paso| paso.seccion == TRES_ARCHIVOS);
    assert!(!segunda.is_empty(), "falta la parte del bus");
    for parte in [primera, segunda] {
        parte.iter().for_each(|paso| paso.dar(&raiz));
        probar(&raiz);
    }
}
