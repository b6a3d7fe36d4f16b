//! Dónde están los datos y cómo se llega a ellos.

use std::path::PathBuf;
use std::str::FromStr;

use secrecy::ExposeSecret;
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use url::Url;

use super::ErrorConfig;
use super::lector::{Lector, sin_mostrar};

/// Los nombres que `sqlx` admite para la autoridad, y los del certificado de cliente y su clave.
const AUTORIDAD: [&str; 3] = ["sslrootcert", "ssl-root-cert", "ssl-ca"];
const CLIENTE: [&str; 4] = ["sslcert", "ssl-cert", "sslkey", "ssl-key"];

/// Dónde están los datos. Sin `Debug`: la dirección puede llevar la contraseña.
pub enum Base {
    /// Un PostgreSQL que otro administra.
    Externa(Box<PgConnectOptions>),
    /// Un PostgreSQL que este servicio arranca, vigila y detiene, con sus datos en esa carpeta.
    Embebida(PathBuf),
}

/// La que diga `DATABASE_URL`; si no, una embebida, en `carpeta` si nadie dice otra.
pub(super) fn base(lector: &Lector<'_>, opcion: Option<String>, carpeta: PathBuf) -> Result<Base, ErrorConfig> {
    if let Some((variable, url)) = lector.secreto("DATABASE_URL", "DATABASE_URL_ARCHIVO")? {
        if let Some(datos) = opcion {
            let esperado = format!("que {variable} no esté definida: sólo la base embebida tiene carpeta");
            return Err(ErrorConfig { variable: "--datos", valor: Some(datos), esperado });
        }
        return Ok(Base::Externa(Box::new(externa(lector, variable, url.expose_secret())?)));
    }
    let datos =
        opcion.map(PathBuf::from).or((lector.entorno)("AEROALPES_DATOS").filter(|v| !v.is_empty()).map(PathBuf::from));
    Ok(Base::Embebida(datos.unwrap_or(carpeta)))
}

fn externa(lector: &Lector<'_>, variable: &'static str, texto: &str) -> Result<PgConnectOptions, ErrorConfig> {
    let error = || sin_mostrar(variable, "una URL de PostgreSQL, por ejemplo postgres://usuario@servidor:5432/base");
    let url = Url::parse(texto).ok().filter(|url| matches!(url.scheme(), "postgres" | "postgresql"));
    let url = url.ok_or_else(error)?;
    // La que no va en la dirección la toma `sqlx` de la variable de libpq.
    let mut con_autoridad = (lector.entorno)("PGSSLROOTCERT").is_some();
    for (nombre, valor) in url.query_pairs() {
        con_autoridad |= AUTORIDAD.contains(&&*nombre);
        let es_archivo = AUTORIDAD.contains(&&*nombre) || CLIENTE.contains(&&*nombre);
        if es_archivo && !valor.trim_start().starts_with("-----BEGIN") && std::fs::File::open(&*valor).is_err() {
            return Err(sin_mostrar(variable, &format!("en {nombre}, un archivo que se pueda leer")));
        }
    }
    let opciones = PgConnectOptions::from_str(texto).map_err(|_| error())?;
    // Como en libpq: dar una autoridad es pedir que se compruebe. `sqlx`, con `require`, no la miraría.
    if con_autoridad && matches!(opciones.get_ssl_mode(), PgSslMode::Require) {
        return Ok(opciones.ssl_mode(PgSslMode::VerifyCa));
    }
    Ok(opciones)
}

#[cfg(test)]
mod pruebas {
    use super::super::pruebas::leer;
    use super::*;

    fn modo(parametros: &str) -> String {
        let url = format!("postgres://x/y?{parametros}");
        let config = leer(&[("DATABASE_URL", &url)]).ok().unwrap();
        let Base::Externa(opciones) = config.base else { panic!("no es externa") };
        format!("{:?}", opciones.get_ssl_mode())
    }

    #[test]
    fn dar_una_autoridad_es_pedir_que_se_compruebe() {
        assert_eq!(modo("sslmode=require"), "Require");
        assert_eq!(modo("sslmode=require&sslrootcert=/dev/null"), "VerifyCa");
        assert_eq!(modo("sslmode=verify-full&sslrootcert=/dev/null"), "VerifyFull");
    }

    #[test]
    fn la_direccion_puede_venir_en_un_archivo() {
        let carpeta = tempfile::tempdir().unwrap();
        let archivo = carpeta.path().join("direccion");
        std::fs::write(&archivo, "postgres://yo:clave@servidor/base\n").unwrap();
        let config = leer(&[("DATABASE_URL_ARCHIVO", archivo.to_str().unwrap())]).ok().unwrap();
        assert!(matches!(config.base, Base::Externa(opciones) if opciones.get_host() == "servidor"));
        let error = leer(&[("DATABASE_URL_ARCHIVO", "/no/existe")]).err().unwrap();
        assert_eq!(
            error.to_string(),
            "DATABASE_URL_ARCHIVO = «/no/existe»: se esperaba un archivo que se pueda leer, con una línea"
        );
    }
}
