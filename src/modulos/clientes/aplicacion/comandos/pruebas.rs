//! Validar con un código y pedir otro, sobre el doble de la unidad de trabajo.

use time::OffsetDateTime;

use super::{PedirCodigo, ValidarUsuario};
use crate::modulos::clientes::aplicacion::errores::ErrorClientes;
use crate::modulos::clientes::aplicacion::pruebas::{Doble, VIGENCIA, codigo};
use crate::modulos::clientes::dominio::codigo::{
    CodigoEmitido, CodigoIncorrecto, ESPERA_POR_OTRO, ErrorCodigo, FALLOS_ADMITIDOS,
};
use crate::modulos::clientes::dominio::estado::EstadoUsuario;
use crate::modulos::clientes::dominio::eventos::EventoUsuario;
use crate::modulos::clientes::dominio::usuario::pruebas::{HOY, usuario};
use crate::modulos::clientes::dominio::usuario::{IdUsuario, Usuario};
use crate::seedwork::aplicacion::mensajes::{ErrorModulo, Handler};
use crate::seedwork::dominio::bloqueo::Bloqueo;
use crate::seedwork::dominio::entidades::AgregacionRaiz;

/// Un doble con ese usuario, en el momento en que se da la orden, y la identidad del usuario.
fn con(momento: OffsetDateTime, usuario: Usuario) -> (Doble, IdUsuario) {
    let id = usuario.id();
    (Doble::en(momento, [usuario]), id)
}

fn fallado(veces: u32) -> Usuario {
    let mut usuario = usuario();
    (0..veces).for_each(|_| usuario.anotar_fallo());
    usuario
}

#[tokio::test]
async fn el_codigo_que_se_emitio_valida() {
    let (mut udt, id) = con(HOY, fallado(FALLOS_ADMITIDOS - 1));
    let comando = ValidarUsuario { id, codigo: codigo(id, HOY) };
    let validado = comando.manejar(&mut udt).await.unwrap().ok().unwrap();
    assert_eq!(validado.estado, EstadoUsuario::Validado);
    assert!(matches!(udt.udt.guardados[..], [EventoUsuario::Validado(_)]));
    assert_eq!(udt.udt.bloqueos, [Bloqueo::Pesimista]);
}

#[tokio::test]
async fn un_codigo_ajeno_no_valida_y_su_fallo_queda_guardado() {
    let (mut udt, id) = con(HOY, fallado(2));
    let salida = ValidarUsuario { id, codigo: codigo(IdUsuario::nueva(), HOY) }.manejar(&mut udt).await.unwrap();
    let error = ErrorClientes::from(salida.err().unwrap());
    assert!(matches!(error, ErrorClientes::CodigoIncorrecto(CodigoIncorrecto)));
    assert_eq!(error.rechazo().puntero.as_deref(), Some("/codigo"));
    assert_eq!(udt.codigos, [CodigoEmitido { emitido_en: HOY, fallos: 3 }]);
    assert!(udt.udt.guardados.is_empty(), "no es un hecho que contar");
    assert_eq!(udt.udt.bloqueos, [Bloqueo::Pesimista]);
}

#[tokio::test]
async fn un_codigo_agotado_o_caducado_no_vale_aunque_sea_el_suyo() {
    for (momento, usuario, esperado) in
        [(HOY, fallado(FALLOS_ADMITIDOS), ErrorCodigo::Agotado), (HOY + VIGENCIA, usuario(), ErrorCodigo::Caducado)]
    {
        let (mut udt, id) = con(momento, usuario);
        let error = ValidarUsuario { id, codigo: codigo(id, HOY) }.manejar(&mut udt).await.err().unwrap();
        assert!(matches!(error, ErrorClientes::Codigo(error) if error == esperado), "{error}");
        assert!(udt.codigos.is_empty());
    }
}

#[tokio::test]
async fn pedir_otro_codigo_lo_entrega_y_el_anterior_deja_de_valer() {
    let despues = HOY + ESPERA_POR_OTRO;
    let (mut udt, id) = con(despues, fallado(FALLOS_ADMITIDOS));
    PedirCodigo { id }.manejar(&mut udt).await.unwrap();
    assert_eq!(*udt.entregados.lock().unwrap(), [(id, codigo(id, despues))]);
    assert_eq!(udt.codigos, [CodigoEmitido::nuevo(despues)]);
    assert_eq!(udt.udt.bloqueos, [Bloqueo::Pesimista]);
}

#[tokio::test]
async fn pedir_otro_codigo_demasiado_pronto_no_entrega_ninguno_y_dice_cuanto_esperar() {
    let (mut udt, id) = con(HOY, usuario());
    let rechazo = PedirCodigo { id }.manejar(&mut udt).await.unwrap_err().rechazo();
    assert_eq!((&*rechazo.codigo, rechazo.espera), ("codigo-reciente", Some(60)));
    assert!(udt.entregados.lock().unwrap().is_empty() && udt.codigos.is_empty());
}
