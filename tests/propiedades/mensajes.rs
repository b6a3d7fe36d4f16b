//! Los mensajes: un comando cualquiera va y vuelve, y uno alterado se lee o es un error.

use std::sync::LazyLock;

use aeroalpes::arranque::contratos;
use aeroalpes::modulos::vuelos::{
    Aeropuerto, CrearReserva, IdCliente, IdReserva, Itinerario, Itinerarios, Leg, Odo, Segmento,
};
use aeroalpes::seedwork::infraestructura::mensajeria::comandos::{ComandoIntegracion, Leido, escribir, reescribir};
use aeroalpes::seedwork::infraestructura::mensajeria::pulsar::esquema_ajeno;
use apache_avro::Schema;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use time::OffsetDateTime;
use uuid::Uuid;

/// El esquema de los comandos de reservas, y su texto.
static NUESTRO: LazyLock<(Schema, String)> = LazyLock::new(|| {
    let mut suyos = contratos().unwrap().into_iter().filter(|contrato| contrato.topico.nombre == CrearReserva::TOPICO);
    let esquema = suyos.next().unwrap().topico.esquema;
    (esquema.avro, esquema.json)
});

fn leg() -> impl Strategy<Value = Leg> {
    let aeropuerto = |codigo: &'static str| {
        (codigo, "\\PC{0,20}").prop_map(|(codigo, nombre)| Aeropuerto::nuevo(&codigo, nombre).unwrap())
    };
    // De los años 1 a 9999, en segundos: un mensaje lleva milisegundos.
    let salida = -62_135_596_800_i64..253_402_300_000;
    (aeropuerto("[A-M]{3}"), aeropuerto("[N-Z]{4}"), salida, 1_i64..700).prop_map(|(origen, destino, salida, dura)| {
        let a = |segundos| OffsetDateTime::from_unix_timestamp(segundos).unwrap();
        Leg::nuevo(a(salida), a(salida + dura), origen, destino).unwrap()
    })
}

fn comando() -> impl Strategy<Value = CrearReserva> {
    let segmento = leg().prop_map(|leg| Segmento::nuevo(vec![leg]).unwrap());
    let odo = vec(segmento, 1..3).prop_map(|segmentos| Odo::nuevo(segmentos).unwrap());
    let itinerario = vec(odo, 1..3).prop_map(|odos| Itinerario::nuevo(odos).unwrap());
    (vec(itinerario, 1..3), proptest::option::of(any::<u128>())).prop_map(|(itinerarios, cliente)| CrearReserva {
        id: IdReserva::nueva(),
        id_cliente: cliente.map(|id| IdCliente(Uuid::from_u128(id))),
        itinerarios: Itinerarios::nuevos(itinerarios).unwrap(),
    })
}

fn datos(comando: &CrearReserva) -> Vec<u8> {
    escribir(&NUESTRO.0, Uuid::now_v7(), OffsetDateTime::UNIX_EPOCH, comando).unwrap()
}

/// Lee como lee el servicio: con el esquema de quien escribió, y otra vez con el nuestro. Lo guardado se puede leer.
fn atender(datos: &[u8], escritor: &Schema) -> Option<CrearReserva> {
    let guardado = reescribir(&NUESTRO.0, &Leido::de(datos, escritor, &NUESTRO.0).ok()?).ok()?;
    let leido = Leido::de(&guardado, &NUESTRO.0, &NUESTRO.0).unwrap();
    CrearReserva::de_carga(leido.carga::<CrearReserva>().ok()?).ok()
}

proptest! {
    #[test]
    fn un_comando_cualquiera_va_y_vuelve(comando in comando()) {
        let vuelta = atender(&datos(&comando), &NUESTRO.0).unwrap();
        prop_assert_eq!((vuelta.id, vuelta.id_cliente), (comando.id, comando.id_cliente));
        prop_assert_eq!(vuelta.itinerarios, comando.itinerarios);
    }

    #[test]
    fn un_mensaje_recortado_no_se_lee(comando in comando(), corte in any::<Index>()) {
        let datos = datos(&comando);
        prop_assert!(atender(&datos[..corte.index(datos.len())], &NUESTRO.0).is_none());
    }

    #[test]
    fn un_mensaje_alterado_es_otro_o_ninguno_sin_panico(comando in comando(), cambios in vec(any::<(Index, u8)>(), 1..4)) {
        let mut datos = datos(&comando);
        for (donde, byte) in cambios {
            let donde = donde.index(datos.len());
            datos[donde] = byte;
        }
        if let Some(vuelta) = atender(&datos, &NUESTRO.0) {
            prop_assert!(!vuelta.itinerarios.lista().is_empty());
        }
    }

    #[test]
    fn con_un_esquema_alterado_es_otro_o_ninguno_sin_panico(
        comando in comando(),
        (desde, hasta, nuevo) in any::<(Index, Index, String)>(),
        otro in proptest::sample::select(vec!["long", "null", "string", "bytes", "int", "boolean", "[]", "{}", ""]),
    ) {
        let json = &NUESTRO.1;
        let (desde, hasta) = (desde.index(json.len()), hasta.index(json.len()));
        let alterados = [
            format!("{}{nuevo}{}", &json[..desde.min(hasta)], &json[desde.max(hasta)..]),
            json.replacen("\"string\"", &format!("\"{otro}\""), 1 + desde % 9),
            json.replace("\"long\"", &format!("\"{otro}\"")),
        ];
        for alterado in alterados {
            if let Ok(escritor) = esquema_ajeno::leer(alterado.as_bytes()) {
                atender(&datos(&comando), &escritor);
            }
        }
    }
}
