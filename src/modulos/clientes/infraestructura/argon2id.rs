//! Contraseñas con Argon2id (RFC 9106), fuera de los hilos del *runtime* y de a pocas a la vez.

use std::sync::Arc;
use std::thread::available_parallelism;

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::password_hash::{self, try_generate_salt};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use super::argon2id_memoria::{Memoria, Memorias};
use crate::modulos::clientes::dominio::contrasena::{Contrasena, ContrasenaCifrada};
use crate::seedwork::dominio::repositorios::Falla;

/// Con lo que se compara si no hay cifrada: con la forma de todas, y que no es el cifrado de nada (es azar). Calcularlo al
/// arrancar era la mitad de lo que cuesta arrancar.
const SENUELO: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$dulIctApu5bBCSH8b1ed3w$9OKrtzRENnwiKC7zq3lckasInpj8k2TNtHlEXEgYO/c";

/// Cifra y compara. Cada cálculo ocupa un núcleo y 19 MiB: hay tantos turnos como núcleos y los demás esperan.
pub struct Argon2id {
    turnos: Arc<Semaphore>,
    memorias: Memorias,
}

impl Argon2id {
    /// Con los parámetros mínimos que recomienda OWASP: 19 MiB, dos pasadas, un hilo.
    pub fn nuevo() -> Self {
        let nucleos = available_parallelism().map_or(1, usize::from);
        Self { turnos: Arc::new(Semaphore::new(nucleos)), memorias: Memorias::default() }
    }

    /// Cifra una contraseña con una sal nueva.
    ///
    /// # Errors
    /// [`Falla::Interna`].
    pub async fn cifrar(&self, contrasena: Contrasena) -> Result<ContrasenaCifrada, Falla> {
        let phc = self.calcular(move |memoria| cifrar(memoria, &contrasena)).await?;
        Ok(ContrasenaCifrada::nueva(phc.to_string()))
    }

    /// Si la contraseña es la cifrada. Sin cifrada se compara con un señuelo: responde que no y tarda lo mismo.
    ///
    /// # Errors
    /// [`Falla::Interna`] si lo guardado no es un cifrado.
    pub async fn coincide(&self, contrasena: Contrasena, cifrada: Option<ContrasenaCifrada>) -> Result<bool, Falla> {
        let hay_cifrada = cifrada.is_some();
        let cifrada = cifrada.unwrap_or_else(|| ContrasenaCifrada::nueva(SENUELO.into()));
        let igual = self.calcular(move |memoria| coincide(memoria, &contrasena, &cifrada)).await?;
        Ok(igual && hay_cifrada)
    }

    async fn calcular<T: Send + 'static>(
        &self,
        calculo: impl FnOnce(&mut Memoria) -> password_hash::Result<T> + Send + 'static,
    ) -> Result<T, Falla> {
        let (espera, memorias) = (self.memorias.esperar(), self.memorias.clone());
        let turno = Arc::clone(&self.turnos).acquire_owned().await.map_err(Falla::interna)?;
        let mut memoria = espera.memoria();
        // El turno va con el cálculo: si nadie espera ya el resultado, el núcleo sigue ocupado hasta que acabe.
        let tarea = spawn_blocking(move || {
            let resultado = calculo(&mut memoria);
            memorias.dejar(memoria);
            drop(turno);
            resultado
        });
        tarea.await.map_err(Falla::interna)?.map_err(|error| Falla::interna(error.to_string()))
    }
}

fn cifrar(memoria: &mut Memoria, contrasena: &Contrasena) -> password_hash::Result<PasswordHash> {
    let (params, sal) = (Params::default(), Salt::new(&try_generate_salt()?)?);
    Ok(PasswordHash {
        algorithm: Algorithm::Argon2id.ident(),
        version: Some(Version::V0x13.into()),
        params: ParamsString::try_from(&params)?,
        salt: Some(sal),
        hash: Some(huella(memoria, (Algorithm::Argon2id, Version::V0x13, params), contrasena, &sal)?),
    })
}

/// Con el algoritmo, la versión y los parámetros que dice lo guardado, como manda PHC.
fn coincide(
    memoria: &mut Memoria,
    contrasena: &Contrasena,
    cifrada: &ContrasenaCifrada,
) -> password_hash::Result<bool> {
    let guardada = PasswordHash::new(cifrada.phc())?;
    let (Some(sal), Some(esperada)) = (guardada.salt, guardada.hash) else {
        return Err(password_hash::Error::PasswordInvalid);
    };
    let version = guardada.version.map(Version::try_from).transpose()?.unwrap_or_default();
    let como = (Algorithm::try_from(guardada.algorithm.as_str())?, version, Params::try_from(&guardada)?);
    // `Output` compara en tiempo constante.
    Ok(huella(memoria, como, contrasena, &sal)? == esperada)
}

fn huella(
    memoria: &mut Memoria,
    (algoritmo, version, params): (Algorithm, Version, Params),
    contrasena: &Contrasena,
    sal: &Salt,
) -> password_hash::Result<Output> {
    let mut salida = [0; Output::MAX_LENGTH];
    let largo = params.output_len().unwrap_or(Params::DEFAULT_OUTPUT_LEN);
    let salida = salida.get_mut(..largo).ok_or(password_hash::Error::OutputSize)?;
    let argon2 = Argon2::new(algoritmo, version, params);
    memoria.calcular(&argon2, contrasena.en_claro().as_bytes(), sal, salida)?;
    Ok(Output::new(salida)?)
}

#[cfg(test)]
mod pruebas {
    use argon2::password_hash::{PasswordHasher, PasswordVerifier};
    use zeroize::Zeroizing;

    use super::*;

    fn contrasena(texto: &str) -> Contrasena {
        Contrasena::nueva(Zeroizing::new(texto.into())).unwrap()
    }

    #[tokio::test]
    async fn solo_coincide_la_misma_contrasena() {
        let argon2 = Argon2id::nuevo();
        let cifrada = argon2.cifrar(contrasena("correcta-1")).await.unwrap();
        assert!(cifrada.phc().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert!(argon2.coincide(contrasena("correcta-1"), Some(cifrada.clone())).await.unwrap());
        assert!(!argon2.coincide(contrasena("Correcta-1"), Some(cifrada)).await.unwrap());
    }

    #[tokio::test]
    async fn sin_cifrada_no_coincide_y_el_senuelo_cuesta_lo_que_una_de_verdad() {
        let argon2 = Argon2id::nuevo();
        assert!(!argon2.coincide(contrasena("cualquiera"), None).await.unwrap());
        let cifrada = argon2.cifrar(contrasena("cualquiera")).await.unwrap();
        let forma = |phc: &str| {
            let PasswordHash { algorithm, version, params, salt, hash } = PasswordHash::new(phc).unwrap();
            (algorithm, version, params.to_string(), salt.unwrap().len(), hash.unwrap().len())
        };
        assert_eq!(forma(SENUELO), forma(cifrada.phc()));
    }

    #[tokio::test]
    async fn la_biblioteca_comprueba_lo_nuestro_y_nosotros_lo_suyo_con_sus_parametros() {
        let nuestra = Argon2id::nuevo().cifrar(contrasena("correcta-1")).await.unwrap();
        assert!(Argon2::default().verify_password(b"correcta-1", nuestra.phc()).is_ok());
        let params = Params::new(64, 3, 1, Some(24)).unwrap();
        let suya = Argon2::from(params).hash_password(b"correcta-1").unwrap().to_string();
        for (dicha, igual) in [("correcta-1", true), ("Correcta-1", false)] {
            let suya = Some(ContrasenaCifrada::nueva(suya.clone()));
            assert_eq!(Argon2id::nuevo().coincide(contrasena(dicha), suya).await.unwrap(), igual);
        }
    }

    #[tokio::test]
    async fn dos_cifrados_de_la_misma_contrasena_son_distintos() {
        let argon2 = Argon2id::nuevo();
        let (uno, otro) = (argon2.cifrar(contrasena("igual-88")).await, argon2.cifrar(contrasena("igual-88")).await);
        assert!(uno.unwrap() != otro.unwrap());
    }

    #[tokio::test]
    async fn lo_que_no_es_un_cifrado_es_un_error_y_no_un_no() {
        let argon2 = Argon2id::nuevo();
        let rota = ContrasenaCifrada::nueva("no es PHC".into());
        assert!(argon2.coincide(contrasena("cualquiera"), Some(rota)).await.is_err());
    }
}
