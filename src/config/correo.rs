//! Por dónde salen los correos, si salen.

use std::time::Duration;

use percent_encoding::percent_decode_str;
use secrecy::{ExposeSecret, SecretString};
use url::{Host, Url};

use super::ErrorConfig;
use super::lector::{Lector, sin_mostrar};
use crate::modulos::notificaciones::{Cifrado, Credenciales, DatosSmtp, Remitente};

const EN_CLARO: &str = "AEROALPES_SMTP_URL";
const EN_ARCHIVO: &str = "AEROALPES_SMTP_URL_ARCHIVO";
const REMITENTE: &str = "AEROALPES_CORREO_DE";
const AUTORIDADES: &str = "AEROALPES_SMTP_CA";
const UNA_URL: &str = "la dirección de un servidor SMTP: smtps://…, smtp://…?tls=required o, sin cifrar, smtp://…";

/// Lo que dice la dirección del servidor.
struct Servidor {
    nombre: String,
    puerto: u16,
    cifrado: Cifrado,
    credenciales: Option<Credenciales>,
}

/// El correo, si se dice por dónde sale.
///
/// # Errors
/// [`ErrorConfig`] si algo no sirve, o falta de quién son los correos.
pub(super) fn correo(lector: &Lector<'_>) -> Result<Option<DatosSmtp>, ErrorConfig> {
    let plazo: Duration = lector.milisegundos("AEROALPES_CORREO_MS", 60_000)?;
    let esperado = "una dirección, por ejemplo AeroAlpes <reservas@aeroalpes.example>";
    let remitente: Option<Remitente> = lector.valor(REMITENTE, esperado)?;
    let autoridades = lector.texto(AUTORIDADES)?.map(autoridades).transpose()?;
    let Some((variable, url)) = lector.secreto(EN_CLARO, EN_ARCHIVO)? else { return Ok(None) };
    let Servidor { nombre, puerto, cifrado, credenciales } = servidor(variable, url.expose_secret())?;
    let falta = |variable, valor, esperado: &str| ErrorConfig { variable, valor, esperado: esperado.into() };
    let remitente = remitente.ok_or_else(|| falta(REMITENTE, None, esperado))?;
    if let (Some(ruta), Cifrado::Ninguno) = (&autoridades, cifrado) {
        let esperado = "que AEROALPES_SMTP_URL pida TLS: sin él no se comprueba a nadie";
        return Err(falta(AUTORIDADES, Some(ruta.clone()), esperado));
    }
    let autoridades = autoridades.map(Into::into);
    Ok(Some(DatosSmtp { servidor: nombre, puerto, cifrado, credenciales, autoridades, remitente, plazo }))
}

fn servidor(variable: &'static str, texto: &str) -> Result<Servidor, ErrorConfig> {
    let error = |esperado: &str| sin_mostrar(variable, esperado);
    let url = Url::parse(texto).map_err(|_| error(UNA_URL))?;
    let (cifrado, puerto) = match (url.scheme(), url.query()) {
        ("smtps", None) => (Cifrado::Tls, 465),
        ("smtp", None) => (Cifrado::Ninguno, 25),
        ("smtp", Some("tls=required")) => (Cifrado::StartTls, 587),
        _ => return Err(error(UNA_URL)),
    };
    let nombre = match url.host() {
        Some(Host::Domain(nombre)) if !nombre.is_empty() => nombre.to_owned(),
        Some(Host::Ipv4(direccion)) => direccion.to_string(),
        Some(Host::Ipv6(direccion)) => direccion.to_string(),
        _ => return Err(error(UNA_URL)),
    };
    if !matches!(url.path(), "" | "/") || url.fragment().is_some() {
        return Err(error(UNA_URL));
    }
    let credenciales = credenciales(&url).map_err(error)?;
    if credenciales.is_some() && cifrado == Cifrado::Ninguno {
        return Err(error("smtps:// o ?tls=required: una contraseña no se manda sin cifrar"));
    }
    Ok(Servidor { nombre, puerto: url.port().unwrap_or(puerto), cifrado, credenciales })
}

/// Los dos o ninguno, con `%40` en lugar de `@` y como en cualquier URL.
fn credenciales(url: &Url) -> Result<Option<Credenciales>, &'static str> {
    let descodificar = |texto: &str| Some(SecretString::from(percent_decode_str(texto).decode_utf8().ok()?.as_ref()));
    match (url.username(), url.password()) {
        ("", None) => Ok(None),
        ("", Some(_)) | (_, None) => Err("usuario y contraseña, o ninguno de los dos"),
        (usuario, Some(contrasena)) => match (descodificar(usuario), descodificar(contrasena)) {
            (Some(usuario), Some(contrasena)) => Ok(Some(Credenciales { usuario, contrasena })),
            _ => Err("usuario y contraseña en UTF-8"),
        },
    }
}

/// El archivo, si se deja leer y lleva certificados.
fn autoridades(ruta: String) -> Result<String, ErrorConfig> {
    let leido = std::fs::read_to_string(&ruta).ok().filter(|pem| pem.contains("-----BEGIN CERTIFICATE-----"));
    let esperado = "un archivo que se pueda leer, con certificados en formato PEM";
    let error = |valor| ErrorConfig { variable: AUTORIDADES, valor: Some(valor), esperado: esperado.into() };
    if leido.is_some() { Ok(ruta) } else { Err(error(ruta)) }
}

#[cfg(test)]
mod pruebas {
    use super::super::pruebas::leer;
    use super::*;

    const DE: (&str, &str) = (REMITENTE, "AeroAlpes <reservas@aeroalpes.example>");

    fn datos(url: &str) -> DatosSmtp {
        leer(&[(EN_CLARO, url), DE]).ok().unwrap().correo.unwrap()
    }

    #[test]
    fn sin_servidor_no_hay_correo() {
        assert!(leer(&[DE]).ok().unwrap().correo.is_none());
    }

    #[test]
    fn la_direccion_dice_el_servidor_el_puerto_y_como_se_cifra() {
        for (url, servidor, puerto, cifrado) in [
            ("smtp://correo", "correo", 25, Cifrado::Ninguno),
            ("smtp://127.0.0.1:1025/", "127.0.0.1", 1025, Cifrado::Ninguno),
            ("smtp://[::1]:1025", "::1", 1025, Cifrado::Ninguno),
            ("smtp://correo?tls=required", "correo", 587, Cifrado::StartTls),
            ("smtps://correo", "correo", 465, Cifrado::Tls),
            ("smtps://correo:1465", "correo", 1465, Cifrado::Tls),
        ] {
            let datos = datos(url);
            assert_eq!((&*datos.servidor, datos.puerto, datos.cifrado), (servidor, puerto, cifrado), "{url}");
            assert!(datos.credenciales.is_none());
        }
    }

    #[test]
    fn las_credenciales_pueden_llevar_cualquier_simbolo_y_venir_en_un_archivo() {
        let carpeta = tempfile::tempdir().unwrap();
        let archivo = carpeta.path().join("url");
        std::fs::write(&archivo, "smtps://ana%40x.co:a%3Ab%C3%B1@correo\n").unwrap();
        let config = leer(&[(EN_ARCHIVO, archivo.to_str().unwrap()), DE]).ok().unwrap();
        let Credenciales { usuario, contrasena } = config.correo.unwrap().credenciales.unwrap();
        assert_eq!((usuario.expose_secret(), contrasena.expose_secret()), ("ana@x.co", "a:bñ"));
    }

    #[test]
    fn lo_que_no_sirve_detiene_el_arranque_sin_mostrar_la_direccion() {
        for url in [
            "correo:25",
            "http://yo:secreto@correo",
            "smtp://yo:secreto@correo",
            "smtps://yo:secreto@correo?tls=required",
            "smtp://yo:secreto@correo?tls=opportunistic",
            "smtps://yo:secreto@correo/buzon",
            "smtps://secreto@correo",
            "smtps://:secreto@correo",
            "smtps://yo:%ff@correo",
            "smtp://",
        ] {
            let error = leer(&[(EN_CLARO, url), DE]).err().unwrap();
            assert_eq!((error.variable, &error.valor), (EN_CLARO, &None), "{url}");
            assert!(!error.to_string().contains("secreto"), "{error}");
        }
        let error = leer(&[(EN_CLARO, "smtp://correo")]).err().unwrap();
        assert_eq!((error.variable, error.valor), (REMITENTE, None));
        for malo in ["AeroAlpes", "reservas@", "a@b\r\nBcc: c@d"] {
            let error = leer(&[(REMITENTE, malo)]).err().unwrap();
            assert_eq!((error.variable, error.valor.as_deref()), (REMITENTE, Some(malo)));
        }
        let carpeta = tempfile::tempdir().unwrap();
        let archivo = carpeta.path().join("autoridad.pem");
        std::fs::write(&archivo, "-----BEGIN CERTIFICATE-----\n").unwrap();
        for (url, ruta) in [("smtps://correo", "/no/existe"), ("smtp://correo", archivo.to_str().unwrap())] {
            let error = leer(&[(EN_CLARO, url), DE, (AUTORIDADES, ruta)]).err().unwrap();
            assert_eq!((error.variable, error.valor.as_deref()), (AUTORIDADES, Some(ruta)));
        }
    }
}
