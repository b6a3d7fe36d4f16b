//! Mensajes que no debería haber en el bus: ilegibles, de un tipo que nadie atiende, o que ya se habían entregado.

use std::collections::HashMap;

use aeroalpes::arranque::contratos;
use aeroalpes::seedwork::infraestructura::mensajeria::pulsar::Topico;
use rand::RngExt;
use rand::rngs::StdRng;
use uuid::Uuid;

use super::entorno::Entorno;
use super::mundo::Mundo;
use super::topicos::{Intruso, Recibido, TOPICOS, primeros, publicar};
use crate::Fallo;

/// Cuántos se meten de una vez.
const CUANTOS: usize = 3;
/// Cuántas veces se intenta publicar: sin recibo no se sabe si llegó, y con la misma identidad no daña repetirlo.
const INTENTOS: usize = 5;
/// Mensajes de entre los que se eligen los que se repiten.
const MUESTRA: usize = 40;

/// El tipo que nadie atiende, con tantas letras como uno que sí.
const DESCONOCIDO: &str = "PegarReserva";
const CONOCIDO: &str = "PagarReserva";

/// Mete bytes que no son de ningún esquema: acaban en letras muertas, cada uno una vez.
pub async fn basura(entorno: &Entorno, mundo: &Mundo, azar: &mut StdRng) -> Result<(), Fallo> {
    for _ in 0..CUANTOS {
        let topico = TOPICOS[azar.random_range(0..TOPICOS.len())];
        let datos: Vec<u8> = (0..azar.random_range(1..60)).map(|_| azar.random()).collect();
        meter(entorno, clave(mundo, azar), topico, ("PagarReserva", false), &datos).await?;
    }
    Ok(())
}

/// Mete comandos bien formados de un tipo que nadie atiende.
pub async fn desconocidos(entorno: &Entorno, mundo: &Mundo, azar: &mut StdRng) -> Result<(), Fallo> {
    let Some(datos) = un_pago(entorno).await? else { return Ok(()) };
    for _ in 0..CUANTOS {
        meter(entorno, clave(mundo, azar), "comandos-reserva", (DESCONOCIDO, true), &datos).await?;
    }
    Ok(())
}

/// A veces, la de una reserva viva: no debe impedir que se mueva.
fn clave(mundo: &Mundo, azar: &mut StdRng) -> Uuid {
    let viva = if azar.random() { mundo.caliente(azar) } else { None };
    viva.unwrap_or_else(Uuid::new_v4)
}

async fn meter(
    entorno: &Entorno,
    clave: Uuid,
    topico: &str,
    (tipo, con_esquema): (&str, bool),
    datos: &[u8],
) -> Result<(), Fallo> {
    let id = Uuid::new_v4();
    if entorno.pulsar.is_some() {
        let propiedades = HashMap::from([("id".to_owned(), id.to_string()), ("type".to_owned(), tipo.to_owned())]);
        let datos = datos.to_vec();
        let intruso = Intruso { clave: clave.to_string(), propiedades, datos: con_identidad(datos, id) };
        let esquema = if con_esquema { Some(esquema_de(topico)?) } else { None };
        publicar_con_paciencia(entorno, topico, esquema.as_ref(), &[intruso]).await?;
    } else {
        // Con el bus local sólo se leen los comandos: un evento no tiene a quién estropear.
        let topico = topico.replace("eventos", "comandos");
        let sql = "INSERT INTO bandeja_salida (id, topico, clave, tipo, datos, ocurrido_en, correlacion, traceparent) \
                   VALUES ($1, $2, $3, $4, $5, clock_timestamp(), 'caos', 'caos')";
        let sql = sqlx::query(sql).bind(id).bind(topico).bind(clave).bind(tipo).bind(datos);
        sql.execute(&mut entorno.conectar().await?).await?;
    }
    entorno.historia.basura(id);
    Ok(())
}

/// Pone al mensaje la identidad y el tipo del intruso, si los lleva dentro: el dato sigue bien formado.
fn con_identidad(mut datos: Vec<u8>, id: Uuid) -> Vec<u8> {
    if let Some(lugar) = hallar(&datos, CONOCIDO.as_bytes()) {
        datos[lugar..lugar + CONOCIDO.len()].copy_from_slice(DESCONOCIDO.as_bytes());
        // La envoltura empieza por la identidad: el primer UUID del mensaje.
        if let Some(lugar) = primer_uuid(&datos) {
            datos[lugar..lugar + 36].copy_from_slice(id.to_string().as_bytes());
        }
    }
    datos
}

fn hallar(datos: &[u8], buscado: &[u8]) -> Option<usize> {
    datos.windows(buscado.len()).position(|ventana| ventana == buscado)
}

fn primer_uuid(datos: &[u8]) -> Option<usize> {
    let es_uuid = |ventana: &[u8]| std::str::from_utf8(ventana).is_ok_and(|texto| Uuid::parse_str(texto).is_ok());
    datos.windows(36).position(es_uuid)
}

/// El dato de un pago de verdad.
async fn un_pago(entorno: &Entorno) -> Result<Option<Vec<u8>>, Fallo> {
    let Some(pulsar) = &entorno.pulsar else {
        let sql = "SELECT datos FROM bandeja_salida WHERE tipo = $1 AND topico = 'comandos-reserva' LIMIT 1";
        return Ok(sqlx::query_scalar(sql).bind(CONOCIDO).fetch_optional(&mut entorno.conectar().await?).await?);
    };
    let muestra = primeros(&pulsar.url(), "comandos-reserva", MUESTRA).await?;
    Ok(muestra.into_iter().map(|mensaje| mensaje.datos).find(|datos| hallar(datos, CONOCIDO.as_bytes()).is_some()))
}

/// Vuelve a entregar comandos que ya se atendieron: así los deja un bróker, o un proceso que muere antes de confirmar.
pub async fn repetidos(entorno: &Entorno, azar: &mut StdRng) -> Result<(), Fallo> {
    let Some(pulsar) = &entorno.pulsar else { return repetir_entregas(entorno).await };
    let muestra = primeros(&pulsar.url(), "comandos-reserva", MUESTRA).await?;
    let de_un_cliente = |mensaje: &&Recibido| mensaje.propiedades.contains_key("traceparent");
    let elegidos: Vec<_> = muestra.iter().filter(de_un_cliente).filter(|_| azar.random_bool(0.3)).map(copia).collect();
    let esquema = esquema_de("comandos-reserva")?;
    publicar_con_paciencia(entorno, "comandos-reserva", Some(&esquema), &elegidos).await
}

fn copia(mensaje: &Recibido) -> Intruso {
    let clave = mensaje.clave.clone().unwrap_or_default();
    Intruso { clave, propiedades: mensaje.propiedades.clone(), datos: mensaje.datos.clone() }
}

async fn repetir_entregas(entorno: &Entorno) -> Result<(), Fallo> {
    let sql = "INSERT INTO entregas (suscripcion, id_mensaje, topico, clave, tipo, datos, correlacion, traceparent, publicado_en) \
               SELECT 'aeroalpes-sub-comandos', id::text, topico, clave, tipo, datos, correlacion, traceparent, ocurrido_en \
               FROM bandeja_salida WHERE topico LIKE 'comandos-%' AND correlacion <> 'caos' AND publicada_en IS NOT NULL \
               AND id IN (SELECT id FROM resultados_comando) ORDER BY random() LIMIT 15 ON CONFLICT DO NOTHING";
    sqlx::query(sql).execute(&mut entorno.conectar().await?).await?;
    Ok(())
}

fn esquema_de(topico: &str) -> Result<Topico, Fallo> {
    let contratos = contratos()?.into_iter().map(|contrato| contrato.topico);
    contratos.into_iter().find(|otro| otro.nombre == topico).ok_or_else(|| format!("no hay esquema de {topico}").into())
}

async fn publicar_con_paciencia(
    entorno: &Entorno,
    topico: &str,
    esquema: Option<&Topico>,
    intrusos: &[Intruso],
) -> Result<(), Fallo> {
    let Some(pulsar) = &entorno.pulsar else { return Ok(()) };
    for _ in 1..INTENTOS {
        if publicar(&pulsar.url(), topico, esquema, intrusos).await.is_ok() {
            return Ok(());
        }
    }
    publicar(&pulsar.url(), topico, esquema, intrusos).await
}
