//! Propiedades de la configuración: ningún valor la hace entrar en pánico, y lo que no sirve se dice sin decir secretos.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use proptest::collection::vec;
use proptest::prelude::*;

use super::{Config, ErrorConfig, Opciones};

/// Las variables que no admiten cualquier valor, con uno que no admiten.
const CON_VALOR_MALO: [(&str, &str); 50] = [
    ("DATABASE_URL", "mysql://yo:secreto@x/y"),
    ("DATABASE_URL_ARCHIVO", "/no/existe"),
    ("AEROALPES_ESCUCHA", "localhost"),
    ("AEROALPES_MODO", "entornado"),
    ("AEROALPES_ABIERTO_EN_RED", "quizás"),
    ("AEROALPES_CLAVE_SERVICIO", "secreto"),
    ("AEROALPES_CLAVE_SERVICIO_ARCHIVO", "/no/existe"),
    ("AEROALPES_FICHA_S", "0"),
    ("AEROALPES_ROTACION_S", "1h"),
    ("AEROALPES_INTENTOS_DIRECCION", "0"),
    ("AEROALPES_INTENTOS_CUENTA", "muchos"),
    ("AEROALPES_INTERMEDIARIOS", "11"),
    ("AEROALPES_CONEXIONES", "1001"),
    ("AEROALPES_CONEXIONES_LECTURA", "0"),
    ("AEROALPES_ORDENES", "0"),
    ("AEROALPES_ACEPTACIONES", "0"),
    ("AEROALPES_CONSULTAS", "10001"),
    ("AEROALPES_EN_ESPERA", "-1"),
    ("AEROALPES_FLUJOS", "0"),
    ("AEROALPES_TURNO_MS", "0"),
    ("AEROALPES_LOCK_TIMEOUT_MS", "5s"),
    ("AEROALPES_SENTENCIA_MS", "0"),
    ("AEROALPES_ORDEN_MS", "3600001"),
    ("AEROALPES_TRANSACCION_OCIOSA_MS", "1.5"),
    ("AEROALPES_CIERRE_MS", "-1"),
    ("AEROALPES_CODIGO_S", "0"),
    ("AEROALPES_GUARDAR_RECIBIDOS_DIAS", "7"),
    ("AEROALPES_GUARDAR_RESULTADOS_DIAS", "7"),
    ("AEROALPES_GUARDAR_HISTORIAS_DIAS", "0"),
    ("AEROALPES_GUARDAR_PUBLICADOS_DIAS", "x"),
    ("AEROALPES_GUARDAR_DESCARTADAS_DIAS", "-1"),
    ("AEROALPES_GUARDAR_CLAVES_DIAS", "8"),
    ("AEROALPES_GUARDAR_CORREOS_DIAS", "0"),
    ("AEROALPES_SMTP_URL", "smtp://yo:secreto@x"),
    ("AEROALPES_SMTP_URL_ARCHIVO", "/no/existe"),
    ("AEROALPES_SMTP_CA", "/no/existe"),
    ("AEROALPES_CORREO_DE", "nadie"),
    ("AEROALPES_CORREO_MS", "0"),
    ("PULSAR_URL", "http://yo:secreto@x"),
    ("PULSAR_TOKEN", "un secreto"),
    ("PULSAR_TOKEN_ARCHIVO", "/no/existe"),
    ("PULSAR_TLS_CA", "/no/existe"),
    ("PULSAR_ADDRESS", "servidor:6650"),
    ("BROKER_HOST", "dos palabras"),
    ("AEROALPES_BUS", "kafka"),
    ("AEROALPES_ROLES", "api,web"),
    ("AEROALPES_PARTICIONES", "-1"),
    ("PULSAR_ADMIN_URL", "ftp://yo:secreto@x"),
    ("AEROALPES_PULSAR_ESPACIO", "default"),
    ("AEROALPES_POSTGRES_DESCARGA", "quizás"),
];
/// Las que admiten cualquiera: son carpetas, y se sabe si sirven al usarlas.
const CARPETAS: [&str; 1] = ["AEROALPES_DATOS"];

/// Las que sólo se leen si se dice dónde está Pulsar, además de las de la ficha y las autoridades.
const CON_BROKER: [&str; 2] = ["PULSAR_ADMIN_URL", "AEROALPES_PULSAR_ESPACIO"];
/// Con qué se llega a Pulsar: sin esto, lo suyo no se lee.
const CON_PULSAR: (&str, &str) = ("PULSAR_URL", "pulsar+ssl://b:6651");

fn leer(nombre: &str, valor: &OsStr) -> Result<Config, ErrorConfig> {
    let es_de_pulsar = nombre.starts_with("PULSAR_T") || CON_BROKER.contains(&nombre);
    let entorno = |pedida: &str| match pedida {
        _ if pedida == nombre => Some(valor.to_owned()),
        _ if es_de_pulsar && pedida == CON_PULSAR.0 => Some(CON_PULSAR.1.into()),
        _ => None,
    };
    Config::leer(&entorno, Opciones::default(), PathBuf::from("/datos"))
}

#[test]
fn la_tabla_de_valores_malos_las_tiene_todas() {
    let leidas = RefCell::new(BTreeSet::new());
    for con_pulsar in [false, true] {
        let entorno = |nombre: &str| {
            leidas.borrow_mut().insert(nombre.to_owned());
            (con_pulsar && nombre == CON_PULSAR.0).then(|| CON_PULSAR.1.into())
        };
        assert!(Config::leer(&entorno, Opciones::default(), PathBuf::new()).is_ok());
    }
    let leidas = leidas.into_inner();
    let conocidas = CON_VALOR_MALO.iter().map(|(nombre, _)| *nombre).chain(CARPETAS).map(str::to_owned);
    assert_eq!(leidas, conocidas.collect::<BTreeSet<_>>());
    for nombre in &leidas {
        assert!(include_str!("../../README.md").contains(&format!("`{nombre}`")), "{nombre} no está en el README");
    }
}

#[test]
fn cada_variable_con_un_valor_malo_se_nombra() {
    for (nombre, valor) in CON_VALOR_MALO {
        let error = leer(nombre, valor.as_ref()).err().unwrap_or_else(|| panic!("{nombre} = {valor} se aceptó"));
        assert!(error.variable == nombre && error.to_string().starts_with(nombre), "{error}");
        assert!(!error.to_string().contains("secreto"), "{error}");
    }
}

proptest! {
    #[test]
    fn un_valor_cualquiera_sirve_o_se_dice_de_que_variable_es(
        (nombre, _) in proptest::sample::select(CON_VALOR_MALO.to_vec()),
        valor in prop_oneof![vec(any::<u8>(), 0..20), "[0-9]{1,8}|\\PC{0,20}".prop_map(String::into_bytes)],
    ) {
        if let Err(error) = leer(nombre, &OsString::from_vec(valor)) {
            prop_assert!(error.to_string().contains(nombre), "{}", error);
        }
    }

    #[test]
    fn una_contrasena_no_sale_en_el_error(
        nombre in proptest::sample::select(vec!["DATABASE_URL", "PULSAR_URL", "AEROALPES_SMTP_URL"]),
        esquema in "(postgres|pulsar|smtps?|http|mysql)(://|:)?",
        resto in "[@:/?#%x\\[\\] ]{0,12}",
    ) {
        let url = format!("{esquema}yo:s3creto{resto}");
        if let Err(error) = leer(nombre, url.as_ref()) {
            prop_assert!(!error.to_string().contains("s3creto"), "{}", error);
        }
    }
}
