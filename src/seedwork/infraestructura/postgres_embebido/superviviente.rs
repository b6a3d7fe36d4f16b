//! El servidor que sobrevivió a un kill -9 del servicio anterior: se reconoce y se detiene.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::time::{Instant, sleep};

use super::errores::{ErrorPostgres, al};
use super::postmaster::{PLAZO_INMEDIATO, PLAZO_RAPIDO};

const PAUSA: Duration = Duration::from_millis(10);

/// Deja la carpeta `datos` (canónica) y la de su zócalo sin servidor ni anotaciones que impidan
/// arrancar otro.
pub(super) async fn apartar(datos: &Path, zocalo: &Path) -> Result<(), ErrorPostgres> {
    let anotado = datos.join("postmaster.pid");
    if let Some(pid) = leer_pid(&anotado)? {
        if es_postmaster_de(pid, datos) {
            tracing::warn!(pid, "se detiene un PostgreSQL que sobrevivió a su servicio");
            detener(pid, datos).await?;
        } else if kill(Pid::from_raw(pid), None).is_ok() {
            // Un número reutilizado o un zombi: PostgreSQL los creería vivos y se negaría a
            // arrancar. Su memoria compartida, ligada a la carpeta, sigue impidiendo que haya dos.
            tracing::info!(pid, "postmaster.pid nombra a un proceso ajeno; se borra");
            borrar(&anotado)?;
        }
    }
    // El candado del zócalo anota el mismo proceso, con el mismo engaño.
    for entrada in fs::read_dir(zocalo).map_err(al("leer", zocalo))? {
        borrar(&entrada.map_err(al("leer", zocalo))?.path())?;
    }
    Ok(())
}

fn borrar(ruta: &Path) -> Result<(), ErrorPostgres> {
    match fs::remove_file(ruta) {
        Err(e) if e.kind() != ErrorKind::NotFound => Err(al("borrar", ruta)(e)),
        _ => Ok(()),
    }
}

fn leer_pid(anotado: &Path) -> Result<Option<i32>, ErrorPostgres> {
    match fs::read_to_string(anotado) {
        Ok(texto) => {
            let pid = texto.lines().next().and_then(|l| l.trim().parse().ok());
            Ok(pid.filter(|pid| *pid > 1))
        }
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
        Err(e) => Err(al("leer", anotado)(e)),
    }
}

fn es_postmaster_de(pid: i32, datos: &Path) -> bool {
    let Ok(propietario) = fs::metadata(datos).map(|m| m.uid()) else { return false };
    if Path::new("/proc/self").exists() {
        segun_proc(pid, datos, propietario)
    } else {
        segun_ps(pid, datos, propietario)
    }
}

// El servidor trabaja dentro de su carpeta de datos y es de su dueño; un zombi ya no tiene carpeta.
fn segun_proc(pid: i32, datos: &Path, propietario: u32) -> bool {
    let proceso = Path::new("/proc").join(pid.to_string());
    if fs::metadata(&proceso).map(|m| m.uid()).ok() != Some(propietario) {
        return false;
    }
    match fs::read_link(proceso.join("cwd")) {
        Ok(carpeta) => carpeta == datos,
        // Sin CAP_SYS_PTRACE (un contenedor) root no ve esa carpeta; sí la orden de arranque.
        Err(e) if e.kind() == ErrorKind::PermissionDenied => {
            let orden = fs::read(proceso.join("cmdline")).unwrap_or_default();
            let buscado = datos.as_os_str().as_bytes();
            orden.split(|byte| *byte == 0).any(|argumento| argumento == buscado)
        }
        Err(_) => false,
    }
}

// Donde no hay /proc (macOS); la orden de un zombi tampoco se ve ahí.
fn segun_ps(pid: i32, datos: &Path, propietario: u32) -> bool {
    let mut ps = Command::new("ps");
    let salida = ps.args(["-ww", "-o", "uid=,command=", "-p"]).arg(pid.to_string()).output();
    let Ok(salida) = salida else { return false };
    let texto = String::from_utf8_lossy(&salida.stdout);
    let Some((uid, orden)) = texto.trim().split_once(' ') else { return false };
    uid == propietario.to_string() && orden.contains(&format!("-D {} ", datos.display()))
}

async fn detener(pid: i32, datos: &Path) -> Result<(), ErrorPostgres> {
    for (senal, plazo) in [(Signal::SIGINT, PLAZO_RAPIDO), (Signal::SIGQUIT, PLAZO_INMEDIATO)] {
        if let Err(causa) = kill(Pid::from_raw(pid), senal) {
            tracing::debug!(pid, %causa, "el servidor terminó antes de la señal");
        }
        let limite = Instant::now() + plazo;
        while Instant::now() < limite {
            if !es_postmaster_de(pid, datos) {
                return Ok(());
            }
            sleep(PAUSA).await;
        }
    }
    Err(ErrorPostgres::NoSeDetiene(pid))
}

#[cfg(test)]
mod pruebas {
    use std::process::Stdio;

    use super::*;

    #[test]
    fn sin_proc_se_reconoce_por_la_orden_y_el_usuario() {
        let mut orden = Command::new("sh");
        orden.args(["-c", "read x; exit", "postgres", "-D", "/unos/datos", "-c", "port=1"]);
        let mut proceso = orden.stdin(Stdio::piped()).spawn().unwrap();
        let pid = i32::try_from(proceso.id()).unwrap();
        let yo = nix::unistd::getuid().as_raw();
        assert!(segun_ps(pid, Path::new("/unos/datos"), yo));
        assert!(!segun_ps(pid, Path::new("/unos"), yo));
        assert!(!segun_ps(pid, Path::new("/unos/datos"), yo + 1));
        proceso.kill().unwrap();
        proceso.wait().unwrap();
        assert!(!segun_ps(pid, Path::new("/unos/datos"), yo));
    }
}
