//! El cliente de Pulsar solo, con las mismas opciones que usa el servicio: lo más que daría si no hubiera nada más.

use std::time::Duration;

use aeroalpes::seedwork::infraestructura::mensajeria::pulsar::Topico;
use aeroalpes::seedwork::infraestructura::mensajeria::pulsar::acceso::Broker;
use aeroalpes::seedwork::infraestructura::mensajeria::pulsar::conexion::{
    self, Cliente, Uso, a_tiempo, conectar, consumidor,
};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use pulsar::producer::Message;
use pulsar::{Consumer, Producer, TokioExecutor};
use sqlx::PgConnection;
use tokio::time::{Instant, timeout};
use uuid::Uuid;

use crate::Fallo;

/// Lo más que se espera a que llegue un mensaje que ya se envió.
const PLAZO: Duration = Duration::from_secs(20);

type Consumidor = Consumer<Vec<u8>, TokioExecutor>;

/// Cuántos mensajes, y en cuánto tiempo.
#[derive(Debug, Clone, Copy)]
pub struct Ritmo {
    pub cuantos: u32,
    pub tiempo: Duration,
}

impl Ritmo {
    /// Mensajes por segundo.
    pub fn por_segundo(self) -> f64 {
        f64::from(self.cuantos) / self.tiempo.as_secs_f64()
    }
}

/// El cliente, con un tópico que no usa nadie más.
pub struct PulsarSolo {
    topico: Topico,
    nombre: String,
    envio: Cliente,
    recepcion: Cliente,
}

impl PulsarSolo {
    /// Con el esquema y la suscripción de ese tópico del servicio, en otro que sólo se usa aquí.
    pub async fn nuevo(broker: &Broker, topico: Topico) -> Result<Self, Fallo> {
        let nombre = format!("limite-{}", topico.nombre);
        // Uno para enviar y otro para recibir, como el servicio.
        let (envio, recepcion) = (conectar(broker, Uso::Enviar).await?, conectar(broker, Uso::Recibir).await?);
        let solo = Self { topico, nombre, envio, recepcion };
        // Sin suscripción, el bróker no guardaría nada, y el trabajo no sería el mismo.
        let mut consumidor = solo.consumidor().await?;
        a_tiempo(consumidor.close()).await?;
        Ok(solo)
    }

    async fn consumidor(&self) -> Result<Consumidor, Fallo> {
        Ok(consumidor(&self.recepcion, &self.nombre, &self.topico).await?)
    }

    async fn productor(&self) -> Result<Producer<TokioExecutor>, Fallo> {
        Ok(conexion::productor(&self.envio, &self.nombre, Some(&self.topico)).await?)
    }

    /// Envía los mensajes con tantos en vuelo, como mucho, y espera todos los recibos.
    pub async fn enviar(&self, mensajes: impl Iterator<Item = Message>, en_vuelo: usize) -> Result<Ritmo, Fallo> {
        let mut productor = self.productor().await?;
        let (mut recibos, mut cuantos) = (FuturesUnordered::new(), 0);
        let inicio = Instant::now();
        for mensaje in mensajes {
            if recibos.len() >= en_vuelo
                && let Some(recibo) = recibos.next().await
            {
                recibo?;
            }
            recibos.push(Box::pin(productor.send_non_blocking(mensaje)).await?);
            cuantos += 1;
        }
        while let Some(recibo) = recibos.next().await {
            recibo?;
        }
        let ritmo = Ritmo { cuantos, tiempo: inicio.elapsed() };
        a_tiempo(productor.close()).await?;
        Ok(ritmo)
    }

    /// Lo mismo, con copias de un mensaje, cada una con su clave, mientras dure.
    pub async fn enviar_durante(&self, muestra: &Message, en_vuelo: usize, duracion: Duration) -> Result<Ritmo, Fallo> {
        let fin = Instant::now() + duracion;
        let copias = std::iter::from_fn(|| (Instant::now() < fin).then(|| copia(muestra)));
        self.enviar(copias, en_vuelo).await
    }

    /// Recibe y confirma tantos mensajes que ya están en el tópico; el tiempo cuenta desde el primero.
    pub async fn recibir(&self, cuantos: u32) -> Result<Ritmo, Fallo> {
        let mut consumidor = self.consumidor().await?;
        recibir_uno(&mut consumidor).await?;
        let inicio = Instant::now();
        for _ in 1..cuantos {
            recibir_uno(&mut consumidor).await?;
        }
        let tiempo = inicio.elapsed();
        a_tiempo(consumidor.close()).await?;
        Ok(Ritmo { cuantos: cuantos.saturating_sub(1), tiempo })
    }

    /// De uno en uno, lo que tarda un mensaje en ir y volver más una fila en confirmarse, mientras dure.
    pub async fn idas_y_vueltas(
        &self,
        muestra: &Message,
        conexion: &mut PgConnection,
        duracion: Duration,
    ) -> Result<Vec<Duration>, Fallo> {
        let (mut productor, mut consumidor) = (self.productor().await?, self.consumidor().await?);
        let (inicio, mut tiempos) = (Instant::now(), Vec::new());
        while inicio.elapsed() < duracion {
            let salida = Instant::now();
            let recibo = Box::pin(productor.send_non_blocking(copia(muestra))).await?;
            let (recibo, llegada) = tokio::join!(recibo, recibir_uno(&mut consumidor));
            recibo?;
            llegada?;
            let id = Uuid::now_v7();
            sqlx::query("INSERT INTO limite_ida_y_vuelta (id) VALUES ($1)").bind(id).execute(&mut *conexion).await?;
            tiempos.push(salida.elapsed());
        }
        a_tiempo(productor.close()).await?;
        a_tiempo(consumidor.close()).await?;
        Ok(tiempos)
    }
}

/// El mismo mensaje con otra clave: con una sola, el bróker no repartiría nada.
pub fn copia(muestra: &Message) -> Message {
    Message { partition_key: Some(Uuid::new_v4().to_string()), ..muestra.clone() }
}

async fn recibir_uno(consumidor: &mut Consumidor) -> Result<(), Fallo> {
    let llegado = timeout(PLAZO, consumidor.next()).await.map_err(|_| "Pulsar no entregó un mensaje del límite")?;
    let mensaje = llegado.ok_or("el consumidor del límite se cerró")??;
    consumidor.ack(&mensaje).await.map_err(pulsar::Error::from)?;
    Ok(())
}
