//! Con TLS: a quien no prueba ser quien dice no se le manda nada.

use crate::apoyo::{Sumidero, correos, esperar_desenlace, registrar, servicio};
use crate::comun::BaseDePrueba;
use crate::comun::certificados::Autoridad;

const ACCESO: &str = "aeroalpes:una-clave-de-correo";

async fn con_certificado(autoridad: &Autoridad) -> Sumidero {
    let identidad = autoridad.emitir("localhost");
    Sumidero::con(&["--certificado", &identidad.certificado, "--clave", &identidad.clave, "--acceso", ACCESO]).await
}

fn url(sumidero: &Sumidero, servidor: &str, acceso: &str) -> String {
    format!("smtp://{acceso}@{servidor}:{}?tls=required", sumidero.puerto)
}

#[tokio::test]
async fn por_starttls_llega_cifrado_y_con_credenciales() {
    let (base, autoridad) = (BaseDePrueba::vacia().await, Autoridad::nueva());
    let (sumidero, archivo) = (con_certificado(&autoridad).await, autoridad.archivo());
    let url = autoridad.escribir("url", &format!("{}\n", url(&sumidero, "localhost", ACCESO)));
    let entorno = [("AEROALPES_SMTP_CA", archivo.as_str()), ("AEROALPES_SMTP_URL_ARCHIVO", &url)];
    let servicio = servicio(&base, "", &entorno).await;
    registrar(&servicio, "ana@ejemplo.co").await;
    let carta = sumidero.esperar("ana@ejemplo.co", 1).await.remove(0);
    assert!(carta["cifrada"] == true && carta["con_credenciales"] == true, "{carta}");
    esperar_desenlace(&base, "codigo", "enviado", 1).await;
}

/// Espera a que el servicio diga por qué no, y comprueba que no mandó nada y que lo sigue intentando.
async fn no_se_manda(url: &str, entorno: &[(&str, &str)], sumidero: &Sumidero, motivo: &str) {
    let base = BaseDePrueba::vacia().await;
    let servicio = servicio(&base, url, entorno).await;
    registrar(&servicio, "ana@ejemplo.co").await;
    servicio.registros.esperar(motivo).await;
    assert!(sumidero.para("ana@ejemplo.co").is_empty());
    assert_eq!(correos(&base, "codigo", None).await, 1);
    assert!(!servicio.registros.texto().contains("una-clave"), "{}", servicio.registros.texto());
}

#[tokio::test]
async fn a_un_servidor_que_no_prueba_quien_es_no_se_le_manda_nada() {
    let (buena, ajena) = (Autoridad::nueva(), Autoridad::nueva());
    let sumidero = con_certificado(&buena).await;
    let (buena, ajena) = (buena.archivo(), ajena.archivo());
    for (servidor, autoridad, motivo) in [
        ("localhost", Some(&ajena), "no firma su certificado una autoridad conocida"),
        ("localhost", None, "no firma su certificado una autoridad conocida"),
        ("127.0.0.1", Some(&buena), "su certificado no es para el nombre con que se le llama"),
    ] {
        let entorno: Vec<_> = autoridad.map(|ruta| ("AEROALPES_SMTP_CA", ruta.as_str())).into_iter().collect();
        no_se_manda(&url(&sumidero, servidor, ACCESO), &entorno, &sumidero, motivo).await;
    }
    // Una contraseña que no es: la culpa no es de la carta, que espera.
    let url = url(&sumidero, "localhost", "aeroalpes:una-clave-que-no-es");
    no_se_manda(&url, &[("AEROALPES_SMTP_CA", &buena)], &sumidero, "no admite a este servicio: 535").await;
}

#[tokio::test]
async fn a_un_servidor_que_no_ofrece_cifrar_no_se_le_manda_nada() {
    let sumidero = Sumidero::nuevo().await;
    no_se_manda(&url(&sumidero, "localhost", ACCESO), &[], &sumidero, "no ofrece STARTTLS").await;
}
