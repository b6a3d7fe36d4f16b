//! Un bróker que sólo habla con quien trae una ficha, y por TLS con un certificado de una autoridad propia.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::json;
use sha2::Sha256;

use crate::apoyo::{crear, en_calma, esta, reserva, resultado};
use crate::broker::{BrokerPropio, cliente, puerto_libre};
use crate::comun::BaseDePrueba;
use crate::comun::certificados::{Autoridad, Identidad};
use crate::comun::servicio::Servicio;

/// Una clave con que se firman fichas (HS256 de RFC 7518).
struct Clave([u8; 32]);

impl Clave {
    fn nueva() -> Self {
        Self(rand::random())
    }

    /// Una ficha para ese papel.
    fn ficha(&self, papel: &str) -> String {
        let parte = |valor: serde_json::Value| URL_SAFE_NO_PAD.encode(valor.to_string());
        let firmado = format!("{}.{}", parte(json!({"alg": "HS256"})), parte(json!({"sub": papel})));
        let mut firma = Hmac::<Sha256>::new_from_slice(&self.0).unwrap();
        firma.update(firmado.as_bytes());
        format!("{firmado}.{}", URL_SAFE_NO_PAD.encode(firma.finalize().into_bytes()))
    }
}

/// El bróker, ya arriba, y lo que hace falta para entrar.
struct Protegido {
    broker: BrokerPropio,
    autoridad: Autoridad,
    clave: Clave,
    puerto: u16,
}

impl Protegido {
    async fn nuevo() -> Self {
        let (broker, autoridad, clave) = (BrokerPropio::nuevo().await, Autoridad::nueva(), Clave::nueva());
        let (puerto, administrador) = (puerto_libre(), clave.ficha("administrador"));
        let Identidad { certificado, clave: privada } = autoridad.emitir("127.0.0.1");
        let lineas = format!(
            "brokerServicePortTls={puerto}\n\
             tlsCertificateFilePath={certificado}\n\
             tlsKeyFilePath={privada}\n\
             authenticationEnabled=true\n\
             authenticationProviders=org.apache.pulsar.broker.authentication.AuthenticationProviderToken\n\
             tokenSecretKey=data:;base64,{}\n\
             authorizationEnabled=true\n\
             superUserRoles=administrador\n\
             brokerClientAuthenticationPlugin=org.apache.pulsar.client.impl.auth.AuthenticationToken\n\
             brokerClientAuthenticationParameters=token:{administrador}\n",
            STANDARD.encode(clave.0)
        );
        let broker = broker.con(autoridad.escribir("pulsar.conf", &lineas), &administrador);
        broker.arrancar().await;
        // Lo único que el servicio necesita poder hacer.
        let ruta = format!("{}/namespaces/public/default/permissions/aeroalpes", broker.admin());
        let permiso =
            cliente().post(ruta).bearer_auth(administrador).json(&["produce", "consume"]).send().await.unwrap();
        assert!(permiso.status().is_success(), "{}", permiso.text().await.unwrap());
        Self { broker, autoridad, clave, puerto }
    }

    fn url(&self, servidor: &str) -> String {
        format!("pulsar+ssl://{servidor}:{}", self.puerto)
    }
}

/// Espera a que el servicio diga por qué no entra; sigue atendiendo, y lo dice en su salud.
async fn no_entra(base: &BaseDePrueba, entorno: &[(&str, &str)], motivo: &str) {
    let servicio = Servicio::arrancar(base, entorno).await;
    servicio.registros.esperar(motivo).await;
    esta(&servicio, "degradado").await;
}

#[tokio::test]
async fn con_tls_y_ficha_se_publica_y_se_recibe_y_sin_ellas_los_eventos_esperan() {
    let protegido = Protegido::nuevo().await;
    let base = BaseDePrueba::vacia().await;
    let (url, autoridad) = (protegido.url("127.0.0.1"), protegido.autoridad.archivo());
    let (buena, mala) = (protegido.clave.ficha("aeroalpes"), Clave::nueva().ficha("aeroalpes"));
    let archivo = protegido.autoridad.escribir("ficha", &mala);
    let entorno = [
        ("PULSAR_URL", &*url),
        ("PULSAR_TLS_CA", &*autoridad),
        ("PULSAR_TOKEN_ARCHIVO", &*archivo),
        ("RUST_LOG", "trace"),
    ];
    let servicio = Servicio::arrancar(&base, &entorno).await;
    servicio.registros.esperar("no acepta la ficha").await;
    servicio.post("/vuelos/reserva", &reserva()).await.con(200);
    esta(&servicio, "degradado").await;
    assert_eq!(base.contar("SELECT count(*) FROM bandeja_salida WHERE publicada_en IS NULL").await, 1);

    // La ficha se cambia sin reiniciar: lo que esperaba sale, y vuelve.
    protegido.autoridad.escribir("ficha", &format!("{buena}\n"));
    esta(&servicio, "listo").await;
    en_calma(&base).await;
    let aceptado = crear(&servicio).await;
    assert_eq!(resultado(&servicio, &aceptado.id_comando).await["estado"], "ejecutado");
    let registros = servicio.registros.texto();
    for ficha in [&buena, &mala] {
        let firma = ficha.rsplit('.').next().unwrap();
        let en_numeros = firma.bytes().map(|b| b.to_string()).collect::<Vec<_>>().join(", ");
        assert!(!registros.contains(firma) && !registros.contains(&en_numeros), "una ficha está en los registros");
    }
    drop(servicio);

    let (por_nombre, ajena) = (protegido.url("localhost"), Autoridad::nueva());
    let ajena = ajena.archivo();
    let (ficha, ca) = (("PULSAR_TOKEN", &*buena), ("PULSAR_TLS_CA", &*autoridad));
    no_entra(&base, &[("PULSAR_URL", &url), ca], "pide una y no la tiene (PULSAR_TOKEN)").await;
    no_entra(&base, &[("PULSAR_URL", &protegido.broker.url)], "pide una y no la tiene (PULSAR_TOKEN)").await;
    let sin_autoridad = "no lo firma una autoridad conocida (PULSAR_TLS_CA)";
    no_entra(&base, &[("PULSAR_URL", &url), ficha], sin_autoridad).await;
    no_entra(&base, &[("PULSAR_URL", &url), ("PULSAR_TLS_CA", &ajena), ficha], sin_autoridad).await;
    no_entra(&base, &[("PULSAR_URL", &por_nombre), ca, ficha], "no es para el nombre").await;
}
