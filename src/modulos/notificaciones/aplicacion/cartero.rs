//! El cartero: escribe, entrega y decide qué se hace con lo que no se pudo entregar.

use std::sync::Arc;

use time::OffsetDateTime;
use tracing::{error, info, warn};

use super::puertos::{Buzon, Correo, ErrorEnvio};
use super::queries::EscribirCarta;
use crate::modulos::notificaciones::dominio::correo::{CorreoPendiente, Desenlace};
use crate::seedwork::aplicacion::mediador::Mediador;
use crate::seedwork::aplicacion::mensajes::HandlerQuery;
use crate::seedwork::aplicacion::unidad_trabajo::Fabrica;
use crate::seedwork::dominio::repositorios::Falla;

/// Reparte los correos anotados.
pub struct Cartero<F: Fabrica, B, C> {
    /// A quién se le pregunta qué dice cada carta.
    pub mediador: Arc<Mediador<F>>,
    /// Dónde están los correos.
    pub buzon: B,
    /// Quién los lleva.
    pub correo: C,
}

impl<F: Fabrica, B: Buzon, C: Correo> Cartero<F, B, C>
where
    EscribirCarta: HandlerQuery<F::Lector>,
{
    /// Escribe la carta y la entrega; dice cómo terminó, o por qué no todavía.
    ///
    /// # Errors
    /// [`ErrorEnvio`]. Si no se pudo leer qué dice, como si no hubiera servidor: se intenta más tarde.
    pub async fn llevar(&self, correo: &CorreoPendiente) -> Result<Desenlace, ErrorEnvio> {
        // La causa la registra el mediador.
        let carta = self.mediador.consultar(EscribirCarta(*correo)).await;
        let carta = carta.map_err(|_| ErrorEnvio::Servidor("no se pudo escribir la carta"))?;
        let Some(carta) = carta else { return Ok(Desenlace::Descartado) };
        self.correo.enviar(&carta).await.map(|()| Desenlace::Enviado)
    }

    /// Anota lo que se sabe de un correo después de llevarlo.
    ///
    /// # Errors
    /// Las del almacén: entonces hay que repetirlo, o se enviará otra vez.
    pub async fn asentar(&self, correo: &CorreoPendiente, fin: Result<Desenlace, ErrorEnvio>) -> Result<(), Falla> {
        let id = correo.id;
        let desenlace = match fin {
            Ok(desenlace) => desenlace,
            Err(ErrorEnvio::Rechazada(respuesta)) => Desenlace::NoEntregable(Some(respuesta)),
            Err(ErrorEnvio::Direccion) => Desenlace::NoEntregable(None),
            Err(_) if correo.se_acabo_el_plazo(OffsetDateTime::now_utc()) => Desenlace::NoEntregable(None),
            Err(causa) => {
                warn!(%id, intentos = correo.intentos, %causa, "correo aplazado");
                // Con azar, entre la mitad y el total: no vuelven a la vez todos los que fallaron a la vez.
                let espera = correo.espera().mul_f64(rand::random_range(0.5..=1.0));
                return self.buzon.aplazar(correo, espera).await;
            }
        };
        self.buzon.terminar(correo, desenlace).await?;
        if let (Desenlace::NoEntregable(_), Err(causa)) = (desenlace, fin) {
            error!(%id, %causa, "correo no entregable");
        } else {
            info!(%id, ?desenlace, "correo terminado");
        }
        Ok(())
    }
}
