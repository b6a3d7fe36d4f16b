//! Un mensaje ajeno: el largo de su esquema (dos bytes), el esquema y el dato. Con el esquema vacío, el nuestro.

#![no_main]

use std::sync::LazyLock;

use aeroalpes::arranque::contratos;
use aeroalpes::modulos::vuelos::{CrearReserva, PagarReserva};
use aeroalpes::seedwork::infraestructura::mensajeria::comandos::{ComandoIntegracion, Leido, reescribir};
use aeroalpes::seedwork::infraestructura::mensajeria::pulsar::esquema_ajeno;
use apache_avro::Schema;
use libfuzzer_sys::fuzz_target;

static NUESTROS: LazyLock<Vec<Schema>> = LazyLock::new(|| {
    // El mismo límite que pone `arranque`.
    apache_avro::util::max_allocation_bytes(8 * 1024 * 1024);
    contratos().unwrap().into_iter().map(|contrato| contrato.topico.esquema.avro).collect()
});

fuzz_target!(|datos: &[u8]| {
    let Some((largo, resto)) = datos.split_first_chunk() else { return };
    let Some((esquema, dato)) = resto.split_at_checked(usize::from(u16::from_be_bytes(*largo))) else { return };
    let ajeno = if esquema.is_empty() { None } else { Some(esquema_ajeno::leer(esquema)) };
    for nuestro in &*NUESTROS {
        match &ajeno {
            None => atender(dato, nuestro, nuestro),
            Some(Ok(ajeno)) => atender(dato, ajeno, nuestro),
            Some(Err(_)) => {}
        }
    }
});

/// El camino de un mensaje: se lee, se reescribe con nuestro esquema, y de ahí sale el comando.
fn atender(dato: &[u8], escritor: &Schema, nuestro: &Schema) {
    let Ok(leido) = Leido::de(dato, escritor, nuestro) else { return };
    let _ = (leido.texto("id"), leido.texto("type"));
    let Ok(nuestros) = reescribir(nuestro, &leido) else { return };
    let releido = Leido::de(&nuestros, nuestro, nuestro).expect("lo que se guarda se tiene que poder leer");
    let _ = releido.carga::<CrearReserva>().map(CrearReserva::de_carga);
    let _ = releido.carga::<PagarReserva>().map(PagarReserva::de_carga);
}
