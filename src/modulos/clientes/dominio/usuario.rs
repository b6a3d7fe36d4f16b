//! La agregación raíz `Usuario`: registrado → validado, y desactivado desde cualquiera de los dos.

use std::time::Duration;

use time::OffsetDateTime;

use super::codigo::{CodigoEmitido, ErrorCodigo};
use super::contrasena::ContrasenaCifrada;
use super::email::Email;
use super::estado::{CambioNoPermitido, EstadoUsuario};
use super::eventos::{
    CodigoReemitido, EventoUsuario, HechoUsuario, UsuarioBorrado, UsuarioDesactivado, UsuarioRegistrado,
    UsuarioValidado,
};
use super::identificacion::Identificacion;
use crate::identidad;
use crate::seedwork::dominio::entidades::{AgregacionRaiz, Version};
use crate::seedwork::dominio::objetos_valor::Texto;

identidad!(
    /// Identidad de un usuario.
    IdUsuario
);

/// Los datos personales de un usuario.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatosUsuario {
    /// Nombres.
    pub nombres: Texto,
    /// Apellidos.
    pub apellidos: Texto,
    /// E-mail, único entre todos los usuarios.
    pub email: Email,
    /// Persona o empresa.
    pub identificacion: Identificacion,
}

/// Un usuario: la unidad que se lee, se bloquea y se guarda entera.
#[derive(Debug)]
pub struct Usuario {
    guardado: UsuarioGuardado,
    eventos: Vec<EventoUsuario>,
}

/// Un usuario tal como consta en el almacén.
#[derive(Debug)]
pub struct UsuarioGuardado {
    /// Su identidad.
    pub id: IdUsuario,
    /// Sus datos personales.
    pub datos: DatosUsuario,
    /// Su contraseña cifrada.
    pub contrasena: ContrasenaCifrada,
    /// El código con que se confirma su registro.
    pub codigo: CodigoEmitido,
    /// Su estado.
    pub estado: EstadoUsuario,
    /// Cuándo se registró.
    pub fecha_creacion: OffsetDateTime,
    /// Cuándo cambió por última vez.
    pub fecha_actualizacion: OffsetDateTime,
    /// Cuántas veces se ha guardado.
    pub version: Version,
}

impl Usuario {
    /// Registra un usuario y anota `UsuarioRegistrado`.
    #[must_use]
    pub fn registrar(id: IdUsuario, datos: DatosUsuario, contrasena: ContrasenaCifrada, ahora: OffsetDateTime) -> Self {
        let mut usuario = Self::reconstituir(UsuarioGuardado {
            id,
            datos,
            contrasena,
            codigo: CodigoEmitido::nuevo(ahora),
            estado: EstadoUsuario::Registrado,
            fecha_creacion: ahora,
            fecha_actualizacion: ahora,
            version: Version::NUEVA,
        });
        usuario.eventos.push(EventoUsuario::Registrado(UsuarioRegistrado(usuario.hecho())));
        usuario
    }

    /// Vuelve a formar un usuario con lo que consta en el almacén, sin anotar nada.
    #[must_use]
    pub const fn reconstituir(guardado: UsuarioGuardado) -> Self {
        Self { guardado, eventos: Vec::new() }
    }

    /// Si se puede intentar confirmar el registro con un código, y con cuál: el que se emitió en ese momento.
    ///
    /// # Errors
    /// [`ErrorCodigo`] si no está recién registrado, o su código caducó o se agotó.
    pub fn admitir_intento(&self, vigencia: Duration, ahora: OffsetDateTime) -> Result<OffsetDateTime, ErrorCodigo> {
        self.exigir_por_confirmar()?;
        self.guardado.codigo.admitir_intento(vigencia, ahora)?;
        Ok(self.guardado.codigo.emitido_en)
    }

    /// Cuenta que se intentó confirmar el registro con otro código.
    pub const fn anotar_fallo(&mut self) {
        self.guardado.codigo = self.guardado.codigo.con_otro_fallo();
    }

    /// Emite otro código, anota `CodigoReemitido` y da el momento con que se calcula. El anterior deja de valer.
    ///
    /// # Errors
    /// [`ErrorCodigo`] si no está recién registrado, o el anterior se emitió hace demasiado poco.
    pub fn emitir_otro_codigo(&mut self, ahora: OffsetDateTime) -> Result<OffsetDateTime, ErrorCodigo> {
        self.exigir_por_confirmar()?;
        self.guardado.codigo = self.guardado.codigo.reemplazar(ahora)?;
        let hecho = HechoUsuario { fecha_actualizacion: ahora, ..self.hecho() };
        self.eventos.push(EventoUsuario::CodigoReemitido(CodigoReemitido(hecho)));
        Ok(ahora)
    }

    fn exigir_por_confirmar(&self) -> Result<(), CambioNoPermitido> {
        match self.estado() {
            EstadoUsuario::Registrado => Ok(()),
            actual => Err(CambioNoPermitido { actual, pedido: EstadoUsuario::Validado }),
        }
    }

    /// Confirma el registro. Quien llama ya comprobó el código.
    ///
    /// # Errors
    /// [`CambioNoPermitido`] si no está recién registrado.
    pub fn validar(&mut self, ahora: OffsetDateTime) -> Result<(), CambioNoPermitido> {
        self.exigir_por_confirmar()?;
        self.pasar_a(EstadoUsuario::Validado, ahora);
        self.eventos.push(EventoUsuario::Validado(UsuarioValidado(self.hecho())));
        Ok(())
    }

    /// Desactiva al usuario, de forma definitiva.
    ///
    /// # Errors
    /// [`CambioNoPermitido`] si ya lo está.
    pub fn desactivar(&mut self, ahora: OffsetDateTime) -> Result<(), CambioNoPermitido> {
        if !self.esta_activo() {
            return Err(CambioNoPermitido { actual: self.estado(), pedido: EstadoUsuario::Desactivado });
        }
        self.pasar_a(EstadoUsuario::Desactivado, ahora);
        self.eventos.push(EventoUsuario::Desactivado(UsuarioDesactivado(self.hecho())));
        Ok(())
    }

    /// Deja de ser: de él sólo queda lo que el evento cuenta.
    #[must_use]
    pub fn borrar(self, ahora: OffsetDateTime) -> UsuarioBorrado {
        let UsuarioGuardado { id, fecha_creacion, fecha_actualizacion, .. } = self.guardado;
        UsuarioBorrado { id_usuario: id, fecha_creacion, borrado_en: ahora.max(fecha_actualizacion) }
    }

    fn pasar_a(&mut self, estado: EstadoUsuario, ahora: OffsetDateTime) {
        self.guardado.estado = estado;
        // Quien esperó el bloqueo puede traer un momento anterior al último cambio.
        self.guardado.fecha_actualizacion = ahora.max(self.guardado.fecha_actualizacion);
    }

    fn hecho(&self) -> HechoUsuario {
        HechoUsuario {
            id_usuario: self.guardado.id,
            estado: self.guardado.estado,
            fecha_creacion: self.guardado.fecha_creacion,
            fecha_actualizacion: self.guardado.fecha_actualizacion,
        }
    }

    /// Si puede reservar.
    #[must_use]
    pub fn esta_activo(&self) -> bool {
        self.estado() != EstadoUsuario::Desactivado
    }

    /// Su estado.
    #[must_use]
    pub const fn estado(&self) -> EstadoUsuario {
        self.guardado.estado
    }

    /// Todo lo que consta, o constará, en el almacén.
    #[must_use]
    pub const fn guardado(&self) -> &UsuarioGuardado {
        &self.guardado
    }

    /// Anota que se guardó: la próxima vez se compara con la versión siguiente.
    pub const fn marcar_guardado(&mut self) {
        self.guardado.version = self.guardado.version.siguiente();
    }
}

impl AgregacionRaiz for Usuario {
    type Id = IdUsuario;
    type Evento = EventoUsuario;

    fn id(&self) -> IdUsuario {
        self.guardado.id
    }

    fn tomar_eventos(&mut self) -> Vec<EventoUsuario> {
        std::mem::take(&mut self.eventos)
    }
}

#[cfg(test)]
pub mod pruebas {
    use time::macros::datetime;

    use super::*;

    /// Un momento cualquiera, para las pruebas del módulo.
    pub const HOY: OffsetDateTime = datetime!(2026-11-24 10:00 UTC);

    /// Unos datos cualesquiera, para las pruebas del módulo.
    pub fn datos() -> DatosUsuario {
        DatosUsuario {
            nombres: Texto::nuevo("Ana").unwrap(),
            apellidos: Texto::nuevo("Pérez").unwrap(),
            email: Email::nuevo("ana@ejemplo.co").unwrap(),
            identificacion: Identificacion::Persona { cedula: None, fecha_nacimiento: None },
        }
    }

    /// Un usuario recién registrado y sin eventos, para las pruebas del módulo.
    pub fn usuario() -> Usuario {
        let cifrada = ContrasenaCifrada::nueva("cifrada".into());
        let mut usuario = Usuario::registrar(IdUsuario::nueva(), datos(), cifrada, HOY);
        usuario.tomar_eventos();
        usuario
    }

    #[test]
    fn se_valida_una_sola_vez() {
        let mut usuario = usuario();
        usuario.validar(HOY).unwrap();
        assert_eq!(usuario.estado(), EstadoUsuario::Validado);
        assert!(matches!(usuario.tomar_eventos()[..], [EventoUsuario::Validado(_)]));
        assert!(usuario.validar(HOY).is_err());
        assert_eq!(usuario.tomar_eventos(), []);
    }

    #[test]
    fn desactivado_es_definitivo() {
        for validado in [false, true] {
            let mut usuario = usuario();
            if validado {
                usuario.validar(HOY).unwrap();
                usuario.tomar_eventos();
            }
            assert!(usuario.esta_activo());
            usuario.desactivar(HOY).unwrap();
            assert!(!usuario.esta_activo());
            assert!(matches!(usuario.tomar_eventos()[..], [EventoUsuario::Desactivado(_)]));
            assert!(usuario.desactivar(HOY).is_err() && usuario.validar(HOY).is_err());
        }
    }

    #[test]
    fn solo_quien_esta_por_confirmar_tiene_un_codigo_que_intentar() {
        let (vigencia, mas_tarde) = (Duration::from_hours(24), HOY + Duration::from_mins(2));
        let mut usuario = usuario();
        assert_eq!(usuario.admitir_intento(vigencia, HOY), Ok(HOY));
        usuario.anotar_fallo();
        assert_eq!(usuario.guardado().codigo.fallos, 1);
        assert!(usuario.emitir_otro_codigo(HOY).is_err() && usuario.tomar_eventos().is_empty());
        assert_eq!(usuario.emitir_otro_codigo(mas_tarde), Ok(mas_tarde));
        let emitido = usuario.tomar_eventos();
        assert!(matches!(&emitido[..], [EventoUsuario::CodigoReemitido(e)] if e.0.fecha_actualizacion == mas_tarde));
        assert_eq!(usuario.admitir_intento(vigencia, HOY), Ok(mas_tarde));
        usuario.validar(HOY).unwrap();
        assert!(matches!(usuario.admitir_intento(vigencia, HOY), Err(ErrorCodigo::Cambio(_))));
        assert!(matches!(usuario.emitir_otro_codigo(mas_tarde), Err(ErrorCodigo::Cambio(_))));
    }

    #[test]
    fn borrado_solo_deja_su_identidad_y_sus_fechas() {
        let (usuario, antes) = (usuario(), HOY - Duration::from_secs(1));
        let id_usuario = usuario.id();
        // Quien esperó el bloqueo puede traer un momento anterior al último cambio.
        let esperado = UsuarioBorrado { id_usuario, fecha_creacion: HOY, borrado_en: HOY };
        assert_eq!(usuario.borrar(antes), esperado);
    }

    #[test]
    fn debug_no_muestra_datos_personales() {
        let texto = format!("{:?}", usuario());
        for dato in ["Ana", "Pérez", "ana@", "cifrada\""] {
            assert!(!texto.contains(dato), "{texto}");
        }
    }
}
