//! El cuerpo de una petición: JSON con límites, y errores que nombran el dato.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, StatusCode, header};
use http_body_util::BodyExt;
use serde::de::DeserializeOwned;
use serde_path_to_error::{Path, Segment};
use tokio::time::timeout;

use super::entrada::{Lugar, PEQUENO};
use super::objeto::Objeto;
use super::problema::Problema;
use crate::seedwork::aplicacion::rechazo::Rechazo;
use crate::seedwork::dominio::repositorios::Falla;

/// El cuerpo más grande que se acepta, en bytes.
const MAXIMO: usize = 1024 * 1024;
/// Cuánto puede tardar en llegar un cuerpo aceptable.
const PLAZO: Duration = Duration::from_secs(30);
/// Cuántos niveles de listas y objetos se aceptan.
const NIVELES: usize = 32;

/// Un cuerpo JSON ya interpretado, y tal como llegó.
pub struct Cuerpo<T>(pub T, pub Bytes);

impl<S: Sync, T: DeserializeOwned> FromRequest<S> for Cuerpo<T> {
    type Rejection = Problema;

    async fn from_request(solicitud: Request, _: &S) -> Result<Self, Problema> {
        let (partes, cuerpo) = solicitud.into_parts();
        if !es_json(&partes.headers) {
            return Err(tipo_no_admitido());
        }
        if declara_demasiado(&partes.headers) {
            return Err(demasiado_grande());
        }
        let lugar = partes.extensions.get::<Lugar>();
        let bytes = timeout(PLAZO, leer(cuerpo, lugar)).await.unwrap_or(Err(Lectura::Lenta))?;
        Ok(Self(interpretar(&bytes)?, bytes))
    }
}

fn tipo_no_admitido() -> Problema {
    let detalle = "El cuerpo debe ser JSON en UTF-8, con Content-Type: application/json";
    let estado = StatusCode::UNSUPPORTED_MEDIA_TYPE;
    Problema::nuevo(estado, "tipo-no-admitido", "Tipo de contenido no admitido", detalle)
}

fn demasiado_grande() -> Problema {
    let detalle = format!("El cuerpo admite hasta {MAXIMO} bytes");
    Problema::nuevo(StatusCode::PAYLOAD_TOO_LARGE, "cuerpo-demasiado-grande", "Cuerpo demasiado grande", detalle)
}

/// Por qué no se pudo leer el cuerpo entero.
enum Lectura {
    Cortada,
    Lenta,
    Larga,
    SinLugar(Falla),
}

impl From<Lectura> for Problema {
    fn from(lectura: Lectura) -> Self {
        match lectura {
            Lectura::Cortada => Self::cuerpo_invalido("cuerpo-cortado", "El cuerpo no llegó entero"),
            Lectura::Lenta => {
                let detalle = format!("El cuerpo no llegó en {} s", PLAZO.as_secs());
                Self::nuevo(StatusCode::REQUEST_TIMEOUT, "cuerpo-lento", "El cuerpo tardó demasiado", detalle)
            }
            Lectura::Larga => demasiado_grande(),
            Lectura::SinLugar(falla) => Rechazo::from(&falla).into(),
        }
    }
}

fn es_json(cabeceras: &HeaderMap) -> bool {
    let Some(tipo) = cabeceras.get(header::CONTENT_TYPE).and_then(|tipo| tipo.to_str().ok()) else { return false };
    let mut partes = tipo.split(';').map(|parte| parte.trim().to_ascii_lowercase());
    let tipo = partes.next().unwrap_or_default();
    let es_json = tipo == "application/json" || (tipo.starts_with("application/") && tipo.ends_with("+json"));
    let en_utf8 = |parametro: String| match parametro.split_once('=') {
        Some(("charset", juego)) => matches!(juego.trim_matches('"'), "utf-8" | "utf8"),
        _ => true,
    };
    es_json && partes.all(en_utf8)
}

/// Lee el cuerpo entero; para pasar de pequeño necesita un lugar.
async fn leer(mut cuerpo: Body, lugar: Option<&Lugar>) -> Result<Bytes, Lectura> {
    let mut leido = Vec::new();
    while let Some(trozo) = cuerpo.frame().await {
        let Ok(datos) = trozo.map_err(|_| Lectura::Cortada)?.into_data() else { continue };
        let largo = leido.len() + datos.len();
        if largo > MAXIMO {
            return Err(Lectura::Larga);
        }
        if largo > PEQUENO
            && let Some(lugar) = lugar
        {
            lugar.ocupar().await.map_err(Lectura::SinLugar)?;
        }
        leido.extend_from_slice(&datos);
    }
    Ok(leido.into())
}

fn declara_demasiado(cabeceras: &HeaderMap) -> bool {
    let largo = cabeceras.get(header::CONTENT_LENGTH).and_then(|largo| largo.to_str().ok());
    largo.and_then(|largo| largo.parse::<usize>().ok()).is_some_and(|largo| largo > MAXIMO)
}

fn interpretar<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problema> {
    if niveles(bytes) > NIVELES {
        let detalle = format!("El cuerpo admite hasta {NIVELES} niveles de listas y objetos");
        return Err(Problema::cuerpo_invalido("cuerpo-demasiado-profundo", detalle));
    }
    // Se comprueba entero: serde_json no mira los textos de los miembros que se ignoran.
    let no_es_utf8 = |_| Problema::cuerpo_invalido("json-mal-formado", "El cuerpo no está en UTF-8");
    let texto = str::from_utf8(bytes).map_err(no_es_utf8)?;
    if let Ok(Objeto(valor)) = serde_json::from_str(texto) {
        return Ok(valor);
    }
    // Saber dónde está el error cuesta tanto como leer: sólo se hace si lo hay.
    let mut lector = serde_json::Deserializer::from_str(texto);
    let valor = serde_path_to_error::deserialize::<_, Objeto<T>>(&mut lector).map_err(|error| {
        let (camino, causa) = (error.path().clone(), error.into_inner());
        if causa.is_data() { dato_invalido(&camino, &causa.to_string()) } else { mal_formado(&causa) }
    })?;
    lector.end().map_err(|causa| mal_formado(&causa))?;
    Ok(valor.0)
}

fn mal_formado(causa: &serde_json::Error) -> Problema {
    let detalle = format!("El cuerpo no es JSON válido (línea {}, columna {})", causa.line(), causa.column());
    Problema::cuerpo_invalido("json-mal-formado", detalle)
}

/// Cuántos niveles abre el JSON, sin interpretarlo: los textos no cuentan.
fn niveles(bytes: &[u8]) -> usize {
    let (mut nivel, mut maximo, mut en_texto, mut escapado) = (0_usize, 0, false, false);
    for byte in bytes {
        match (en_texto, byte) {
            (true, _) if escapado => escapado = false,
            (true, b'\\') => escapado = true,
            (_, b'"') => en_texto = !en_texto,
            (false, b'[' | b'{') => {
                nivel += 1;
                maximo = maximo.max(nivel);
            }
            (false, b']' | b'}') => nivel = nivel.saturating_sub(1),
            _ => {}
        }
    }
    maximo
}

/// Explica en español un error de serde y lo señala con un JSON Pointer.
fn dato_invalido(camino: &Path, mensaje: &str) -> Problema {
    let mensaje = mensaje.rsplit_once(" at line ").map_or(mensaje, |(texto, _)| texto);
    let entre_comillas = mensaje.split('`').nth(1).unwrap_or_default();
    let puntero = puntero(camino);
    if mensaje.starts_with("missing field") {
        let puntero = format!("{puntero}/{}", escapar(entre_comillas));
        return Problema::cuerpo_invalido("cuerpo-invalido", format!("Falta el dato {puntero}")).en(puntero);
    }
    if mensaje.starts_with("duplicate field") {
        let puntero = format!("{puntero}/{}", escapar(entre_comillas));
        return Problema::cuerpo_invalido("cuerpo-invalido", format!("El dato {puntero} está repetido")).en(puntero);
    }
    let esperado = mensaje.rsplit_once("expected ").map_or("otro valor", |(_, esperado)| traducir(esperado));
    let donde = if puntero.is_empty() { "El cuerpo".into() } else { format!("El dato {puntero}") };
    Problema::cuerpo_invalido("cuerpo-invalido", format!("{donde} no es válido: se esperaba {esperado}")).en(puntero)
}

/// Lo que serde dice que esperaba; lo que esperan nuestros tipos ya está en español.
fn traducir(esperado: &str) -> &str {
    match esperado {
        "a string" => "un texto",
        "a boolean" => "true o false",
        "a sequence" => "una lista",
        "a map" => "un objeto",
        propio => propio,
    }
}

fn puntero(camino: &Path) -> String {
    let tramo = |segmento: &Segment| match segmento {
        Segment::Seq { index } => format!("/{index}"),
        Segment::Map { key } => format!("/{}", escapar(key)),
        Segment::Enum { variant } => format!("/{}", escapar(variant)),
        Segment::Unknown => String::new(),
    };
    camino.iter().map(tramo).collect()
}

/// RFC 6901, sección 3.
fn escapar(tramo: &str) -> String {
    tramo.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod pruebas {
    use axum::http::HeaderValue;
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    struct Caja {
        #[serde(rename = "a/b~")]
        _nombre: String,
        #[serde(default, rename = "lista")]
        _lista: Vec<bool>,
    }

    fn problema(json: &str) -> (String, String) {
        let problema = serde_json::to_value(interpretar::<Caja>(json.as_bytes()).unwrap_err()).unwrap();
        let miembro = |nombre: &str| problema[nombre].as_str().unwrap_or("sin").to_owned();
        (miembro("puntero"), miembro("detail"))
    }

    #[test]
    fn cada_error_nombra_el_dato_en_espanol() {
        let caso = |json, puntero: &str, detalle: &str| assert_eq!(problema(json), (puntero.into(), detalle.into()));
        caso("null", "", "El cuerpo no es válido: se esperaba un objeto");
        caso("[]", "", "El cuerpo no es válido: se esperaba un objeto");
        caso(r#"["x",[]]"#, "", "El cuerpo no es válido: se esperaba un objeto");
        caso(
            r#"{"a/b~":{"x at line 1":"expected y"}}"#,
            "/a~1b~0",
            "El dato /a~1b~0 no es válido: se esperaba un texto",
        );
        caso("{}", "/a~1b~0", "Falta el dato /a~1b~0");
        caso(r#"{"a/b~":1}"#, "/a~1b~0", "El dato /a~1b~0 no es válido: se esperaba un texto");
        caso(r#"{"a/b~":"","lista":{}}"#, "/lista", "El dato /lista no es válido: se esperaba una lista");
        caso(
            r#"{"a/b~":"","lista":[true,"expected x"]}"#,
            "/lista/1",
            "El dato /lista/1 no es válido: se esperaba true o false",
        );
        caso(r#"{"a/b~":"","a/b~":""}"#, "/a~1b~0", "El dato /a~1b~0 está repetido");
        caso(r#"{"a/b~":"#, "sin", "El cuerpo no es JSON válido (línea 1, columna 8)");
        caso(r#"{"a/b~":""} x"#, "sin", "El cuerpo no es JSON válido (línea 1, columna 13)");
        caso("", "sin", "El cuerpo no es JSON válido (línea 1, columna 0)");
    }

    #[test]
    fn la_profundidad_no_cuenta_los_textos() {
        assert_eq!(niveles(br#"{"a":["[[[","\"[["]}"#), 2);
        let hondo = format!("{}{}", "[".repeat(33), "]".repeat(33));
        assert_eq!(problema(&hondo).1, "El cuerpo admite hasta 32 niveles de listas y objetos");
    }

    #[test]
    fn se_acepta_json_en_utf8_y_sus_variantes() {
        let acepta = |tipo| es_json(&HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(tipo))]));
        for bueno in [
            "application/json",
            "Application/JSON; charset=UTF-8",
            "application/vnd.api+json",
            "application/json;charset=\"utf-8\"",
        ] {
            assert!(acepta(bueno), "{bueno}");
        }
        for malo in ["text/plain", "application/json; charset=latin1", "application/jsonp", "text/json"] {
            assert!(!acepta(malo), "{malo}");
        }
        assert!(!es_json(&HeaderMap::new()));
    }
}
