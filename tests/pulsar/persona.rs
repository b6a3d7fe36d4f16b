//! Una persona inconfundible: todo lo que hace con el servicio, también mal, y dónde quedó algo de ella.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;
use uuid::Uuid;

use crate::apoyo::{reserva, resultado};
use crate::comun::BaseDePrueba;
use crate::comun::servicio::{Respuesta, Servicio};

pub const EMAIL: &str = "Zoraida.Q7391@irrepetible.example";
const NOMBRES: &str = "Zoraida Eufrasia";
const APELLIDOS: &str = "Quiñónez-Singularísima";
const CEDULA: &str = "CC-907731846";
const PASSWORD: &str = "clave-Sécreta-55190";
const NACIMIENTO: &str = "1931-08-27";

/// Trozos de sus datos, en minúsculas, que no están por ninguna otra razón.
const RASTROS: [&str; 8] =
    ["zoraida", "quiñónez", "singular", "q7391", "907731846", "creta-55190", NACIMIENTO, "$argon2id$"];

const USUARIOS: &str = "/clientes/usuario";
const SESION: &str = "/clientes/sesion";

/// Qué rastros de la persona hay en un texto.
pub fn rastros(texto: &str) -> Vec<&'static str> {
    let texto = texto.to_lowercase();
    RASTROS.into_iter().filter(|rastro| texto.contains(rastro)).collect()
}

/// Las columnas de cualquier tabla de la base en que hay algo de la persona, como `tabla.columna`.
pub async fn columnas_con_rastros(base: &BaseDePrueba) -> BTreeSet<String> {
    let tablas = "SELECT quote_ident(table_schema) || '.' || quote_ident(table_name) FROM information_schema.tables \
                  WHERE table_type = 'BASE TABLE' AND table_schema NOT IN ('pg_catalog', 'information_schema')";
    let mut conexion = base.conectar().await;
    let tablas: Vec<String> = sqlx::query_scalar(tablas).fetch_all(&mut conexion).await.unwrap();
    assert!(tablas.len() >= 12, "{tablas:?}");
    let mut halladas = BTreeSet::new();
    for tabla in tablas {
        let filas = AssertSqlSafe(format!("SELECT to_jsonb(t) FROM {tabla} t"));
        let filas: Vec<Value> = sqlx::query_scalar(filas).fetch_all(&mut conexion).await.unwrap();
        for (columna, valor) in filas.iter().flat_map(|fila| fila.as_object().unwrap()) {
            if !rastros(&en_claro(valor)).is_empty() {
                halladas.insert(format!("{}.{columna}", tabla.trim_start_matches("public.")));
            }
        }
    }
    halladas
}

/// El texto de un valor; los bytes, que PostgreSQL da como `\x…`, leídos como texto.
fn en_claro(valor: &Value) -> String {
    let Some(hexadecimal) = valor.as_str().and_then(|texto| texto.strip_prefix("\\x")) else {
        return valor.to_string();
    };
    let byte = |par: &[u8]| u8::from_str_radix(str::from_utf8(par).unwrap(), 16).unwrap();
    let bytes: Vec<u8> = hexadecimal.as_bytes().chunks(2).map(byte).collect();
    String::from_utf8_lossy(&bytes).into_owned()
}

fn datos() -> Value {
    json!({"nombres": NOMBRES, "apellidos": APELLIDOS, "email": EMAIL, "password": PASSWORD, "es_empresarial": false,
        "cedula": CEDULA, "fecha_nacimiento": NACIMIENTO})
}

fn con(miembro: &str, valor: Value) -> Value {
    let mut cuerpo = datos();
    cuerpo[miembro] = valor;
    cuerpo
}

/// Un `POST` con `Idempotency-Key`.
async fn post(servicio: &Servicio, ruta: &str, cuerpo: &Value) -> Respuesta {
    let clave = Uuid::new_v4().to_string();
    post_con(servicio, ruta, &clave, cuerpo).await
}

async fn post_con(servicio: &Servicio, ruta: &str, clave: &str, cuerpo: &Value) -> Respuesta {
    servicio.pedir(Method::POST, ruta, |solicitud| solicitud.header("idempotency-key", clave).json(cuerpo)).await
}

/// Lo que se puede hacer mal con sus datos: nada de lo respondido los repite.
async fn equivocarse(servicio: &Servicio) {
    let mut respuestas = Vec::new();
    for cuerpo in [
        datos(),
        con("nombres", format!("{NOMBRES}\u{0}").into()),
        con("apellidos", json!([APELLIDOS])),
        con("email", format!("{NOMBRES} <{EMAIL}>").into()),
        con("email", json!({ EMAIL: EMAIL })),
        con("password", format!("{PASSWORD}\n").into()),
        con("password", PASSWORD.repeat(9).into()),
        con("es_empresarial", NOMBRES.into()),
        con("es_empresarial", true.into()),
        con("cedula", json!({ CEDULA: CEDULA })),
        con("fecha_nacimiento", format!("{NOMBRES} {NACIMIENTO}").into()),
        con("rut", CEDULA.into()),
    ] {
        respuestas.push(post(servicio, USUARIOS, &cuerpo).await);
    }
    let partido = &datos().to_string()[..150];
    respuestas.push(servicio.post_texto(USUARIOS, Some("application/json"), partido).await);
    respuestas.push(servicio.post_texto(USUARIOS, Some("text/plain"), datos().to_string()).await);
    respuestas.push(servicio.post_texto(SESION, Some("application/json"), NOMBRES.repeat(100_000)).await);
    respuestas.push(post(servicio, SESION, &json!({"email": EMAIL, "password": format!("{PASSWORD}x")})).await);
    respuestas.push(post(servicio, SESION, &json!({"email": format!("x{EMAIL}"), "password": PASSWORD})).await);
    let mut ajena = reserva();
    ajena["id_cliente"] = EMAIL.into();
    respuestas.push(post(servicio, "/vuelos/reserva", &ajena).await);
    respuestas.push(post(servicio, "/vuelos/reserva-comando", &ajena).await);
    for ruta in [
        format!("{USUARIOS}?email={NOMBRES}"),
        format!("{USUARIOS}?email=x{EMAIL}"),
        format!("{USUARIOS}?estado={EMAIL}"),
        format!("/vuelos/reserva?id_cliente={EMAIL}"),
        format!("{USUARIOS}/{EMAIL}"),
        format!("/{EMAIL}"),
    ] {
        respuestas.push(servicio.get(&ruta).await);
    }
    for respuesta in respuestas {
        assert!((400..500).contains(&respuesta.estado), "{}", respuesta.texto);
        assert_eq!(rastros(&respuesta.texto), [""; 0], "{}", respuesta.texto);
    }
}

/// Todo lo que una persona puede hacer con el servicio, bien y mal; da su identidad.
pub async fn usarlo_todo(servicio: &Servicio) -> String {
    let clave = Uuid::new_v4().to_string();
    let creada = post_con(servicio, USUARIOS, &clave, &datos()).await.con(201);
    let id = creada["id"].as_str().unwrap().to_owned();
    let repetida = post_con(servicio, USUARIOS, &clave, &datos()).await.estado;
    assert!(matches!(repetida, 201 | 409), "{repetida}");
    equivocarse(servicio).await;
    let ruta = format!("{USUARIOS}/{id}");
    let de_ella = {
        let mut cuerpo = reserva();
        cuerpo["id_cliente"] = id.clone().into();
        cuerpo
    };
    post(servicio, "/vuelos/reserva", &de_ella).await.con(200);
    let aceptada = post(servicio, "/vuelos/reserva-comando", &de_ella).await.con(202);
    assert_eq!(resultado(servicio, aceptada["id_comando"].as_str().unwrap()).await["estado"], "ejecutado");
    post(servicio, SESION, &json!({"email": EMAIL, "password": PASSWORD})).await.con(200);
    post(servicio, &format!("{ruta}/validar"), &json!({"codigo": NOMBRES})).await.problema(400, "codigo-incorrecto");
    servicio.ordenar(&format!("{ruta}/codigo")).await.problema(429, "codigo-reciente");
    let codigo = servicio.codigo_de(&id).await;
    post(servicio, &format!("{ruta}/validar"), &json!({"codigo": codigo})).await.con(200);
    for (ruta, esperados) in [
        (ruta.clone(), 1),
        (format!("{USUARIOS}?email={EMAIL}"), 1),
        (USUARIOS.into(), 1),
        (format!("{ruta}/reservas"), 0),
    ] {
        let leida = servicio.get(&ruta).await;
        assert_eq!((leida.estado, usize::from(!rastros(&leida.texto).is_empty())), (200, esperados), "{ruta}");
    }
    let encargo = |s: reqwest::RequestBuilder| s.header("prefer", "respond-async");
    let encargado = servicio.pedir(Method::POST, &format!("{ruta}/desactivar"), encargo).await.con(202);
    assert_eq!(resultado(servicio, encargado["id_comando"].as_str().unwrap()).await["estado"], "ejecutado");
    post(servicio, "/vuelos/reserva", &de_ella).await.problema(409, "cliente-desactivado");
    let rechazada = post(servicio, "/vuelos/reserva-comando", &de_ella).await.con(202);
    assert_eq!(resultado(servicio, rechazada["id_comando"].as_str().unwrap()).await["estado"], "rechazado");
    id
}
