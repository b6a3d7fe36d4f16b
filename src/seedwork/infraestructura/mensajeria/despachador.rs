//! El despachador (paso 2 del tutorial): convierte un comando en mensaje y lo deja en el bus.

use std::sync::Arc;

use tokio::sync::Notify;
use uuid::Uuid;

use super::comandos::{ComandoIntegracion, escribir};
use super::enrutador::Enrutador;
use super::ids::IdsComando;
use crate::seedwork::aplicacion::contexto::Contexto;
use crate::seedwork::aplicacion::unidad_trabajo::Fabrica;
use crate::seedwork::dominio::repositorios::Falla;
use crate::seedwork::infraestructura::conexiones::{Conexiones, acotada};
use crate::seedwork::infraestructura::despacho::Sobre;
use crate::seedwork::infraestructura::sentencias::componer;

/// Lo que queda de un comando aceptado.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Aceptado {
    /// Con qué se pregunta por su resultado.
    pub id_comando: Uuid,
    /// Lo que creará o cambiará.
    pub id: Uuid,
}

/// Acepta comandos para cumplirlos después.
pub struct Despachador<F: Fabrica> {
    enrutador: Arc<Enrutador<F>>,
    ids: IdsComando,
    conexiones: Conexiones,
    aviso: Arc<Notify>,
}

impl<F: Fabrica> Despachador<F> {
    /// Un despachador sobre la bandeja de salida: lo aceptado es duradero antes de responder.
    pub fn nuevo(enrutador: Arc<Enrutador<F>>, ids: IdsComando, conexiones: Conexiones, aviso: Arc<Notify>) -> Self {
        Self { enrutador, ids, conexiones, aviso }
    }

    /// Acepta un comando. Cuando vuelve, el comando se cumplirá o se rechazará, y su resultado se podrá consultar.
    ///
    /// # Errors
    /// Las de la base de datos; con [`Falla::Desconectada`] no se sabe si quedó aceptado.
    pub async fn despachar<C: ComandoIntegracion>(&self, contexto: Contexto, comando: &C) -> Result<Aceptado, Falla> {
        let contexto = contexto.ahora();
        let id_comando = self.ids.nueva(contexto.momento);
        let esquema = self.enrutador.esquema(C::TOPICO);
        let esquema = esquema.ok_or_else(|| Falla::interna(format!("el tópico {} no tiene esquema", C::TOPICO)))?;
        let datos = escribir(esquema, id_comando, contexto.momento, comando).map_err(Falla::interna)?;
        let (topico, tipo, clave, ocurrido_en) = (C::TOPICO, C::NOMBRE, comando.clave(), contexto.momento);
        self.publicar(Sobre { id: id_comando, topico, clave, tipo, ocurrido_en, datos }, &contexto).await?;
        self.aviso.notify_one();
        Ok(Aceptado { id_comando, id: clave })
    }

    async fn publicar(&self, sobre: Sobre, contexto: &Contexto) -> Result<(), Falla> {
        let mut sentencia = componer(Vec::new(), vec![sobre], contexto);
        let mut arriendo = self.conexiones.arrendar().await?;
        let tope = arriendo.tope();
        let escrita = acotada(tope, sentencia.build().execute(arriendo.conexion()?)).await;
        let escrita = arriendo.acabar(escrita).map(drop);
        arriendo.devolver();
        escrita
    }
}
