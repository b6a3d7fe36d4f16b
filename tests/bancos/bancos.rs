//! Micro-bancos del dominio y de los códecs: `cargo bench --bench bancos`.

use std::sync::LazyLock;

use aeroalpes::arranque::contratos;
use aeroalpes::modulos::vuelos::{Aeropuerto, CrearReserva, IdReserva, Itinerario, Itinerarios, Leg, Odo, Segmento};
use aeroalpes::seedwork::dominio::reglas::ReglaRota;
use aeroalpes::seedwork::infraestructura::mensajeria::comandos::{ComandoIntegracion, Leido, escribir, reescribir};
use apache_avro::Schema;
use divan::{Bencher, black_box};
use time::OffsetDateTime;
use time::macros::datetime;
use uuid::Uuid;

fn main() {
    divan::main();
}

/// El esquema con que viaja el comando.
static ESQUEMA: LazyLock<Schema> = LazyLock::new(|| {
    let suyo = contratos().unwrap().into_iter().find(|contrato| contrato.topico.nombre == CrearReserva::TOPICO);
    suyo.unwrap().topico.esquema.avro
});

/// La reserva del tutorial: de Bogotá a Nueva York, y vuelta.
fn itinerarios() -> Result<Itinerarios, ReglaRota> {
    let bogota = Aeropuerto::nuevo("BOG", "El Dorado - Bogotá International Airport (BOG)")?;
    let nueva_york = Aeropuerto::nuevo("JFK", "John F. Kennedy International Airport")?;
    let odo = |salida, llegada, origen, destino| {
        Odo::nuevo(vec![Segmento::nuevo(vec![Leg::nuevo(salida, llegada, origen, destino)?])?])
    };
    let (sale, llega) = (datetime!(2022-11-22 13:10 UTC), datetime!(2022-11-22 15:10 UTC));
    let ida = odo(sale, llega, bogota.clone(), nueva_york.clone())?;
    let vuelta = odo(datetime!(2022-11-30 13:10 UTC), datetime!(2022-11-30 19:40 UTC), nueva_york, bogota)?;
    Itinerarios::nuevos(vec![Itinerario::nuevo(vec![ida, vuelta])?])
}

fn comando() -> CrearReserva {
    CrearReserva { id: IdReserva::nueva(), id_cliente: None, itinerarios: itinerarios().unwrap() }
}

fn datos() -> Vec<u8> {
    escribir(&ESQUEMA, Uuid::now_v7(), OffsetDateTime::UNIX_EPOCH, &comando()).unwrap()
}

#[divan::bench]
fn dominio_construir_itinerarios() -> Result<Itinerarios, ReglaRota> {
    itinerarios()
}

#[divan::bench]
fn avro_escribir_comando(bencher: Bencher) {
    let (comando, id) = (comando(), Uuid::now_v7());
    bencher.bench_local(|| escribir(&ESQUEMA, id, OffsetDateTime::UNIX_EPOCH, black_box(&comando)).unwrap());
}

#[divan::bench]
fn avro_leer_comando(bencher: Bencher) {
    let datos = datos();
    bencher.bench_local(|| {
        let leido = Leido::de(black_box(&datos), &ESQUEMA, &ESQUEMA).unwrap();
        CrearReserva::de_carga(leido.carga::<CrearReserva>().unwrap()).unwrap()
    });
}

#[divan::bench]
fn avro_reescribir_comando(bencher: Bencher) {
    let datos = datos();
    bencher.bench_local(|| {
        let leido = Leido::de(black_box(&datos), &ESQUEMA, &ESQUEMA).unwrap();
        reescribir(&ESQUEMA, &leido).unwrap()
    });
}
