//! Leer una variable de entorno, o decir por qué no sirve.

use std::ffi::OsString;
use std::str::FromStr;
use std::time::Duration;

use secrecy::SecretString;
use zeroize::Zeroizing;

use super::{Entorno, ErrorConfig};

/// Una variable que no sirve y cuyo valor no se puede mostrar.
pub(super) fn sin_mostrar(variable: &'static str, esperado: &str) -> ErrorConfig {
    let esperado = format!("{esperado} (el valor no se muestra: puede llevar una contraseña)");
    ErrorConfig { variable, valor: None, esperado }
}

/// Interpreta un valor.
///
/// # Errors
/// [`ErrorConfig`] si no es lo esperado.
pub(super) fn interpretar<T: FromStr>(variable: &'static str, valor: &str, esperado: &str) -> Result<T, ErrorConfig> {
    let error = || ErrorConfig { variable, valor: Some(valor.to_owned()), esperado: esperado.to_owned() };
    valor.parse().map_err(|_| error())
}

/// Lee variables de un entorno.
pub(super) struct Lector<'a> {
    /// De dónde.
    pub(super) entorno: Entorno<'a>,
}

impl Lector<'_> {
    /// El texto de una variable; vacía es como si faltara.
    pub(super) fn texto(&self, variable: &'static str) -> Result<Option<String>, ErrorConfig> {
        let leido = (self.entorno)(variable).map(OsString::into_string).transpose();
        let leido = leido.map_err(|crudo| {
            let valor = Some(crudo.to_string_lossy().into_owned());
            ErrorConfig { variable, valor, esperado: "un texto en UTF-8".into() }
        })?;
        Ok(leido.filter(|texto| !texto.is_empty()))
    }

    /// El texto de una variable que puede llevar un secreto: un error no lo muestra.
    pub(super) fn texto_secreto(&self, variable: &'static str) -> Result<Option<String>, ErrorConfig> {
        self.texto(variable).map_err(|error| ErrorConfig { valor: None, ..error })
    }

    /// Un secreto, dicho en su variable o en el archivo que nombra la otra, pero no en las dos; y en cuál fue. Los
    /// espacios de los extremos no cuentan: un archivo suele llevar un fin de línea.
    pub(super) fn secreto(
        &self,
        variable: &'static str,
        en_archivo: &'static str,
    ) -> Result<Option<(&'static str, SecretString)>, ErrorConfig> {
        let directo = self.texto_secreto(variable)?.map(Zeroizing::new);
        let Some(ruta) = self.texto(en_archivo)? else {
            return Ok(directo.map(|texto| (variable, texto.trim().into())));
        };
        let error = |esperado: String| ErrorConfig { variable: en_archivo, valor: Some(ruta.clone()), esperado };
        if directo.is_some() {
            return Err(error(format!("que {variable} no esté definida")));
        }
        let leido = std::fs::read_to_string(&ruta).map(Zeroizing::new).ok().filter(|texto| !texto.trim().is_empty());
        let leido = leido.ok_or_else(|| error("un archivo que se pueda leer, con una línea".into()))?;
        Ok(Some((en_archivo, leido.trim().into())))
    }

    pub(super) fn valor<T: FromStr>(&self, variable: &'static str, esperado: &str) -> Result<Option<T>, ErrorConfig> {
        self.texto(variable)?.map(|texto| interpretar(variable, &texto, esperado)).transpose()
    }

    /// El valor de una variable, si es uno de esos.
    pub(super) fn una_de(&self, variable: &'static str, admitidas: &[&str]) -> Result<Option<String>, ErrorConfig> {
        match self.texto(variable)? {
            Some(valor) if !admitidas.contains(&valor.as_str()) => {
                Err(ErrorConfig { variable, valor: Some(valor), esperado: admitidas.join(" o ") })
            }
            valor => Ok(valor),
        }
    }

    pub(super) fn numero(
        &self,
        variable: &'static str,
        defecto: usize,
        minimo: usize,
        maximo: usize,
    ) -> Result<usize, ErrorConfig> {
        let esperado = format!("un número de {minimo} a {maximo}");
        let numero = self.valor(variable, &esperado)?.unwrap_or(defecto);
        if (minimo..=maximo).contains(&numero) {
            return Ok(numero);
        }
        Err(ErrorConfig { variable, valor: Some(numero.to_string()), esperado })
    }

    pub(super) fn milisegundos(&self, variable: &'static str, defecto: usize) -> Result<Duration, ErrorConfig> {
        let numero = self.numero(variable, defecto, 1, 3_600_000)?;
        Ok(Duration::from_millis(u64::try_from(numero).unwrap_or(u64::MAX)))
    }

    pub(super) fn segundos(
        &self,
        variable: &'static str,
        defecto: usize,
        maximo: usize,
    ) -> Result<Duration, ErrorConfig> {
        let numero = self.numero(variable, defecto, 1, maximo)?;
        Ok(Duration::from_secs(u64::try_from(numero).unwrap_or(u64::MAX)))
    }
}
