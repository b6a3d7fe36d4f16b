//! Las lecturas: una reserva por su identidad, y la página más nueva de la lista.

use super::{CONEXIONES, Recorrido};
use crate::Fallo;
use crate::instancia::Instancia;
use crate::limites::{self, Muestra};
use crate::medida::Resultados;
use crate::mundo::Mundo;

pub async fn por_id(mundo: &Mundo, resultados: &mut Resultados) -> Result<(), Fallo> {
    let instancia = con_reservas(mundo).await?;
    for conexiones in CONEXIONES {
        let camino =
            Recorrido { clave: "get", titulo: "GET /vuelos/reserva/{id}", conexiones, ruta: "", guion: "por_id" };
        let limite = async |conexiones, segundos| limites::lectura(mundo, conexiones, segundos).await;
        resultados.anotar(camino.medir(mundo, &instancia, limite).await?);
    }
    instancia.parar().await?;
    Ok(())
}

pub async fn pagina(mundo: &Mundo, resultados: &mut Resultados) -> Result<(), Fallo> {
    let instancia = con_reservas(mundo).await?;
    for conexiones in CONEXIONES {
        let titulo = "GET /vuelos/reserva (página de 50)";
        let camino = Recorrido { clave: "lista", titulo, conexiones, ruta: "/vuelos/reserva", guion: "leer" };
        let limite = async |conexiones, segundos| limites::pagina(mundo, conexiones, segundos).await;
        resultados.anotar(camino.medir(mundo, &instancia, limite).await?);
    }
    instancia.parar().await?;
    Ok(())
}

/// El servicio, con diez mil reservas guardadas y nada por publicar.
async fn con_reservas(mundo: &Mundo) -> Result<Instancia, Fallo> {
    mundo.vaciar().await?;
    let instancia = mundo.arrancar(&[("AEROALPES_ROLES", "api")]).await?;
    let muestra = Muestra::tomar(mundo, &instancia).await?;
    muestra.sembrar(mundo).await?;
    mundo.ejecutar("TRUNCATE bandeja_salida").await?;
    mundo.punto_de_control().await?;
    Ok(instancia)
}
