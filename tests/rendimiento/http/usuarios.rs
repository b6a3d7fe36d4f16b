//! `POST /clientes/usuario`: su límite es Argon2id, solo, en los mismos núcleos.

use std::thread::{available_parallelism, scope};
use std::time::{Duration, Instant};

use argon2::Argon2;
use argon2::password_hash::PasswordHasher;

use super::{CONEXIONES, Recorrido};
use crate::Fallo;
use crate::medida::Resultados;
use crate::mundo::Mundo;

pub async fn medir(mundo: &Mundo, resultados: &mut Resultados) -> Result<(), Fallo> {
    mundo.vaciar().await?;
    let instancia = mundo.arrancar(&[("AEROALPES_ROLES", "api")]).await?;
    for conexiones in CONEXIONES {
        let (titulo, ruta) = ("POST /clientes/usuario", "/clientes/usuario");
        let camino = Recorrido { clave: "usuario", titulo, conexiones, ruta, guion: "registrar" };
        let limite = async |conexiones, segundos| {
            tokio::task::spawn_blocking(move || cifrar_sin_parar(conexiones, segundos)).await?
        };
        resultados.anotar(camino.medir(mundo, &instancia, limite).await?);
    }
    instancia.parar().await?;
    mundo.vaciar().await
}

/// Cuántas contraseñas por segundo se cifran, con un hilo por conexión y no más que núcleos.
fn cifrar_sin_parar(conexiones: u32, segundos: u64) -> Result<f64, Fallo> {
    let hilos = available_parallelism().map_or(1, usize::from).min(usize::try_from(conexiones)?);
    let (empezo, plazo) = (Instant::now(), Duration::from_secs(segundos));
    let cifrar = || -> Result<u32, Fallo> {
        let (argon2, mut hechas) = (Argon2::default(), 0);
        while empezo.elapsed() < plazo {
            argon2.hash_password(b"correcta-y-larga").map_err(|error| error.to_string())?;
            hechas += 1;
        }
        Ok(hechas)
    };
    let hechas = scope(|ambito| {
        let hilos: Vec<_> = (0..hilos).map(|_| ambito.spawn(cifrar)).collect();
        let hechas = hilos.into_iter().map(|hilo| hilo.join().map_err(|_| "un hilo entró en pánico")?);
        hechas.sum::<Result<u32, Fallo>>()
    })?;
    Ok(f64::from(hechas) / empezo.elapsed().as_secs_f64())
}
