//! Contraseñas con Argon2id (RFC 9106), fuera de los hilos del *runtime* y de a pocas a la vez.

use std::sync::Arc;
use std::thread::available_parallelism;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use crate::modulos::clientes::dominio::contrasena::{Contrasena, ContrasenaCifrada};
use crate::seedwork::dominio::repositorios::Falla;

/// Cifra y compara. Cada cálculo ocupa un núcleo y 19 MiB: hay tantos turnos como núcleos y los demás esperan.
pub struct Argon2id {
    argon2: Argon2<'static>,
    senuelo: ContrasenaCifrada,
    turnos: Arc<Semaphore>,
}

impl Argon2id {
    /// Con los parámetros mínimos que recomienda OWASP: 19 MiB, dos pasadas, un hilo.
    ///
    /// # Errors
    /// [`Falla::Interna`] si no hay azar.
    pub fn nuevo() -> Result<Self, Falla> {
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::default());
        let senuelo = cifrar(&argon2, "nadie tiene esta contraseña")?;
        let nucleos = available_parallelism().map_or(1, usize::from);
        Ok(Self { argon2, senuelo, turnos: Arc::new(Semaphore::new(nucleos)) })
    }

    /// Cifra una contraseña con una sal nueva.
    ///
    /// # Errors
    /// [`Falla::Interna`].
    pub async fn cifrar(&self, contrasena: Contrasena) -> Result<ContrasenaCifrada, Falla> {
        let argon2 = self.argon2.clone();
        self.calcular(move || cifrar(&argon2, contrasena.en_claro())).await
    }

    /// Si la contraseña es la cifrada. Sin cifrada se compara con un señuelo: responde que no y tarda lo mismo.
    ///
    /// # Errors
    /// [`Falla::Interna`] si lo guardado no es un cifrado.
    pub async fn coincide(&self, contrasena: Contrasena, cifrada: Option<ContrasenaCifrada>) -> Result<bool, Falla> {
        let (argon2, hay_cifrada) = (self.argon2.clone(), cifrada.is_some());
        let cifrada = cifrada.unwrap_or_else(|| self.senuelo.clone());
        self.calcular(move || {
            let guardada = PasswordHash::new(cifrada.phc()).map_err(|e| Falla::interna(e.to_string()))?;
            let igual = argon2.verify_password(contrasena.en_claro().as_bytes(), &guardada).is_ok();
            Ok(igual && hay_cifrada)
        })
        .await
    }

    async fn calcular<T: Send + 'static>(
        &self,
        calculo: impl FnOnce() -> Result<T, Falla> + Send + 'static,
    ) -> Result<T, Falla> {
        let turno = Arc::clone(&self.turnos).acquire_owned().await.map_err(Falla::interna)?;
        // El turno va con el cálculo: si nadie espera ya el resultado, el núcleo sigue ocupado hasta que acabe.
        let tarea = spawn_blocking(move || {
            let resultado = calculo();
            drop(turno);
            resultado
        });
        tarea.await.map_err(Falla::interna)?
    }
}

fn cifrar(argon2: &Argon2<'_>, contrasena: &str) -> Result<ContrasenaCifrada, Falla> {
    let phc = argon2.hash_password(contrasena.as_bytes()).map_err(|e| Falla::interna(e.to_string()))?;
    Ok(ContrasenaCifrada::nueva(phc.to_string()))
}

#[cfg(test)]
mod pruebas {
    use zeroize::Zeroizing;

    use super::*;

    fn contrasena(texto: &str) -> Contrasena {
        Contrasena::nueva(Zeroizing::new(texto.into())).unwrap()
    }

    #[tokio::test]
    async fn solo_coincide_la_misma_contrasena() {
        let argon2 = Argon2id::nuevo().unwrap();
        let cifrada = argon2.cifrar(contrasena("correcta-1")).await.unwrap();
        assert!(cifrada.phc().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert!(argon2.coincide(contrasena("correcta-1"), Some(cifrada.clone())).await.unwrap());
        assert!(!argon2.coincide(contrasena("Correcta-1"), Some(cifrada)).await.unwrap());
    }

    #[tokio::test]
    async fn sin_cifrada_no_coincide_ni_el_senuelo() {
        let argon2 = Argon2id::nuevo().unwrap();
        assert!(!argon2.coincide(contrasena("nadie tiene esta contraseña"), None).await.unwrap());
    }

    #[tokio::test]
    async fn dos_cifrados_de_la_misma_contrasena_son_distintos() {
        let argon2 = Argon2id::nuevo().unwrap();
        let (uno, otro) = (argon2.cifrar(contrasena("igual-88")).await, argon2.cifrar(contrasena("igual-88")).await);
        assert!(uno.unwrap() != otro.unwrap());
    }

    #[tokio::test]
    async fn lo_que_no_es_un_cifrado_es_un_error_y_no_un_no() {
        let argon2 = Argon2id::nuevo().unwrap();
        let rota = ContrasenaCifrada::nueva("no es PHC".into());
        assert!(argon2.coincide(contrasena("cualquiera"), Some(rota)).await.is_err());
    }
}
