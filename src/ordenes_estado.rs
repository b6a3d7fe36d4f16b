//! La orden `estado`: cómo está todo, de un vistazo.

use std::error::Error;
use std::fmt::Write as _;
use std::io::{Write as _, stdout};
use std::process::ExitCode;

use aeroalpes::config::Opciones;
use aeroalpes::seedwork::infraestructura::estado::{Estado, Reparto, Servidor, Trabajo};
use serde_json::json;

use crate::ordenes::Resultado;
use crate::ordenes_base::sobre_base;

/// Lo escribe, sin tocar nada. Termina con 1 si hay algo que mirar.
pub async fn estado(opciones: Opciones, en_json: bool) -> Resultado {
    sobre_base(opciones, async |conexiones, _| {
        let estado = Estado::leer(&conexiones).await?;
        let avisos = estado.avisos();
        let texto = if en_json { como_json(&estado, &avisos)? } else { como_texto(&estado, &avisos)? };
        stdout().write_all(texto.as_bytes())?;
        Ok(if avisos.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    })
    .await
}

fn como_json(estado: &Estado, avisos: &[String]) -> Result<String, Box<dyn Error>> {
    let mut todo = serde_json::to_value(estado)?;
    todo["avisos"] = json!(avisos);
    Ok(format!("{todo:#}\n"))
}

fn como_texto(estado: &Estado, avisos: &[String]) -> Result<String, Box<dyn Error>> {
    let mut texto = String::new();
    let esquema = &estado.esquema;
    writeln!(texto, "AeroAlpes          {}", estado.programa)?;
    writeln!(texto, "PostgreSQL         {}", estado.servidor.version)?;
    writeln!(
        texto,
        "Esquema            {} de {} migraciones{}",
        esquema.aplicadas,
        esquema.conocidas,
        ultima(esquema.ultima.as_deref())
    )?;
    sesiones(&mut texto, &estado.servidor)?;
    if let Some(trabajo) = &estado.trabajo {
        reparto(&mut texto, "Atienden", &trabajo.atender)?;
        reparto(&mut texto, "Relevan", &trabajo.relevar)?;
        colas(&mut texto, trabajo)?;
    }
    for aviso in avisos {
        writeln!(texto, "Atención: {aviso}")?;
    }
    if avisos.is_empty() {
        writeln!(texto, "Todo en orden.")?;
    }
    Ok(texto)
}

fn ultima(nombre: Option<&str>) -> String {
    nombre.map(|nombre| format!("; la última, {nombre}")).unwrap_or_default()
}

fn sesiones(texto: &mut String, servidor: &Servidor) -> std::fmt::Result {
    let Servidor { nuestras, activas, bloqueadas, ociosas_en_transaccion, .. } = servidor;
    writeln!(texto, "Sesiones           {nuestras} nuestras, {} en total, de {}", servidor.sesiones, servidor.admite)?;
    write!(texto, "                   {activas} trabajando, {bloqueadas} esperando un bloqueo, ")?;
    writeln!(texto, "{ociosas_en_transaccion} ociosas en una transacción")?;
    servidor
        .transaccion_mas_vieja
        .map_or(Ok(()), |edad| writeln!(texto, "                   la transacción más vieja lleva {edad:.1} s"))
}

fn reparto(texto: &mut String, que: &str, reparto: &Reparto) -> std::fmt::Result {
    writeln!(texto, "{que:<18} {} instancias", reparto.instancias.len())?;
    for instancia in &reparto.instancias {
        let carriles: Vec<_> = instancia.carriles.iter().map(ToString::to_string).collect();
        let carriles = if carriles.is_empty() { "ninguno".into() } else { carriles.join(" ") };
        writeln!(texto, "  {}  latió hace {:.1} s; carriles: {carriles}", instancia.id, instancia.latido)?;
    }
    if reparto.carriles_sueltos.is_empty() {
        return Ok(());
    }
    writeln!(texto, "  sueltos: {} carriles", reparto.carriles_sueltos.len())
}

fn colas(texto: &mut String, trabajo: &Trabajo) -> std::fmt::Result {
    let edad = |edad: Option<f64>| edad.map(|edad| format!(", el más viejo de hace {edad:.1} s")).unwrap_or_default();
    let bandeja = &trabajo.bandeja_salida;
    writeln!(texto, "Bandeja de salida  {} por publicar{}", bandeja.pendientes, edad(bandeja.mas_viejo))?;
    writeln!(
        texto,
        "Entregas           {} por atender",
        trabajo.entregas.iter().map(|e| e.cola.pendientes).sum::<i64>()
    )?;
    for entregas in &trabajo.entregas {
        let (cola, repetidas) = (&entregas.cola, entregas.reintentandose);
        let viejo = edad(cola.mas_viejo);
        writeln!(texto, "  {:<24} {}{viejo}; {repetidas} reintentándose", entregas.suscripcion, cola.pendientes)?;
    }
    writeln!(texto, "Letras muertas     {}", trabajo.letras_muertas.iter().map(|l| l.cuantas).sum::<i64>())?;
    for letras in &trabajo.letras_muertas {
        writeln!(texto, "  {:<24} {}", letras.topico, letras.cuantas)?;
    }
    let correos = &trabajo.correos;
    writeln!(texto, "Correos            {} por enviar, {} no entregables", correos.por_enviar, correos.no_entregables)?;
    let comandos = &trabajo.comandos;
    writeln!(texto, "Comandos (1 h)     {} cumplidos, {} rechazados", comandos.ejecutados, comandos.rechazados)
}
