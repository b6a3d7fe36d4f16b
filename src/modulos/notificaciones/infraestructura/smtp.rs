//! El servidor SMTP (RFC 5321), por `lettre`: cada carta, una conexión.

use std::path::PathBuf;
use std::time::Duration;

use lettre::address::Envelope;
use lettre::message::header::{ContentType, Header, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message};
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{AsyncSmtpConnection, Certificate, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::{ClientId, Extension, MailParameter};
use lettre::transport::smtp::{Error, response};
use secrecy::{ExposeSecret, SecretString};
use thiserror::Error as Explicado;
use tokio::time::timeout;

use crate::modulos::notificaciones::aplicacion::puertos::{Carta, Correo, ErrorEnvio};
use crate::seedwork::infraestructura::certificados::ErrorCertificado;

/// Cuánto se espera la despedida: la carta ya está entregada.
const DESPEDIDA: Duration = Duration::from_secs(1);

/// Cómo se cifra lo que se habla con el servidor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cifrado {
    /// No se cifra.
    Ninguno,
    /// Se exige cifrar antes de decir nada (STARTTLS, RFC 3207).
    StartTls,
    /// Cifrado desde el principio (RFC 8314).
    Tls,
}

/// Con qué se presenta el servicio.
#[derive(Clone)]
pub struct Credenciales {
    /// El usuario.
    pub usuario: SecretString,
    /// La contraseña.
    pub contrasena: SecretString,
}

/// De quién dicen ser las cartas.
#[derive(Debug, Clone)]
pub struct Remitente(Mailbox);

impl std::str::FromStr for Remitente {
    type Err = lettre::address::AddressError;

    fn from_str(texto: &str) -> Result<Self, Self::Err> {
        texto.parse().map(Self)
    }
}

/// Cómo se llega al servidor. Sin `Debug`: lleva la contraseña.
#[derive(Clone)]
pub struct DatosSmtp {
    /// El servidor.
    pub servidor: String,
    /// Su puerto.
    pub puerto: u16,
    /// Cómo se cifra.
    pub cifrado: Cifrado,
    /// Con qué se presenta el servicio, si hace falta.
    pub credenciales: Option<Credenciales>,
    /// Autoridades en las que se confía además de las del sistema, en PEM.
    pub autoridades: Option<PathBuf>,
    /// De quién son las cartas.
    pub remitente: Remitente,
    /// Cuánto puede durar entregar una.
    pub plazo: Duration,
}

/// Por qué no se puede preparar el cliente.
#[derive(Debug, Explicado)]
pub enum ErrorSmtp {
    /// El archivo de las autoridades no se puede leer.
    #[error("no se pueden leer las autoridades del servidor de correo")]
    Autoridades(#[from] std::io::Error),
    /// Las autoridades no sirven, o no se puede preparar TLS.
    #[error("no se puede preparar TLS para el servidor de correo")]
    Tls(#[source] Error),
}

/// El servidor SMTP.
pub struct Smtp {
    datos: DatosSmtp,
    tls: Option<TlsParameters>,
    saludo: ClientId,
    credenciales: Option<Credentials>,
}

impl Smtp {
    /// Lo prepara, sin conectar todavía.
    ///
    /// # Errors
    /// [`ErrorSmtp`].
    pub fn nuevo(datos: DatosSmtp) -> Result<Self, ErrorSmtp> {
        let tls = if datos.cifrado == Cifrado::Ninguno { None } else { Some(tls(&datos)?) };
        // Cómo se llama esta máquina no le dice nada a nadie; el dominio del remitente, sí.
        let saludo = ClientId::Domain(datos.remitente.0.email.domain().to_owned());
        let credenciales = datos.credenciales.as_ref().map(|credenciales| {
            let en_claro = |secreto: &SecretString| secreto.expose_secret().to_owned();
            Credentials::new(en_claro(&credenciales.usuario), en_claro(&credenciales.contrasena))
        });
        Ok(Self { datos, tls, saludo, credenciales })
    }

    async fn conectar(&self) -> Result<AsyncSmtpConnection, ErrorEnvio> {
        let DatosSmtp { servidor, puerto, cifrado, plazo, .. } = &self.datos;
        let desde_el_principio = self.tls.clone().filter(|_| *cifrado == Cifrado::Tls);
        let destino = (servidor.as_str(), *puerto);
        let conexion =
            AsyncSmtpConnection::connect_tokio1(destino, Some(*plazo), &self.saludo, desde_el_principio, None);
        let mut conexion = conexion.await.map_err(|error| del_servidor(&error))?;
        if let (Cifrado::StartTls, Some(tls)) = (cifrado, &self.tls) {
            if !conexion.can_starttls() {
                conexion.abort().await;
                return Err(ErrorEnvio::Servidor("no ofrece STARTTLS"));
            }
            conexion.starttls(tls.clone(), &self.saludo).await.map_err(|error| del_servidor(&error))?;
        }
        if let Some(credenciales) = &self.credenciales {
            let admitido = conexion.auth(DEFAULT_MECHANISMS, credenciales).await;
            admitido.map_err(|error| del_servidor(&error))?;
        }
        Ok(conexion)
    }

    /// La carta, con su sobre. Las cabeceras las codifica `lettre`.
    fn redactar(&self, carta: &Carta) -> Result<Message, ErrorEnvio> {
        let Mailbox { email: remite, .. } = &self.datos.remitente.0;
        let destino = carta.email.parse().map_err(|_| ErrorEnvio::Direccion)?;
        Message::builder()
            .from(self.datos.remitente.0.clone())
            .to(Mailbox::new(carta.nombre.as_deref().map(en_una_linea), destino))
            .subject(en_una_linea(&carta.asunto))
            .message_id(Some(format!("<{}@{}>", carta.id, remite.domain())))
            .header(Automatica)
            .header(ContentType::TEXT_PLAIN)
            .body(carta.texto.expose_secret().to_owned())
            .map_err(|_| ErrorEnvio::Direccion)
    }
}

impl Correo for Smtp {
    async fn enviar(&self, carta: &Carta) -> Result<(), ErrorEnvio> {
        let mensaje = self.redactar(carta)?;
        let mut conexion = self.conectar().await?;
        ofrecer(&mut conexion, mensaje.envelope(), &mensaje.formatted()).await?;
        // Ya respondió 250: que la despedida no llegue no cambia nada.
        let _ = timeout(DESPEDIDA, conexion.quit()).await;
        Ok(())
    }
}

/// `MAIL`, `RCPT`, `DATA` y la carta. Si el remitente no se admite, la culpa no es de la carta.
async fn ofrecer(conexion: &mut AsyncSmtpConnection, sobre: &Envelope, carta: &[u8]) -> Result<(), ErrorEnvio> {
    let internacional =
        sobre.from().into_iter().chain(sobre.to()).any(|direccion| !AsRef::<str>::as_ref(direccion).is_ascii());
    if internacional && !conexion.server_info().supports_feature(Extension::SmtpUtfEight) {
        conexion.abort().await;
        return Err(ErrorEnvio::Direccion);
    }
    let parametros = if internacional { vec![MailParameter::SmtpUtfEight] } else { Vec::new() };
    let remite = conexion.command(Mail::new(sobre.from().cloned(), parametros)).await;
    remite.map_err(|error| del_servidor(&error))?;
    for destino in sobre.to() {
        conexion.command(Rcpt::new(destino.clone(), Vec::new())).await.map_err(|error| de_la_carta(&error))?;
    }
    conexion.command(Data).await.map_err(|error| de_la_carta(&error))?;
    conexion.message(carta).await.map_err(|error| de_la_carta(&error))?;
    Ok(())
}

fn tls(datos: &DatosSmtp) -> Result<TlsParameters, ErrorSmtp> {
    let mut parametros = TlsParameters::builder(datos.servidor.clone());
    if let Some(ruta) = &datos.autoridades {
        let autoridades = Certificate::from_pem(&std::fs::read(ruta)?).map_err(ErrorSmtp::Tls)?;
        parametros = parametros.add_root_certificate(autoridades);
    }
    parametros.build_rustls().map_err(ErrorSmtp::Tls)
}

/// Sin saltos de línea: con uno en un nombre, `lettre` entra en pánico en lugar de codificarlo.
fn en_una_linea(texto: &str) -> String {
    texto.replace(char::is_control, " ")
}

fn numero(codigo: response::Code) -> u16 {
    codigo.into()
}

/// Lo que el servidor dijo de la carta o de su destinatario. Muchos esperan al `RCPT` para decir que no admiten a quien
/// envía: eso no es culpa de ninguna carta.
fn de_la_carta(error: &Error) -> ErrorEnvio {
    match error.status().map(numero) {
        Some(codigo) if error.is_permanent() && !es_de_acceso(codigo, error) => ErrorEnvio::Rechazada(codigo),
        Some(codigo) if error.is_permanent() => ErrorEnvio::Acceso(codigo),
        Some(codigo) => ErrorEnvio::Aplazada(codigo),
        None => del_servidor(error),
    }
}

/// Si el servidor se niega por seguridad o por política: hace falta presentarse (RFC 4954, sección 6), o el estado ampliado
/// es 5.7.x (RFC 3463, sección 3.8).
fn es_de_acceso(codigo: u16, error: &Error) -> bool {
    let ampliado = std::error::Error::source(error).is_some_and(|dicho| dicho.to_string().starts_with("5.7."));
    ampliado || matches!(codigo, 530 | 534 | 535 | 538)
}

/// Lo que no tiene que ver con ninguna carta. El texto del error no se usa: el servidor puede repetir en él cualquier cosa.
fn del_servidor(error: &Error) -> ErrorEnvio {
    if let Some(codigo) = error.status() {
        return ErrorEnvio::Acceso(numero(codigo));
    }
    ErrorEnvio::Servidor(match ErrorCertificado::en(error) {
        Some(ErrorCertificado::Autoridad) => "no firma su certificado una autoridad conocida",
        Some(ErrorCertificado::Nombre) => "su certificado no es para el nombre con que se le llama",
        Some(ErrorCertificado::Vigencia) => "su certificado está fuera de su plazo",
        Some(ErrorCertificado::Otro) => "su certificado no sirve",
        None if error.is_timeout() => "no contesta",
        None if error.is_client() => "no ofrece cómo presentarse",
        None if error.is_response() => "no se entiende lo que responde",
        None => "no se pudo hablar con él",
    })
}

/// `Auto-Submitted: auto-generated` (RFC 3834): que nadie responda de forma automática.
#[derive(Clone)]
struct Automatica;

impl Header for Automatica {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

#[cfg(test)]
mod pruebas {
    use super::*;
    use crate::modulos::notificaciones::dominio::correo::IdCorreo;

    fn smtp() -> Smtp {
        Smtp::nuevo(DatosSmtp {
            servidor: "correo".into(),
            puerto: 25,
            cifrado: Cifrado::Ninguno,
            credenciales: None,
            autoridades: None,
            remitente: "AeroAlpes <reservas@aeroalpes.example>".parse().unwrap(),
            plazo: Duration::from_secs(1),
        })
        .unwrap()
    }

    fn carta(nombre: &str, email: &str, asunto: &str) -> Carta {
        let (id, nombre, texto) = (IdCorreo::nueva(), Some(nombre.into()), "Hola:\n\n.\nBcc: c@d.co\n".into());
        Carta { id, nombre, email: email.into(), asunto: asunto.into(), texto }
    }

    /// Las cabeceras de la carta, una por línea: las que siguen en otra empiezan por un espacio.
    fn cabeceras(carta: &Carta) -> Vec<String> {
        let mensaje = String::from_utf8(smtp().redactar(carta).unwrap().formatted()).unwrap();
        let (cabeceras, _) = mensaje.split_once("\r\n\r\n").unwrap();
        cabeceras.replace("\r\n ", " ").split("\r\n").map(str::to_owned).collect()
    }

    #[test]
    fn ningun_dato_puede_anadir_una_cabecera() {
        let malo = "Ana\r\nBcc: otro@ejemplo.co\r\n\r\nTexto";
        for carta in [carta(malo, "ana@ejemplo.co", "hola"), carta("Ana", "ana@ejemplo.co", malo)] {
            let cabeceras = cabeceras(&carta);
            let nombres: Vec<_> = cabeceras.iter().map(|linea| linea.split(':').next().unwrap()).collect();
            let esperadas = ["From", "To", "Subject", "Message-ID", "Auto-Submitted", "Content-Type"];
            assert!(esperadas.iter().all(|nombre| nombres.contains(nombre)), "{cabeceras:#?}");
            assert!(!nombres.contains(&"Bcc"), "{cabeceras:#?}");
            let sobre = smtp().redactar(&carta).unwrap().envelope().clone();
            assert_eq!(sobre.to().iter().map(ToString::to_string).collect::<Vec<_>>(), ["ana@ejemplo.co"]);
        }
        for email in ["ana@ejemplo.co\r\nRCPT TO:<otro@ejemplo.co>", "ana@ejemplo.co, otro@ejemplo.co", "ana", ""] {
            let negada = smtp().redactar(&carta("Ana", email, "hola")).err();
            assert_eq!(negada, Some(ErrorEnvio::Direccion), "{email}");
        }
    }

    #[test]
    fn la_identidad_es_la_del_correo_y_lo_que_no_es_ascii_va_codificado() {
        let carta = carta("Ana Núñez", "ana@ejemplo.co", "Su código");
        let cabeceras = cabeceras(&carta);
        assert!(cabeceras.contains(&format!("Message-ID: <{}@aeroalpes.example>", carta.id)), "{cabeceras:#?}");
        assert!(cabeceras.iter().all(|linea| linea.is_ascii()), "{cabeceras:#?}");
        assert!(cabeceras.iter().any(|linea| linea.starts_with("Subject: Su =?utf-8?b?")), "{cabeceras:#?}");
    }
}
