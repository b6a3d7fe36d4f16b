//! La agregación raíz `Usuario`: registrado → validado, y desactivado desde cualquiera de los dos.

use std::fmt;

use thiserror::Error;
use time::OffsetDateTime;

use super::contrasena::ContrasenaCifrada;
use super::email::Email;
use super::eventos::{EventoUsuario, HechoUsuario, UsuarioDesactivado, UsuarioRegistrado, UsuarioValidado};
use super::identificacion::Identificacion;
use crate::identidad;
use crate::seedwork::dominio::entidades::{AgregacionRaiz, Version};
use crate::seedwork::dominio::objetos_valor::Texto;

identidad!(
    /// Identidad de un usuario.
    IdUsuario
);

/// En qué punto de su vida está un usuario.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EstadoUsuario {
    /// Registrado, sin confirmar con el código.
    Registrado,
    /// Confirmado con el código.
    Validado,
    /// Desactivado; es definitivo.
    Desactivado,
}

impl EstadoUsuario {
    /// Todos los estados.
    pub const TODOS: [Self; 3] = [Self::Registrado, Self::Validado, Self::Desactivado];

    /// El nombre del estado, en minúsculas.
    #[must_use]
    pub const fn nombre(self) -> &'static str {
        match self {
            Self::Registrado => "registrado",
            Self::Validado => "validado",
            Self::Desactivado => "desactivado",
        }
    }

    /// El estado de ese nombre, si lo hay.
    #[must_use]
    pub fn de_nombre(nombre: &str) -> Option<Self> {
        Self::TODOS.into_iter().find(|estado| estado.nombre() == nombre)
    }
}

impl fmt::Display for EstadoUsuario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.nombre())
    }
}

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

/// El estado del usuario no permite lo que se pidió. El usuario no cambia.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("Un usuario {actual} no puede pasar a {pedido}")]
pub struct CambioNoPermitido {
    /// El estado en que está.
    pub actual: EstadoUsuario,
    /// El estado al que se quiso pasar.
    pub pedido: EstadoUsuario,
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

    /// Confirma el registro. Quien llama ya comprobó el código.
    ///
    /// # Errors
    /// [`CambioNoPermitido`] si no está recién registrado.
    pub fn validar(&mut self, ahora: OffsetDateTime) -> Result<(), CambioNoPermitido> {
        self.pasar_a(EstadoUsuario::Validado, self.estado() == EstadoUsuario::Registrado, ahora)?;
        self.eventos.push(EventoUsuario::Validado(UsuarioValidado(self.hecho())));
        Ok(())
    }

    /// Desactiva al usuario, de forma definitiva.
    ///
    /// # Errors
    /// [`CambioNoPermitido`] si ya lo está.
    pub fn desactivar(&mut self, ahora: OffsetDateTime) -> Result<(), CambioNoPermitido> {
        self.pasar_a(EstadoUsuario::Desactivado, self.esta_activo(), ahora)?;
        self.eventos.push(EventoUsuario::Desactivado(UsuarioDesactivado(self.hecho())));
        Ok(())
    }

    fn pasar_a(
        &mut self,
        pedido: EstadoUsuario,
        permitido: bool,
        ahora: OffsetDateTime,
    ) -> Result<(), CambioNoPermitido> {
        if !permitido {
            return Err(CambioNoPermitido { actual: self.estado(), pedido });
        }
        self.guardado.estado = pedido;
        // Quien esperó el bloqueo puede traer un momento anterior al último cambio.
        self.guardado.fecha_actualizacion = ahora.max(self.guardado.fecha_actualizacion);
        Ok(())
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
    fn debug_no_muestra_datos_personales() {
        let texto = format!("{:?}", usuario());
        for dato in ["Ana", "Pérez", "ana@", "cifrada\""] {
            assert!(!texto.contains(dato), "{texto}");
        }
    }
}
