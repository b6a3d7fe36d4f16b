//! La salida de los registros: las líneas se juntan en memoria y un hilo las escribe, muchas por llamada al sistema.

use std::io::{self, Write};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use tracing_subscriber::fmt::MakeWriter;

/// Cuánto se esperan más líneas después de escribir las que había. Es también lo más que una línea tarda en salir.
const PAUSA: Duration = Duration::from_millis(10);
/// Lo más que se guarda por escribir, en bytes: si nadie lee la salida, se pierden líneas antes que solicitudes.
const MAXIMO: usize = 8 * 1024 * 1024;
/// Lo que se conserva entre dos escrituras, en bytes.
const HABITUAL: usize = 64 * 1024;
/// Al terminar, cuánto se espera a que salga lo que falte.
const PLAZO_CIERRE: Duration = Duration::from_secs(1);

/// Adonde van las líneas. Escribir en ella nunca espera a quien las lee.
#[derive(Clone)]
pub struct Salida(Arc<Compartido>);

struct Compartido {
    lineas: Mutex<Lineas>,
    hay: Condvar,
}

#[derive(Default)]
struct Lineas {
    pendientes: Vec<u8>,
    cerrada: bool,
}

/// Al soltarla se escribe lo que falte, con plazo.
pub struct Guarda {
    salida: Salida,
    terminado: Receiver<()>,
}

impl Salida {
    /// Una salida cuyas líneas van a parar a `destino`.
    ///
    /// # Errors
    /// Si el sistema no da otro hilo.
    pub fn hacia(destino: impl Write + Send + 'static) -> io::Result<(Self, Guarda)> {
        let salida = Self(Arc::new(Compartido { lineas: Mutex::default(), hay: Condvar::new() }));
        let (al_terminar, terminado) = channel();
        let de_quien_escribe = salida.clone();
        thread::Builder::new().name("registros".into()).spawn(move || {
            de_quien_escribe.vaciar(destino);
            drop(al_terminar);
        })?;
        Ok((salida.clone(), Guarda { salida, terminado }))
    }

    fn vaciar(&self, mut destino: impl Write) {
        let mut lote = Vec::new();
        loop {
            let mut lineas = self.lineas();
            while lineas.pendientes.is_empty() && !lineas.cerrada {
                lineas = self.0.hay.wait(lineas).unwrap_or_else(PoisonError::into_inner);
            }
            std::mem::swap(&mut lineas.pendientes, &mut lote);
            let cerrada = lineas.cerrada;
            drop(lineas);
            // Si la salida no admite más no hay dónde decirlo.
            destino.write_all(&lote).and_then(|()| destino.flush()).ok();
            if cerrada {
                return;
            }
            lote.clear();
            lote.shrink_to(HABITUAL);
            thread::sleep(PAUSA);
        }
    }

    fn lineas(&self) -> MutexGuard<'_, Lineas> {
        self.0.lineas.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Write for &Salida {
    fn write(&mut self, linea: &[u8]) -> io::Result<usize> {
        let mut lineas = self.lineas();
        let era_la_primera = lineas.pendientes.is_empty();
        if lineas.pendientes.len() + linea.len() <= MAXIMO {
            lineas.pendientes.extend_from_slice(linea);
        }
        drop(lineas);
        if era_la_primera {
            self.0.hay.notify_one();
        }
        Ok(linea.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Salida {
    type Writer = &'a Self;

    fn make_writer(&'a self) -> Self::Writer {
        self
    }
}

impl Drop for Guarda {
    fn drop(&mut self) {
        self.salida.lineas().cerrada = true;
        self.salida.0.hay.notify_one();
        self.terminado.recv_timeout(PLAZO_CIERRE).ok();
    }
}

#[cfg(test)]
mod pruebas {
    use std::sync::mpsc::{SyncSender, sync_channel};

    use super::*;

    /// Un destino que no admite más de lo que cabe en su cola hasta que alguien tome lo escrito.
    struct Atascado(SyncSender<Vec<u8>>);

    impl Write for Atascado {
        fn write(&mut self, datos: &[u8]) -> io::Result<usize> {
            self.0.send(datos.to_vec()).map_err(io::Error::other)?;
            Ok(datos.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn las_lineas_salen_enteras_en_orden_y_juntas_y_al_cerrar_no_falta_ninguna() {
        let (destino, escrito) = sync_channel(2_000);
        let (salida, guarda) = Salida::hacia(Atascado(destino)).unwrap();
        let lineas: Vec<_> = (0..1_000).map(|n| format!("línea {n}\n")).collect();
        for linea in &lineas {
            (&salida).write_all(linea.as_bytes()).unwrap();
        }
        drop(guarda);
        let escrituras: Vec<_> = escrito.try_iter().collect();
        assert_eq!(String::from_utf8(escrituras.concat()).unwrap(), lineas.concat());
        assert!(escrituras.len() < lineas.len() / 4, "en {} escrituras", escrituras.len());
    }

    #[test]
    fn si_nadie_lee_se_pierden_lineas_y_nadie_espera() {
        let (destino, _escrito) = sync_channel(0);
        let (salida, _guarda) = Salida::hacia(Atascado(destino)).unwrap();
        let linea = vec![b'x'; 1024 * 1024];
        for _ in 0..32 {
            (&salida).write_all(&linea).unwrap();
        }
        assert!(salida.lineas().pendientes.len() <= MAXIMO);
    }
}
