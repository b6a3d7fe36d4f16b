//! Qué hace esta instancia: los papeles que se le dan, uno al menos.

use super::ErrorConfig;
use super::lector::Lector;

/// Una parte del servicio que puede escalar sola.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rol {
    /// Atiende las rutas de la aplicación y acepta comandos.
    Api,
    /// Recibe del bróker y atiende las entregas, de comandos y de eventos.
    Consumidor,
    /// Publica la bandeja de salida, o la reparte si el bus es el local, borra lo viejo y envía los correos.
    Relevo,
}

impl Rol {
    const TODOS: [Self; 3] = [Self::Api, Self::Consumidor, Self::Relevo];

    const fn nombre(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Consumidor => "consumidor",
            Self::Relevo => "relevo",
        }
    }
}

/// Los roles de una instancia: uno, dos o los tres. No hay forma de tener ninguno.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Roles {
    primero: Rol,
    demas: [Option<Rol>; 2],
}

impl Roles {
    /// Si hace eso.
    #[must_use]
    pub fn tiene(self, rol: Rol) -> bool {
        self.primero == rol || self.demas.contains(&Some(rol))
    }

    /// Si son los tres.
    #[must_use]
    pub fn son_todos(self) -> bool {
        Rol::TODOS.into_iter().all(|rol| self.tiene(rol))
    }

    /// Los nombres, separados por comas y sin repetir.
    fn de(texto: &str) -> Option<Self> {
        let mut roles = texto.split(',').map(|nombre| Rol::TODOS.into_iter().find(|rol| rol.nombre() == nombre.trim()));
        let mut leidos = Self { primero: roles.next()??, demas: [None; 2] };
        for rol in roles {
            let rol = rol.filter(|rol| !leidos.tiene(*rol))?;
            *leidos.demas.iter_mut().find(|lugar| lugar.is_none())? = Some(rol);
        }
        Some(leidos)
    }
}

/// Todos.
impl Default for Roles {
    fn default() -> Self {
        Self { primero: Rol::Api, demas: [Some(Rol::Consumidor), Some(Rol::Relevo)] }
    }
}

/// Los que se piden, o todos.
pub(super) fn roles(lector: &Lector<'_>, opcion: Option<String>) -> Result<Roles, ErrorConfig> {
    let (variable, pedidos) = match opcion {
        Some(pedidos) => ("--roles", Some(pedidos)),
        None => ("AEROALPES_ROLES", lector.texto("AEROALPES_ROLES")?),
    };
    let Some(pedidos) = pedidos else { return Ok(Roles::default()) };
    Roles::de(&pedidos).ok_or_else(|| {
        let esperado = "uno o varios de api, consumidor y relevo, separados por comas y sin repetir".into();
        ErrorConfig { variable, valor: Some(pedidos), esperado }
    })
}

#[cfg(test)]
mod pruebas {
    use super::super::pruebas::leer;
    use super::*;

    fn roles_de(texto: &str) -> Result<[bool; 3], ErrorConfig> {
        leer(&[("AEROALPES_ROLES", texto), ("DATABASE_URL", "postgres://x/y")])
            .map(|config| Rol::TODOS.map(|rol| config.roles.tiene(rol)))
    }

    #[test]
    fn sin_decir_nada_son_todos_y_si_no_los_que_se_digan() {
        for (texto, esperados) in [
            ("", [true, true, true]),
            ("relevo,api, consumidor", [true, true, true]),
            ("api", [true, false, false]),
            ("consumidor", [false, true, false]),
            ("relevo", [false, false, true]),
            ("relevo,consumidor", [false, true, true]),
        ] {
            assert_eq!(roles_de(texto).unwrap(), esperados, "{texto}");
        }
    }

    #[test]
    fn uno_repetido_desconocido_o_vacio_no_sirve() {
        for texto in ["api,api", "relevo,consumidor,relevo", "api,", ",", "API", "web", "api;relevo", " "] {
            let error = roles_de(texto).unwrap_err();
            assert_eq!((error.variable, error.valor.as_deref()), ("AEROALPES_ROLES", Some(texto)));
        }
    }
}
