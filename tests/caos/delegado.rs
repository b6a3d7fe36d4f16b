//! Un delegado de red (*proxy*) entre una instancia y un servicio: pasa los bytes, los congela, corta o rechaza.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::procesos::puerto_libre;
use crate::Fallo;

/// Qué hace la red.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Modo {
    /// Lleva los bytes.
    Pasa,
    /// No lleva nada y no lo dice: lo enviado espera.
    Congela,
    /// No admite conexiones, y corta las que había.
    Rechaza,
}

#[derive(Debug, Clone, Copy)]
struct Estado {
    modo: Modo,
    /// Crece con cada corte: las conexiones de antes mueren.
    epoca: u64,
}

/// El delegado. Al soltarlo deja de atender.
pub struct Delegado {
    /// Dónde atiende, en 127.0.0.1.
    pub puerto: u16,
    estado: Arc<watch::Sender<Estado>>,
    tarea: JoinHandle<()>,
}

impl Delegado {
    /// Un delegado de ese puerto de 127.0.0.1.
    ///
    /// Un bróker de Pulsar dice en qué dirección atiende cada tópico, y es la suya: donde la diga se pone la del
    /// delegado, que tiene las mismas cifras.
    pub fn de(destino: u16) -> Result<Self, Fallo> {
        let puerto = puerto_libre()?;
        let (estado, _) = watch::channel(Estado { modo: Modo::Pasa, epoca: 0 });
        let estado = Arc::new(estado);
        let direccion = |puerto: u16| format!("pulsar://127.0.0.1:{puerto}").into_bytes();
        let cambio = Arc::new((direccion(destino), direccion(puerto)));
        let tarea = tokio::spawn(atender(puerto, destino, Arc::clone(&estado), cambio));
        Ok(Self { puerto, estado, tarea })
    }

    /// Cambia lo que hace la red.
    pub fn poner(&self, modo: Modo) {
        self.estado.send_modify(|estado| {
            estado.modo = modo;
            estado.epoca += u64::from(modo == Modo::Rechaza);
        });
    }

    /// Corta las conexiones que hay; admite otras.
    pub fn cortar(&self) {
        self.estado.send_modify(|estado| estado.epoca += 1);
    }
}

impl Drop for Delegado {
    fn drop(&mut self) {
        self.tarea.abort();
    }
}

type Cambio = Arc<(Vec<u8>, Vec<u8>)>;

async fn atender(puerto: u16, destino: u16, estado: Arc<watch::Sender<Estado>>, cambio: Cambio) {
    let mut vista = estado.subscribe();
    loop {
        if vista.wait_for(|estado| estado.modo != Modo::Rechaza).await.is_err() {
            return;
        }
        let escucha = match TcpListener::bind(("127.0.0.1", puerto)).await {
            Ok(escucha) => escucha,
            Err(causa) => {
                eprintln!("caos: el delegado no puede atender en {puerto}: {causa}");
                sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        // Con el puerto cerrado, quien conecte recibe un rechazo del sistema.
        let mut rechazar = estado.subscribe();
        let aceptar = async {
            while let Ok((cliente, _)) = escucha.accept().await {
                tokio::spawn(llevar(cliente, destino, estado.subscribe(), Arc::clone(&cambio)));
            }
        };
        tokio::select! {
            () = aceptar => {}
            _ = rechazar.wait_for(|estado| estado.modo == Modo::Rechaza) => {}
        }
    }
}

/// Lleva una conexión hasta que alguien la cierre o la corte.
async fn llevar(cliente: TcpStream, destino: u16, mut estado: watch::Receiver<Estado>, cambio: Cambio) {
    let epoca = estado.borrow().epoca;
    let cortada = {
        let mut estado = estado.clone();
        async move { estado.wait_for(|estado| estado.epoca != epoca).await.is_ok() }
    };
    let conexion = async {
        estado.wait_for(|estado| estado.modo != Modo::Congela).await.ok()?;
        let servidor = TcpStream::connect(("127.0.0.1", destino)).await.ok()?;
        let (de_cliente, a_cliente) = cliente.into_split();
        let (de_servidor, a_servidor) = servidor.into_split();
        tokio::select! {
            () = copiar(de_cliente, a_servidor, estado.clone(), None) => {}
            () = copiar(de_servidor, a_cliente, estado.clone(), Some(cambio)) => {}
        }
        Some(())
    };
    tokio::select! {
        _ = conexion => {}
        _ = cortada => {}
    }
}

async fn copiar(
    mut de: OwnedReadHalf,
    mut a: OwnedWriteHalf,
    mut estado: watch::Receiver<Estado>,
    cambio: Option<Cambio>,
) {
    let mut bytes = vec![0; 32 * 1024];
    while let Ok(leidos @ 1..) = de.read(&mut bytes).await {
        let tramo = &mut bytes[..leidos];
        if let Some(cambio) = &cambio {
            sustituir(tramo, &cambio.0, &cambio.1);
        }
        if estado.wait_for(|estado| estado.modo != Modo::Congela).await.is_err() || a.write_all(tramo).await.is_err() {
            return;
        }
    }
}

/// Una respuesta de búsqueda ocupa menos que un tramo y llega entera: no hace falta buscar entre dos.
fn sustituir(tramo: &mut [u8], antes: &[u8], despues: &[u8]) {
    let mut desde = 0;
    while let Some(lugar) = tramo[desde..].windows(antes.len()).position(|ventana| ventana == antes) {
        let lugar = desde + lugar;
        tramo[lugar..lugar + antes.len()].copy_from_slice(despues);
        desde = lugar + antes.len();
    }
}
