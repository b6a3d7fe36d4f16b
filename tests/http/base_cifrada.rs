//! Un PostgreSQL que sólo se deja usar por TLS, con un certificado que firma una autoridad propia.

use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;

use aeroalpes::seedwork::infraestructura::postgres_embebido::{Acceso, PostgresEmbebido};
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection};
use tempfile::TempDir;

use crate::comun::certificados::{Autoridad, Identidad};
use crate::comun::servicio::ejecutar;

/// El servidor, quien firmó su certificado y la dirección del servicio, sin parámetros.
struct Cifrada {
    servidor: PostgresEmbebido,
    autoridad: Autoridad,
    url: String,
    _carpeta: TempDir,
}

impl Cifrada {
    /// Sólo admite TLS; el certificado es para `127.0.0.1`.
    async fn nueva() -> Self {
        let permisos = PermissionsExt::from_mode(0o755);
        let carpeta = tempfile::Builder::new().permissions(permisos).tempdir().unwrap();
        let puerto = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let servidor = PostgresEmbebido::arrancar(carpeta.path(), Acceso::Tcp { puerto }).await.unwrap();
        let (url, autoridad) = (servidor.url().to_owned(), Autoridad::nueva());
        cifrar(&url, &carpeta.path().join("datos"), &autoridad).await;
        Self { servidor, autoridad, url, _carpeta: carpeta }
    }

    /// Pone al día el esquema por esa conexión: da lo que dijo, y si pudo.
    async fn migrar(&self, url: &str, parametros: &str) -> (bool, String) {
        let url = format!("{url}?{parametros}");
        let fin = ejecutar(&["migrar"], &[("DATABASE_URL", &url)]).await;
        (fin.status.success(), String::from_utf8(fin.stderr).unwrap())
    }
}

async fn cifrar(url: &str, datos: &Path, autoridad: &Autoridad) {
    let opciones: PgConnectOptions = url.parse().unwrap();
    let mut superusuario =
        PgConnection::connect_with(&opciones.username("postgres").database("postgres")).await.unwrap();
    let Identidad { certificado, clave } = autoridad.emitir("127.0.0.1");
    let dueno = std::fs::metadata(datos).unwrap();
    for (origen, nombre) in [(certificado, "server.crt"), (clave, "server.key"), (autoridad.archivo(), "root.crt")] {
        let destino = datos.join(nombre);
        std::fs::copy(origen, &destino).unwrap();
        std::fs::set_permissions(&destino, PermissionsExt::from_mode(0o600)).unwrap();
        chown(&destino, Some(dueno.uid()), Some(dueno.gid())).unwrap();
    }
    let reglas = "local all all scram-sha-256\n\
                  hostssl con_certificado all 127.0.0.1/32 scram-sha-256 clientcert=verify-full\n\
                  hostssl all all 127.0.0.1/32 scram-sha-256\n";
    std::fs::write(datos.join("pg_hba.conf"), reglas).unwrap();
    let sql = "CREATE DATABASE con_certificado OWNER aeroalpes; ALTER SYSTEM SET ssl = on; \
               ALTER SYSTEM SET ssl_ca_file = 'root.crt'; SELECT pg_reload_conf()";
    for sentencia in sql.split("; ") {
        sqlx::raw_sql(sqlx::AssertSqlSafe(sentencia)).execute(&mut superusuario).await.unwrap();
    }
    // Las reglas nuevas valen cuando el servidor las lee: hasta entonces deja entrar sin cifrar.
    let sin_cifrar = format!("{url}?sslmode=disable");
    crate::comun::hasta("que sólo se admita TLS", async || PgConnection::connect(&sin_cifrar).await.is_err()).await;
}

#[tokio::test]
async fn con_verify_full_y_la_autoridad_se_conecta_y_sin_ella_no() {
    let cifrada = Cifrada::nueva().await;
    let (url, de_verdad, otra) = (&cifrada.url, cifrada.autoridad.archivo(), Autoridad::nueva());
    let por_nombre = url.replace("127.0.0.1", "localhost");
    let ajena = otra.archivo();
    for (url, parametros) in [
        (url, format!("sslmode=verify-full&sslrootcert={de_verdad}")),
        (&por_nombre, format!("sslmode=verify-ca&sslrootcert={de_verdad}")),
        (url, "sslmode=require".into()),
        (url, String::new()),
    ] {
        let (bien, dicho) = cifrada.migrar(url, &parametros).await;
        assert!(bien, "{parametros}: {dicho}");
    }
    for (url, parametros, motivo) in [
        (url, format!("sslmode=verify-full&sslrootcert={ajena}"), "no lo firma una autoridad conocida"),
        (url, "sslmode=verify-full".into(), "no lo firma una autoridad conocida"),
        // Como en libpq: dar la autoridad es pedir que se compruebe.
        (url, format!("sslmode=require&sslrootcert={ajena}"), "no lo firma una autoridad conocida"),
        (&por_nombre, format!("sslmode=verify-full&sslrootcert={de_verdad}"), "no es para el nombre"),
        (url, "sslmode=disable".into(), "no encryption"),
    ] {
        let (bien, dicho) = cifrada.migrar(url, &parametros).await;
        assert!(!bien && dicho.contains(motivo), "{parametros}: {dicho}");
    }
    cifrada.servidor.detener().await.unwrap();
}

#[tokio::test]
async fn el_servicio_se_presenta_con_su_certificado_si_se_lo_piden() {
    let cifrada = Cifrada::nueva().await;
    let url = format!("{}/con_certificado", cifrada.url.strip_suffix("/aeroalpes").unwrap());
    let con_autoridad = format!("sslmode=verify-full&sslrootcert={}", cifrada.autoridad.archivo());
    let (bien, dicho) = cifrada.migrar(&url, &con_autoridad).await;
    assert!(!bien && dicho.contains("certificate"), "{dicho}");
    let Identidad { certificado, clave } = cifrada.autoridad.emitir("aeroalpes");
    let (bien, dicho) = cifrada.migrar(&url, &format!("{con_autoridad}&sslcert={certificado}&sslkey={clave}")).await;
    assert!(bien, "{dicho}");
    cifrada.servidor.detener().await.unwrap();
}

#[tokio::test]
async fn a_quien_no_habla_tls_no_se_le_habla_sin_el() {
    let base = crate::comun::BaseDePrueba::vacia().await;
    let url = base.url().replace("sslmode=prefer", "sslmode=require");
    let fin = ejecutar(&["migrar"], &[("DATABASE_URL", &url)]).await;
    let dicho = String::from_utf8(fin.stderr).unwrap();
    assert!(!fin.status.success() && dicho.contains("el servidor no habla TLS"), "{dicho}");
}
