//! Ocho órdenes a la vez sobre una sola fila: cuánto cuesta lo que pasa con la fila bloqueada.

use super::Recorrido;
use crate::Fallo;
use crate::limites::{self, APARTE, Muestra};
use crate::medida::Resultados;
use crate::mundo::Mundo;

/// Cuántas a la vez.
const A_LA_VEZ: u32 = 8;

/// Una reserva que por más que se pague sigue pendiente: así la misma orden se puede repetir, y siempre escribe. El
/// límite paga lo mismo.
const SIEMPRE_PENDIENTE: &str = "CREATE OR REPLACE FUNCTION public.siempre_pendiente() RETURNS trigger LANGUAGE plpgsql AS \
    $$ BEGIN NEW.estado := 'pendiente'; RETURN NEW; END $$;";

pub async fn medir(mundo: &Mundo, resultados: &mut Resultados) -> Result<(), Fallo> {
    mundo.vaciar().await?;
    limites::preparar(mundo).await?;
    let disparador = |esquema: &str| {
        format!(
            "CREATE OR REPLACE TRIGGER siempre_pendiente BEFORE UPDATE ON {esquema}.reservas FOR EACH ROW \
             EXECUTE FUNCTION public.siempre_pendiente();"
        )
    };
    mundo.ejecutar(&[SIEMPRE_PENDIENTE, &disparador("public"), &disparador(APARTE)].concat()).await?;
    let medido = con_la_fila(mundo, resultados).await;
    mundo.ejecutar("DROP FUNCTION public.siempre_pendiente() CASCADE").await?;
    medido
}

async fn con_la_fila(mundo: &Mundo, resultados: &mut Resultados) -> Result<(), Fallo> {
    let instancia = mundo.arrancar(&[("AEROALPES_ROLES", "api")]).await?;
    let muestra = Muestra::tomar(mundo, &instancia).await?;
    let copia = format!("INSERT INTO {APARTE}.reservas SELECT * FROM public.reservas WHERE id = '{}'", muestra.id);
    mundo.ejecutar(&copia).await?;
    let (titulo, ruta) = ("8 órdenes sobre una misma reserva", format!("/vuelos/reserva/{}/pagar", muestra.id));
    let camino = Recorrido { clave: "fila-caliente", titulo, conexiones: A_LA_VEZ, ruta: &ruta, guion: "orden" };
    let limite = async |conexiones, segundos| limites::cambio(mundo, &muestra, conexiones, segundos).await;
    resultados.anotar(camino.medir(mundo, &instancia, limite).await?);
    instancia.parar().await?;
    mundo.vaciar().await
}
