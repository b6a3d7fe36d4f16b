//! Los comandos y las reacciones de usuarios sobre un doble de la unidad de trabajo.

use std::sync::Mutex;
use std::time::Duration;

use time::OffsetDateTime;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::comandos::{BorrarUsuario, DesactivarUsuario, RegistrarUsuario};
use super::puertos::{CifradoContrasenas, CodigosValidacion, EntregaCodigos, RepositorioUsuarios, ReservaAnotada};
use super::reacciones::{AgregarReservaUsuario, EntregarCodigo};
use crate::modulos::clientes::dominio::codigo::CodigoEmitido;
use crate::modulos::clientes::dominio::contrasena::{Contrasena, ContrasenaCifrada};
use crate::modulos::clientes::dominio::estado::EstadoUsuario;
use crate::modulos::clientes::dominio::eventos::{EventoUsuario, UsuarioBorrado};
use crate::modulos::clientes::dominio::usuario::pruebas::{HOY, datos, usuario};
use crate::modulos::clientes::dominio::usuario::{IdUsuario, Usuario};
use crate::modulos::vuelos::{ReservaCreada, reserva_creada_de_prueba};
use crate::seedwork::aplicacion::contexto::Contexto;
use crate::seedwork::aplicacion::dobles::UdtDoble;
use crate::seedwork::aplicacion::mensajes::{ErrorModulo, Handler};
use crate::seedwork::aplicacion::reacciones::{Negativa, Reaccion};
use crate::seedwork::aplicacion::recepcion::{Fin, Recepcion};
use crate::seedwork::aplicacion::rechazo::Clase;
use crate::seedwork::aplicacion::unidad_trabajo::UnidadTrabajo;
use crate::seedwork::dominio::bloqueo::Bloqueo;
use crate::seedwork::dominio::entidades::AgregacionRaiz;
use crate::seedwork::dominio::eventos::EventoDominio;
use crate::seedwork::dominio::repositorios::{Falla, Repositorio};

/// Lo que vale un código en estas pruebas.
pub const VIGENCIA: Duration = Duration::from_hours(1);

/// El código de estas pruebas.
pub fn codigo(id: IdUsuario, emitido_en: OffsetDateTime) -> String {
    format!("{id} {}", emitido_en.unix_timestamp())
}

/// El doble común, más lo que este módulo pide: cifrar, calcular códigos, entregarlos y anotar reservas.
pub struct Doble {
    /// El doble común.
    pub udt: UdtDoble<Usuario>,
    /// Las reservas anotadas.
    pub reservas: Vec<ReservaAnotada>,
    /// Los usuarios borrados.
    pub borrados: Vec<UsuarioBorrado>,
    /// Los códigos entregados.
    pub entregados: Mutex<Vec<(IdUsuario, String)>>,
    /// El código que le quedó a cada usuario guardado, en orden.
    pub codigos: Vec<CodigoEmitido>,
}

impl Doble {
    /// Con esos usuarios en el almacén.
    pub fn con(existentes: impl IntoIterator<Item = Usuario>) -> Self {
        Self::en(HOY, existentes)
    }

    /// Con una orden que se da en ese momento.
    pub fn en(momento: OffsetDateTime, existentes: impl IntoIterator<Item = Usuario>) -> Self {
        let mut udt = UdtDoble::con(existentes);
        udt.contexto.momento = momento;
        let (reservas, borrados, entregados, codigos) = (Vec::new(), Vec::new(), Mutex::default(), Vec::new());
        Self { udt, reservas, borrados, entregados, codigos }
    }
}

impl UnidadTrabajo for Doble {
    type Punto = ();

    fn contexto(&self) -> &Contexto {
        self.udt.contexto()
    }

    fn tomar_eventos(&mut self) -> Vec<Box<dyn EventoDominio>> {
        self.udt.tomar_eventos()
    }

    async fn marcar_punto(&mut self) -> Result<(), Falla> {
        Ok(())
    }

    async fn volver_a(&mut self, (): ()) -> Result<(), Falla> {
        Ok(())
    }

    async fn anotar_recepcion(&mut self, _: &Recepcion, _: Fin) -> Result<(), Falla> {
        Ok(())
    }

    async fn preparar(&mut self) -> Result<(), Falla> {
        Ok(())
    }

    async fn confirmar(self) -> Result<(), Falla> {
        Ok(())
    }

    async fn deshacer(self) {}
}

impl Repositorio<Usuario> for Doble {
    async fn obtener(&mut self, id: IdUsuario, bloqueo: Bloqueo) -> Result<Option<Usuario>, Falla> {
        self.udt.obtener(id, bloqueo).await
    }

    async fn guardar(&mut self, usuario: &mut Usuario) -> Result<(), Falla> {
        self.codigos.push(usuario.guardado().codigo);
        self.udt.guardar(usuario).await
    }
}

impl RepositorioUsuarios for Doble {
    async fn anotar_reserva(&mut self, reserva: ReservaAnotada) -> Result<(), Falla> {
        self.reservas.push(reserva);
        Ok(())
    }

    async fn borrar(&mut self, borrado: UsuarioBorrado) -> Result<(), Falla> {
        self.borrados.push(borrado);
        Ok(())
    }
}

impl CifradoContrasenas for Doble {
    async fn cifrar(&self, contrasena: Contrasena) -> Result<ContrasenaCifrada, Falla> {
        Ok(ContrasenaCifrada::nueva(format!("cifrada:{}", contrasena.en_claro())))
    }

    async fn coincide(&self, _: Contrasena, cifrada: Option<ContrasenaCifrada>) -> Result<bool, Falla> {
        Ok(cifrada.is_some())
    }
}

impl CodigosValidacion for Doble {
    fn codigo(&self, id: IdUsuario, emitido_en: OffsetDateTime) -> String {
        codigo(id, emitido_en)
    }

    fn es_su_codigo(&self, id: IdUsuario, emitido_en: OffsetDateTime, codigo: &str) -> bool {
        self.codigo(id, emitido_en) == codigo
    }

    fn vigencia(&self) -> Duration {
        VIGENCIA
    }
}

impl EntregaCodigos for Doble {
    fn entregar(&self, id: IdUsuario, codigo: &str) -> Result<(), Falla> {
        self.entregados.lock().unwrap().push((id, codigo.to_owned()));
        Ok(())
    }
}

#[tokio::test]
async fn registrar_guarda_al_usuario_y_su_codigo_se_entrega() {
    let (mut udt, id) = (Doble::con([]), IdUsuario::nueva());
    let contrasena = Contrasena::nueva(Zeroizing::new("correcta-1".into())).unwrap();
    let registrado = RegistrarUsuario { id, datos: datos(), contrasena }.manejar(&mut udt).await.unwrap();
    assert_eq!((registrado.id, registrado.estado), (id, EstadoUsuario::Registrado));
    let [EventoUsuario::Registrado(evento)] = &udt.udt.guardados[..] else { panic!("{:?}", udt.udt.guardados) };
    EntregarCodigo::reaccionar(&evento.clone(), &mut udt).await.unwrap();
    assert_eq!(*udt.entregados.lock().unwrap(), [(id, codigo(id, udt.udt.contexto.momento))]);
}

#[tokio::test]
async fn desactivar_bloquea_al_usuario() {
    let usuario = usuario();
    let id = usuario.id();
    let mut udt = Doble::con([usuario]);
    DesactivarUsuario { id }.manejar(&mut udt).await.unwrap();
    assert_eq!(udt.udt.bloqueos, [Bloqueo::Pesimista]);
    let error = DesactivarUsuario { id: IdUsuario(Uuid::nil()) }.manejar(&mut udt).await.err().unwrap();
    assert_eq!(error.rechazo().clase, Clase::NoEncontrado);
}

#[tokio::test]
async fn borrar_bloquea_al_usuario_y_no_guarda_nada_de_el() {
    let (usuario, id) = (usuario(), IdUsuario(Uuid::nil()));
    let id_usuario = usuario.id();
    let mut udt = Doble::con([usuario]);
    BorrarUsuario { id: id_usuario }.manejar(&mut udt).await.unwrap();
    assert_eq!(udt.udt.bloqueos, [Bloqueo::Pesimista]);
    assert_eq!(udt.borrados, [UsuarioBorrado { id_usuario, fecha_creacion: HOY, borrado_en: HOY }]);
    assert!(udt.codigos.is_empty());
    let error = BorrarUsuario { id }.manejar(&mut udt).await.unwrap_err();
    assert_eq!(error.rechazo().clase, Clase::NoEncontrado);
    assert_eq!(udt.borrados.len(), 1);
}

async fn reaccionar(udt: &mut Doble, evento: &ReservaCreada) -> Result<(), Negativa> {
    AgregarReservaUsuario::reaccionar(evento, udt).await
}

#[tokio::test]
async fn la_reserva_de_un_cliente_activo_se_anota_con_su_fila_bloqueada() {
    let usuario = usuario();
    let id = usuario.id();
    let mut udt = Doble::con([usuario]);
    let evento = reserva_creada_de_prueba(Some(id.0), HOY);
    reaccionar(&mut udt, &evento).await.unwrap();
    assert_eq!(udt.udt.bloqueos, [Bloqueo::Pesimista]);
    assert_eq!((udt.reservas[0].id_usuario, udt.reservas[0].fecha_creacion), (id, HOY));
}

#[tokio::test]
async fn un_cliente_desconocido_o_desactivado_no_puede_reservar() {
    let mut desactivado = usuario();
    desactivado.desactivar(HOY).unwrap();
    let id = desactivado.id();
    let mut udt = Doble::con([desactivado]);
    for (id, clase) in [(IdUsuario::nueva(), Clase::NoProcesable), (id, Clase::Conflicto)] {
        let negativa = reaccionar(&mut udt, &reserva_creada_de_prueba(Some(id.0), HOY)).await.unwrap_err();
        let Negativa::Rechazo(rechazo) = negativa else { panic!("{negativa:?}") };
        assert_eq!((rechazo.clase, rechazo.puntero.as_deref()), (clase, Some("/id_cliente")));
    }
    assert!(udt.reservas.is_empty());
}

#[tokio::test]
async fn una_reserva_sin_cliente_no_toca_a_nadie() {
    let mut udt = Doble::con([]);
    reaccionar(&mut udt, &reserva_creada_de_prueba(None, HOY)).await.unwrap();
    assert!(udt.udt.bloqueos.is_empty() && udt.reservas.is_empty());
}
