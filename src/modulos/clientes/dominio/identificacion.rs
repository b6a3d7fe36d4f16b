//! Con qué se identifica un usuario, según sea persona o empresa.

use std::fmt;

use time::Date;

use crate::seedwork::dominio::objetos_valor::Texto;
use crate::seedwork::dominio::reglas::{ReglaNegocio, ReglaRota, exigir};

/// Con qué se identifica un usuario: una persona o una empresa, nunca las dos cosas.
#[derive(Clone, PartialEq, Eq)]
pub enum Identificacion {
    /// Una persona.
    Persona {
        /// Su cédula.
        cedula: Option<Texto>,
        /// Cuándo nació.
        fecha_nacimiento: Option<Date>,
    },
    /// Una empresa.
    Empresa {
        /// Su registro tributario.
        rut: Option<Texto>,
        /// Cuándo se constituyó.
        fecha_constitucion: Option<Date>,
    },
}

impl fmt::Debug for Identificacion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identificacion(***)")
    }
}

/// El número y la fecha de una identificación.
pub type NumeroYFecha = (Option<String>, Option<Date>);

impl Identificacion {
    /// La identificación de una persona o de una empresa, con los datos de su tipo y ninguno del otro.
    ///
    /// # Errors
    /// `IdentificacionDeSuTipo`, `TextoValido` o `FechaPasada`, con el puntero del dato.
    pub fn nueva(
        es_empresarial: bool,
        persona: NumeroYFecha,
        empresa: NumeroYFecha,
        hoy: Date,
    ) -> Result<Self, ReglaRota> {
        let (nombres_persona, nombres_empresa) = (["cedula", "fecha_nacimiento"], ["rut", "fecha_constitucion"]);
        if es_empresarial {
            ninguno_del_otro_tipo(&persona, nombres_persona)?;
            let (rut, fecha_constitucion) = comprobar(empresa, nombres_empresa, hoy)?;
            return Ok(Self::Empresa { rut, fecha_constitucion });
        }
        ninguno_del_otro_tipo(&empresa, nombres_empresa)?;
        let (cedula, fecha_nacimiento) = comprobar(persona, nombres_persona, hoy)?;
        Ok(Self::Persona { cedula, fecha_nacimiento })
    }

    /// Si es una empresa.
    #[must_use]
    pub const fn es_empresarial(&self) -> bool {
        matches!(self, Self::Empresa { .. })
    }
}

fn ninguno_del_otro_tipo((numero, fecha): &NumeroYFecha, nombres: [&str; 2]) -> Result<(), ReglaRota> {
    exigir(&IdentificacionDeSuTipo(numero.is_none())).map_err(|rota| rota.en(nombres[0]))?;
    exigir(&IdentificacionDeSuTipo(fecha.is_none())).map_err(|rota| rota.en(nombres[1]))
}

fn comprobar(
    (numero, fecha): NumeroYFecha,
    nombres: [&str; 2],
    hoy: Date,
) -> Result<(Option<Texto>, Option<Date>), ReglaRota> {
    let numero = numero.map(Texto::obligatorio).transpose().map_err(|rota| rota.en(nombres[0]))?;
    exigir(&FechaPasada { fecha, hoy }).map_err(|rota| rota.en(nombres[1]))?;
    Ok((numero, fecha))
}

/// Una persona no tiene los datos de una empresa, ni al revés.
struct IdentificacionDeSuTipo(bool);

impl ReglaNegocio for IdentificacionDeSuTipo {
    const NOMBRE: &'static str = "IdentificacionDeSuTipo";

    fn mensaje(&self) -> String {
        "Una persona se identifica con cedula y fecha_nacimiento; una empresa, con rut y fecha_constitucion".into()
    }

    fn es_valida(&self) -> bool {
        self.0
    }
}

/// Nadie nace ni se constituye en el futuro.
struct FechaPasada {
    fecha: Option<Date>,
    hoy: Date,
}

impl ReglaNegocio for FechaPasada {
    const NOMBRE: &'static str = "FechaPasada";

    fn mensaje(&self) -> String {
        "La fecha no puede estar en el futuro".into()
    }

    fn es_valida(&self) -> bool {
        self.fecha.is_none_or(|fecha| fecha <= self.hoy)
    }
}

#[cfg(test)]
mod pruebas {
    use super::super::usuario::pruebas::HOY;
    use super::*;

    #[test]
    fn una_persona_y_una_empresa_no_mezclan_sus_datos() {
        let hoy = HOY.date();
        let datos = || (Some("123".to_owned()), Some(hoy));
        let nada = || (None, None);
        assert!(!Identificacion::nueva(false, datos(), nada(), hoy).unwrap().es_empresarial());
        assert!(Identificacion::nueva(true, nada(), datos(), hoy).unwrap().es_empresarial());
        for (es_empresarial, persona, empresa, puntero) in [
            (true, (Some("1".into()), None), nada(), "/cedula"),
            (true, (None, Some(hoy)), nada(), "/fecha_nacimiento"),
            (false, nada(), (Some("1".into()), None), "/rut"),
            (false, nada(), (None, Some(hoy)), "/fecha_constitucion"),
        ] {
            let rota = Identificacion::nueva(es_empresarial, persona, empresa, hoy).unwrap_err();
            assert_eq!((rota.regla, rota.puntero.as_str()), ("IdentificacionDeSuTipo", puntero));
        }
    }

    #[test]
    fn nadie_nace_en_el_futuro() {
        let hoy = HOY.date();
        let rota = Identificacion::nueva(false, (None, hoy.next_day()), (None, None), hoy).unwrap_err();
        assert_eq!((rota.regla, rota.puntero.as_str()), ("FechaPasada", "/fecha_nacimiento"));
    }
}
