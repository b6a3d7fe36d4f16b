//! Propiedades de los usuarios: la máquina de estados hace lo que dice su modelo, y cada dato admite justo lo que promete.

use proptest::collection::vec;
use proptest::prelude::*;
use time::{Date, Duration};
use zeroize::Zeroizing;

use super::contrasena::{Contrasena, ContrasenaCifrada};
use super::email::Email;
use super::eventos::EventoUsuario;
use super::identificacion::Identificacion;
use super::usuario::pruebas::{HOY, datos};
use super::usuario::{IdUsuario, Usuario};
use crate::seedwork::dominio::entidades::AgregacionRaiz;
use crate::seedwork::dominio::objetos_valor::Texto;

fn modelo(estado: &str, orden: &str) -> Option<&'static str> {
    match (estado, orden) {
        ("registrado", "validar") => Some("validado"),
        ("registrado" | "validado", "desactivar") => Some("desactivado"),
        _ => None,
    }
}

fn contar(evento: EventoUsuario) -> (&'static str, super::eventos::HechoUsuario) {
    match evento {
        EventoUsuario::Registrado(evento) => ("registrado", evento.0),
        EventoUsuario::Validado(evento) => ("validado", evento.0),
        EventoUsuario::Desactivado(evento) => ("desactivado", evento.0),
        EventoUsuario::CodigoReemitido(evento) => ("código reemitido", evento.0),
    }
}

fn sin_control(texto: &str) -> bool {
    !texto.chars().any(char::is_control)
}

proptest! {
    #[test]
    fn un_usuario_hace_lo_que_dice_su_modelo(
        ordenes in vec((proptest::sample::select(vec!["validar", "desactivar"]), -100_i64..100), 0..8)
    ) {
        let id = IdUsuario::nueva();
        let mut usuario = Usuario::registrar(id, datos(), ContrasenaCifrada::nueva("x".into()), HOY);
        let (mut estado, mut actualizado, mut anotados) = ("registrado", HOY, vec!["registrado"]);
        for (orden, minutos) in ordenes {
            let ahora = HOY + Duration::minutes(minutos);
            let resultado = if orden == "validar" { usuario.validar(ahora) } else { usuario.desactivar(ahora) };
            prop_assert_eq!(resultado.is_ok(), modelo(estado, orden).is_some(), "{} desde {}", orden, estado);
            if let Some(nuevo) = modelo(estado, orden) {
                (estado, actualizado) = (nuevo, actualizado.max(ahora));
                anotados.push(nuevo);
            }
            prop_assert_eq!((usuario.estado().nombre(), usuario.esta_activo()), (estado, estado != "desactivado"));
            prop_assert_eq!(usuario.guardado().fecha_actualizacion, actualizado);
        }
        let eventos: Vec<_> = usuario.tomar_eventos().into_iter().map(contar).collect();
        prop_assert_eq!(eventos.iter().map(|(nombre, _)| *nombre).collect::<Vec<_>>(), anotados);
        prop_assert!(eventos.iter().all(|(nombre, hecho)| hecho.id_usuario == id && hecho.estado.nombre() == *nombre));
        prop_assert!(eventos.is_sorted_by_key(|(_, hecho)| hecho.fecha_actualizacion));
    }

    #[test]
    fn un_texto_se_admite_si_es_corto_y_sin_control(texto in "\\PC{0,300}|.{0,10}|[ \\t\\x00\u{85}a]{0,4}") {
        let bueno = texto.chars().count() <= 255 && sin_control(&texto);
        prop_assert_eq!(Texto::nuevo(texto.clone()).is_ok(), bueno);
        let visible = texto.chars().any(|c| !c.is_whitespace());
        prop_assert_eq!(Texto::obligatorio(texto).is_ok(), bueno && visible);
    }

    #[test]
    fn una_contrasena_tiene_de_8_a_128_caracteres(texto in "\\PC{0,20}|\\PC{120,135}|[\\n\\x00a-z]{6,12}") {
        let buena = (8..=128).contains(&texto.chars().count()) && sin_control(&texto);
        let contrasena = Contrasena::nueva(Zeroizing::new(texto.clone()));
        prop_assert_eq!(contrasena.as_ref().is_ok(), buena);
        prop_assert!(contrasena.map_or(true, |c| c.en_claro() == texto));
    }

    #[test]
    fn un_email_admitido_es_uno_solo_sin_nombre_y_en_un_dominio(texto in "\\PC{0,12}(@|@@)?[a-zñ.\\-]{0,12}(\\.co)?") {
        if let Ok(email) = Email::nuevo(texto.clone()) {
            let (local, dominio) = texto.rsplit_once('@').unwrap();
            prop_assert!(!local.is_empty() && dominio.contains('.') && !texto.contains('<'), "{}", texto);
            prop_assert_eq!(email.clave(), Email::nuevo(texto).unwrap().clave());
        }
    }

    #[test]
    fn un_email_corriente_se_admite_y_no_distingue_mayusculas(local in "[a-z][a-z0-9]{0,20}", dominio in "[a-z]{1,20}") {
        let email = |texto: String| Email::nuevo(texto).unwrap().clave();
        let texto = format!("{local}@{dominio}.co");
        prop_assert_eq!(email(texto.to_uppercase()), email(texto));
    }

    #[test]
    fn una_identificacion_es_de_persona_o_de_empresa(
        es_empresarial in any::<bool>(),
        persona in (proptest::option::of("[0-9 ]{0,5}"), proptest::option::of(-5_i64..5)),
        empresa in (proptest::option::of("[0-9 ]{0,5}"), proptest::option::of(-5_i64..5)),
    ) {
        let fecha = |dias: Option<i64>| -> Option<Date> { dias.map(|dias| HOY.date() + Duration::days(dias)) };
        let (suyos, ajenos) = if es_empresarial { (&empresa, &persona) } else { (&persona, &empresa) };
        let numero = suyos.0.as_ref().is_none_or(|numero| !numero.trim().is_empty());
        let bueno = *ajenos == (None, None) && numero && suyos.1.is_none_or(|dias| dias <= 0);
        let (de_persona, de_empresa) = ((persona.0.clone(), fecha(persona.1)), (empresa.0.clone(), fecha(empresa.1)));
        let identificacion = Identificacion::nueva(es_empresarial, de_persona, de_empresa, HOY.date());
        prop_assert_eq!(identificacion.is_ok(), bueno);
        prop_assert!(identificacion.map_or(true, |una| una.es_empresarial() == es_empresarial));
    }
}
