//! Autenticar hace el mismo trabajo exista o no el usuario: así, lo que tarda no dice nada. Y qué código se entrega.

use std::sync::Mutex;
use std::time::Duration;

use secrecy::ExposeSecret;
use time::OffsetDateTime;
use zeroize::Zeroizing;

use super::{AutenticarUsuario, ClaveUsuario, CodigoPorEntregar, ObtenerCodigoPorEntregar, Portador, ReservaDeUsuario};
use crate::modulos::clientes::aplicacion::dto::UsuarioVista;
use crate::modulos::clientes::aplicacion::errores::ErrorClientes;
use crate::modulos::clientes::aplicacion::puertos::{
    CifradoContrasenas, CodigosValidacion, ConsultasUsuarios, Credencial, PorValidar,
};
use crate::modulos::clientes::dominio::contrasena::{Contrasena, ContrasenaCifrada};
use crate::modulos::clientes::dominio::email::Email;
use crate::modulos::clientes::dominio::estado::EstadoUsuario;
use crate::modulos::clientes::dominio::usuario::pruebas::{datos, usuario};
use crate::modulos::clientes::dominio::usuario::{IdUsuario, Usuario};
use crate::seedwork::aplicacion::mensajes::HandlerQuery;
use crate::seedwork::aplicacion::paginas::Pedido;
use crate::seedwork::dominio::repositorios::Falla;

/// Un almacén con un usuario, que recuerda qué se le pidió.
struct Lector {
    usuario: Usuario,
    trabajo: Mutex<Vec<&'static str>>,
}

impl Lector {
    fn anotar(&self, que: &'static str) {
        self.trabajo.lock().unwrap().push(que);
    }
}

impl ConsultasUsuarios for Lector {
    async fn usuario(&self, _: &ClaveUsuario) -> Result<Option<UsuarioVista>, Falla> {
        self.anotar("leer al usuario");
        Ok(Some(UsuarioVista::from(&self.usuario)))
    }

    async fn usuarios(&self, _: Option<EstadoUsuario>, _: Pedido) -> Result<Vec<UsuarioVista>, Falla> {
        Ok(Vec::new())
    }

    async fn reservas(&self, _: IdUsuario, _: Pedido) -> Result<Vec<ReservaDeUsuario>, Falla> {
        Ok(Vec::new())
    }

    async fn credencial(&self, email: &Email) -> Result<Option<Credencial>, Falla> {
        self.anotar("leer la credencial");
        let guardado = self.usuario.guardado();
        let credencial = Credencial { id: guardado.id, contrasena: guardado.contrasena.clone() };
        Ok((guardado.datos.email == *email).then_some(credencial))
    }

    async fn por_validar(&self, _: IdUsuario) -> Result<Option<PorValidar>, Falla> {
        let guardado = self.usuario.guardado();
        let email = guardado.datos.email.como_str().to_owned();
        Ok(Some(PorValidar { email, codigo: guardado.codigo, estado: guardado.estado }))
    }

    async fn activo(&self, _: IdUsuario) -> Result<Option<Portador>, Falla> {
        Ok(None)
    }
}

impl CifradoContrasenas for Lector {
    async fn cifrar(&self, _: Contrasena) -> Result<ContrasenaCifrada, Falla> {
        Err(Falla::interna("autenticar no cifra"))
    }

    async fn coincide(&self, contrasena: Contrasena, cifrada: Option<ContrasenaCifrada>) -> Result<bool, Falla> {
        self.anotar("comparar");
        Ok(cifrada.is_some() && contrasena.en_claro() == "correcta")
    }
}

impl CodigosValidacion for Lector {
    fn codigo(&self, _: IdUsuario, emitido_en: OffsetDateTime) -> String {
        format!("el de {emitido_en}")
    }

    fn es_su_codigo(&self, _: IdUsuario, _: OffsetDateTime, _: &str) -> bool {
        false
    }

    fn vigencia(&self) -> Duration {
        Duration::from_hours(24)
    }
}

/// Lo que responde a esas credenciales, y el trabajo que hizo.
async fn autenticar(email: &str, contrasena: &str) -> (Result<UsuarioVista, ErrorClientes>, Vec<&'static str>) {
    let mut lector = Lector { usuario: usuario(), trabajo: Mutex::default() };
    let (email, contrasena) = (Email::nuevo(email).ok(), Contrasena::nueva(Zeroizing::new(contrasena.into())).ok());
    let respuesta = AutenticarUsuario { email, contrasena }.responder(&mut lector).await;
    (respuesta, lector.trabajo.into_inner().unwrap())
}

#[tokio::test]
async fn a_un_email_desconocido_y_a_una_contrasena_mala_se_responde_igual_y_con_el_mismo_trabajo() {
    let casos = [autenticar("nadie@ejemplo.co", "correcta").await, autenticar("ana@ejemplo.co", "equivocada").await];
    for (respuesta, trabajo) in casos {
        assert!(matches!(respuesta, Err(ErrorClientes::CredencialesIncorrectas)));
        assert_eq!(trabajo, ["leer la credencial", "comparar"]);
    }
    let (respuesta, trabajo) = autenticar("ana@ejemplo.co", "correcta").await;
    assert!(respuesta.is_ok());
    assert_eq!(trabajo, ["leer la credencial", "comparar", "leer al usuario"]);
}

/// El código que se entregaría a un usuario registrado hace tantas horas, después de pasarle eso.
async fn por_entregar(horas: u64, pasarle: impl FnOnce(&mut Usuario)) -> Option<CodigoPorEntregar> {
    let cifrada = ContrasenaCifrada::nueva("cifrada".into());
    let registrado_en = OffsetDateTime::now_utc() - Duration::from_hours(horas);
    let mut usuario = Usuario::registrar(IdUsuario::nueva(), datos(), cifrada, registrado_en);
    pasarle(&mut usuario);
    let id = usuario.guardado().id;
    let mut lector = Lector { usuario, trabajo: Mutex::default() };
    ObtenerCodigoPorEntregar { id }.responder(&mut lector).await.unwrap()
}

#[tokio::test]
async fn se_entrega_el_codigo_que_vale_y_solo_a_quien_le_sirve() {
    let ahora = OffsetDateTime::now_utc();
    let entregado = por_entregar(23, |usuario| assert!(usuario.emitir_otro_codigo(ahora).is_ok())).await.unwrap();
    assert_eq!(entregado.email, "ana@ejemplo.co");
    assert_eq!(entregado.codigo.expose_secret(), format!("el de {ahora}"));
    assert_eq!(entregado.vence_en, ahora + Duration::from_hours(24));
    assert!(por_entregar(24, |_| ()).await.is_none(), "caducó");
    assert!(por_entregar(0, |usuario| (0..5).for_each(|_| usuario.anotar_fallo())).await.is_none(), "se agotó");
    assert!(por_entregar(0, |usuario| usuario.validar(ahora).unwrap()).await.is_none(), "ya se validó");
    assert!(por_entregar(0, |usuario| usuario.desactivar(ahora).unwrap()).await.is_none(), "desactivado");
}
