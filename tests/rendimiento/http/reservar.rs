//! `POST /vuelos/reserva`, sin nadie que publique y con todo en marcha.

use std::time::Duration;

use tokio::time::Instant;

use super::{CALENTAMIENTO, CONEXIONES, Recorrido};
use crate::Fallo;
use crate::instancia::{Instancia, medir as medir_tanda};
use crate::limites::{self, Muestra};
use crate::medida::{Resultados, Tanda, alternar};
use crate::mundo::Mundo;

/// Lo más que puede tardar en moverse lo que dejó una tanda.
const VACIADO: Duration = Duration::from_mins(2);

pub async fn con_el_relevo_parado(mundo: &Mundo, resultados: &mut Resultados) -> Result<(), Fallo> {
    mundo.vaciar().await?;
    let instancia = mundo.arrancar(&[("AEROALPES_ROLES", "api")]).await?;
    let muestra = Muestra::tomar(mundo, &instancia).await?;
    for conexiones in CONEXIONES {
        mundo.vaciar().await?;
        limites::preparar(mundo).await?;
        let camino = recorrido("post", "POST /vuelos/reserva", conexiones);
        let limite = async |conexiones, segundos| limites::insercion(mundo, &muestra, conexiones, segundos).await;
        resultados.anotar(camino.medir(mundo, &instancia, limite).await?);
    }
    // Lo que no salió no ha de salir después.
    instancia.parar().await?;
    mundo.vaciar().await
}

pub async fn con_todo(mundo: &Mundo, resultados: &mut Resultados) -> Result<(), Fallo> {
    mundo.vaciar().await?;
    let instancia = mundo.arrancar(&[]).await?;
    let muestra = Muestra::tomar(mundo, &instancia).await?;
    let segundos = mundo.argumentos.segundos;
    for conexiones in CONEXIONES {
        mundo.asentar(VACIADO).await?;
        mundo.vaciar().await?;
        limites::preparar(mundo).await?;
        let camino = recorrido("post-con-todo", "POST /vuelos/reserva, con relevo y consumidor", conexiones);
        tanda_con_todo(&camino, mundo, &instancia, CALENTAMIENTO).await?;
        limites::insercion(mundo, &muestra, conexiones, CALENTAMIENTO).await?;
        let rondas = alternar(
            mundo.argumentos.rondas,
            async || tanda_con_todo(&camino, mundo, &instancia, segundos).await,
            async || limites::insercion(mundo, &muestra, conexiones, segundos).await,
        );
        resultados.anotar(camino.camino(rondas.await?));
    }
    instancia.parar().await?;
    Ok(())
}

/// La tanda no acaba hasta que lo escrito se publicó y se recibió: lo que va más deprisa que el relevo no cuenta, y el
/// procesador que gastó en publicarlo, sí. El atraso es el que había al dejar de cargar.
async fn tanda_con_todo(
    camino: &Recorrido<'_>,
    mundo: &Mundo,
    instancia: &Instancia,
    segundos: u64,
) -> Result<Tanda, Fallo> {
    let mut atraso = 0;
    let carga = async {
        let mut carga = camino.cargar(instancia, segundos).await?;
        let fin = Instant::now();
        atraso = mundo.atraso().await?;
        mundo.asentar(VACIADO).await?;
        carga.duracion += fin.elapsed();
        Ok(carga)
    };
    let tanda = medir_tanda(mundo, &[instancia], carga).await?;
    Ok(Tanda { atraso, ..tanda })
}

fn recorrido(clave: &'static str, titulo: &'static str, conexiones: u32) -> Recorrido<'static> {
    Recorrido { clave, titulo, conexiones, ruta: "/vuelos/reserva", guion: "reservar" }
}
