//! Los binarios de PostgreSQL que publica Maven Central, para quien no lo tiene instalado.

use std::borrow::Cow;
use std::env::consts::{ARCH, OS};
use std::fs::{self, OpenOptions, Permissions};
use std::io::{Cursor, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::unistd::{geteuid, sync};
use sha2::{Digest, Sha256};
use ureq::tls::{RootCerts, TlsConfig};

use super::carpeta::{base_xdg, crear_con_padres, hexadecimal};
use super::errores::{ErrorPostgres, al};

const VERSION: &str = "17.5.0";
/// Versión mayor que se descarga.
pub(super) const MAYOR: u32 = 17;

const REPOSITORIO: &str = "https://repo1.maven.org/maven2/io/zonky/test/postgres";
const PLAZO: Duration = Duration::from_mins(10);
const MAXIMO: u64 = 100 * 1024 * 1024;

struct Paquete {
    sistema: &'static str,
    arquitectura: &'static str,
    nombre: &'static str,
    suma: &'static str,
}

const PAQUETES: [Paquete; 4] = [
    Paquete {
        sistema: "linux",
        arquitectura: "x86_64",
        nombre: "linux-amd64",
        suma: "646f3269075d1a23904127374e3cdbcef96beb32979fedee25d835877400fcbe",
    },
    Paquete {
        sistema: "linux",
        arquitectura: "aarch64",
        nombre: "linux-arm64v8",
        suma: "e02f27ff50ff2d90b6541d54f3f108505aacd84ea53c2890e976a684bfea2752",
    },
    Paquete {
        sistema: "macos",
        arquitectura: "x86_64",
        nombre: "darwin-amd64",
        suma: "fb70f783928e77c3d6ef5ca8ed644f1ac502f740fcfc032a375c8347820f2bdd",
    },
    Paquete {
        sistema: "macos",
        arquitectura: "aarch64",
        nombre: "darwin-arm64v8",
        suma: "e9d3398e10c2ec926395498b03e75ad1a24eeaed82895e756a7e173b202cf6de",
    },
];

/// Da la carpeta `bin` de los binarios descargados; los baja si no estaban ya.
pub(super) fn obtener() -> Result<PathBuf, ErrorPostgres> {
    let base = if geteuid().is_root() { PathBuf::from("/var/cache") } else { base_xdg("XDG_CACHE_HOME", ".cache") };
    let este = PAQUETES.iter().find(|p| p.sistema == OS && p.arquitectura == ARCH);
    let Some(Paquete { nombre, suma, .. }) = este else {
        let url = REPOSITORIO.to_owned();
        let causa = format!("no se publica para {OS} {ARCH}");
        return Err(ErrorPostgres::Descarga { url, causa });
    };
    let artefacto = format!("embedded-postgres-binaries-{nombre}");
    let url = format!("{REPOSITORIO}/{artefacto}/{VERSION}/{artefacto}-{VERSION}.jar");
    obtener_en(&base.join("aeroalpes"), &url, suma)
}

// Baja, comprueba y desempaqueta `url` en `cache`; la carpeta final aparece completa o no aparece.
fn obtener_en(cache: &Path, url: &str, suma: &str) -> Result<PathBuf, ErrorPostgres> {
    let destino = cache.join(format!("postgresql-{VERSION}"));
    let bin = destino.join("bin");
    if bin.is_dir() {
        return Ok(bin);
    }
    crear_con_padres(cache)?;
    // Varios servicios pueden arrancar a la vez: baja uno y los demás esperan a que termine.
    let ruta = destino.with_added_extension("candado");
    let mut opciones = OpenOptions::new();
    let abierto = opciones.write(true).create(true).truncate(false).open(&ruta);
    let candado = abierto.map_err(al("abrir", &ruta))?;
    candado.lock().map_err(al("echar el candado a", &ruta))?;
    if bin.is_dir() {
        return Ok(bin);
    }
    let parcial = destino.with_added_extension("parcial");
    if parcial.exists() {
        fs::remove_dir_all(&parcial).map_err(al("borrar", &parcial))?;
    }
    tracing::info!(%url, destino = %destino.display(), "se descarga PostgreSQL (unos 15 MB)");
    let jar = bajar(url)?;
    comprobar(url, &jar, suma)?;
    desempaquetar(jar, &parcial).map_err(|causa| fallo(url, &*causa))?;
    dar_lectura(&parcial)?;
    // Sin esto, tras un corte de luz la carpeta podría tener su nombre y los archivos vacíos.
    sync();
    fs::rename(&parcial, &destino).map_err(al("crear", &destino))?;
    Ok(bin)
}

fn fallo(url: &str, causa: &dyn std::error::Error) -> ErrorPostgres {
    ErrorPostgres::Descarga { url: url.to_owned(), causa: causa.to_string() }
}

fn bajar(url: &str) -> Result<Vec<u8>, ErrorPostgres> {
    // El verificador de la plataforma respeta SSL_CERT_FILE y las autoridades del sistema.
    let tls = TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build();
    let agente = ureq::Agent::config_builder().tls_config(tls).timeout_global(Some(PLAZO)).build();
    let respuesta = agente.new_agent().get(url).call();
    let mut respuesta = respuesta.map_err(|e| fallo(url, &e))?;
    let cuerpo = respuesta.body_mut().with_config().limit(MAXIMO).read_to_vec();
    cuerpo.map_err(|e| fallo(url, &e))
}

fn comprobar(url: &str, jar: &[u8], suma: &str) -> Result<(), ErrorPostgres> {
    let obtenida = hexadecimal(&Sha256::digest(jar));
    if obtenida == suma {
        return Ok(());
    }
    let (url, esperada) = (url.to_owned(), suma.to_owned());
    Err(ErrorPostgres::SumaIncorrecta { url, esperada, obtenida })
}

// El jar lleva dentro un único tar comprimido con xz.
fn desempaquetar(jar: Vec<u8>, destino: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let mut zip = zip::ZipArchive::new(Cursor::new(jar))?;
    let nombre = zip.file_names().flatten().find(|n| n.ends_with(".txz"));
    let nombre = nombre.map(Cow::into_owned).ok_or("el jar no contiene ningún .txz")?;
    let mut comprimido = Vec::new();
    zip.by_name(&nombre)?.read_to_end(&mut comprimido)?;
    let tar = lzma_rust2::XzReader::new(comprimido.as_slice(), true);
    let mut archivo = tar::Archive::new(tar);
    archivo.set_preserve_permissions(true);
    archivo.unpack(destino)?;
    Ok(())
}

// El servidor puede ejecutarse con otro usuario, y la `umask` del servicio quitarle la lectura.
fn dar_lectura(ruta: &Path) -> Result<(), ErrorPostgres> {
    let datos = fs::symlink_metadata(ruta).map_err(al("examinar", ruta))?;
    if datos.is_symlink() {
        return Ok(());
    }
    let modo = datos.permissions().mode();
    let ejecutable = if modo & 0o100 == 0 { 0 } else { 0o111 };
    let permisos = Permissions::from_mode(modo | 0o444 | ejecutable);
    fs::set_permissions(ruta, permisos).map_err(al("cambiar los permisos de", ruta))?;
    if datos.is_dir() {
        for entrada in fs::read_dir(ruta).map_err(al("leer", ruta))? {
            dar_lectura(&entrada.map_err(al("leer", ruta))?.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod pruebas {
    use std::io::{BufRead, BufReader, Write};
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    // Sirve una vez `cuerpo` por HTTP y da la dirección.
    fn servir(cuerpo: &'static [u8]) -> String {
        let oyente = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/falso.jar", oyente.local_addr().unwrap());
        thread::spawn(move || {
            let (mut conexion, _) = oyente.accept().unwrap();
            let peticion = BufReader::new(&conexion).lines().map(Result::unwrap);
            assert!(peticion.take_while(|linea| !linea.is_empty()).count() > 0);
            write!(conexion, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", cuerpo.len()).unwrap();
            conexion.write_all(cuerpo).unwrap();
        });
        url
    }

    #[test]
    fn rechaza_un_paquete_alterado_sin_dejar_nada() {
        let cache = tempfile::tempdir().unwrap();
        let error = obtener_en(cache.path(), &servir(b"alterado"), PAQUETES[0].suma).unwrap_err();
        assert!(matches!(error, ErrorPostgres::SumaIncorrecta { .. }), "{error}");
        assert!(!cache.path().join("postgresql-17.5.0").exists());
    }

    #[test]
    fn un_paquete_que_no_es_un_jar_se_explica() {
        let cache = tempfile::tempdir().unwrap();
        let suma = "239f59ed55e737c77147cf55ad0c1b030b6d7ee748a7426952f9b852d5a935e5";
        let error = obtener_en(cache.path(), &servir(b"payload"), suma).unwrap_err();
        assert!(matches!(error, ErrorPostgres::Descarga { .. }), "{error}");
        assert!(!cache.path().join("postgresql-17.5.0").exists());
    }
}
