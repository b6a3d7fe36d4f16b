//! Los mensajes: cada evento confirmado salió, con una sola identidad y en orden; y la basura acabó donde debe.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use uuid::Uuid;

use super::calma::Calma;
use super::datos::{Datos, Mensaje};
use super::exigir;
use crate::Fallo;
use crate::entorno::Entorno;
use crate::historia::{Clase, Desenlace, Historia, Peticion};
use crate::topicos::{Recibido, TOPICOS, leer_todo, letras};

pub async fn juzgar(entorno: &Entorno, datos: &Datos, peticiones: &[Peticion], calma: &Calma) -> Result<(), Fallo> {
    let historia = &entorno.historia;
    for mensaje in datos.salida.iter().filter(|mensaje| !mensaje.publicado) {
        historia.defecto(Clase::Perdida, format!("{} {} no se publicó", mensaje.tipo, mensaje.id));
    }
    recibidos_en_orden(historia, datos);
    letras_muertas(historia, datos);
    let encargados = datos.salida.iter().filter(|mensaje| mensaje.es_comando()).map(|mensaje| mensaje.id);
    todos_terminan(historia, datos, encargados);
    let Some(pulsar) = &entorno.pulsar else { return Ok(()) };
    for topico in TOPICOS {
        let leidos = leer_todo(&pulsar.url(), topico).await?;
        println!("  {topico}: {} mensajes leídos", leidos.len());
        if topico.starts_with("eventos-") {
            eventos(historia, datos, topico, &leidos, calma);
        } else {
            comandos(historia, peticiones, topico, &leidos);
            todos_terminan(historia, datos, leidos.iter().filter_map(|leido| Uuid::parse_str(&leido.id).ok()));
        }
        let muertas = leer_todo(&pulsar.url(), &letras(topico)).await?;
        publicadas(historia, datos, topico, &muertas);
    }
    Ok(())
}

/// Nuestra propia suscripción recibió cada evento, una vez y en el orden de su clave.
fn recibidos_en_orden(historia: &Historia, datos: &Datos) {
    let lugares: HashMap<_, _> = datos.recibidos.iter().enumerate().map(|(lugar, id)| (id.as_str(), lugar)).collect();
    for (clave, eventos) in datos.por_clave() {
        let lugar = |evento: &&Mensaje| lugares.get(evento.id.to_string().as_str()).copied();
        let suyos: Vec<_> = eventos.iter().map(lugar).collect();
        exigir(historia, suyos.iter().all(Option::is_some), Clase::Perdida, || {
            format!("de {clave} no se recibieron todos los eventos")
        });
        exigir(historia, suyos.is_sorted(), Clase::Desordenada, || {
            format!("los eventos de {clave} no se recibieron en orden")
        });
    }
}

/// En letras muertas está toda la basura, una vez cada una, y nada más.
fn letras_muertas(historia: &Historia, datos: &Datos) {
    let mut veces = BTreeMap::<&str, usize>::new();
    for letra in &datos.letras {
        *veces.entry(letra.id_mensaje.as_str()).or_default() += 1;
    }
    let basura: BTreeSet<_> = historia.toda_la_basura().iter().map(Uuid::to_string).collect();
    for id in &basura {
        let veces = veces.get(id.as_str()).copied().unwrap_or_default();
        exigir(historia, veces >= 1, Clase::Perdida, || format!("la basura {id} no está en letras muertas"));
        exigir(historia, veces <= 1, Clase::Duplicada, || {
            format!("la basura {id} está {veces} veces en letras muertas")
        });
    }
    for letra in datos.letras.iter().filter(|letra| !basura.contains(&letra.id_mensaje)) {
        let detalle = format!("en letras muertas está {} de {}: {}", letra.id_mensaje, letra.topico, letra.motivo);
        historia.defecto(Clase::Inconsistente, detalle);
    }
}

/// Lo que hay en el bróker es lo que se confirmó: todo, igual, y en orden sus primeras apariciones.
fn eventos(historia: &Historia, datos: &Datos, topico: &str, leidos: &[Recibido], calma: &Calma) {
    let confirmados: Vec<_> = datos.eventos().filter(|evento| evento.topico == topico).collect();
    let por_id: HashMap<_, _> = confirmados.iter().map(|evento| (evento.id.to_string(), *evento)).collect();
    let basura: HashSet<_> = historia.toda_la_basura().iter().map(Uuid::to_string).collect();
    let (mut veces, mut ultimas) = (HashMap::<&str, usize>::new(), HashMap::<Uuid, i64>::new());
    for leido in leidos.iter().filter(|leido| !basura.contains(&leido.id)) {
        let Some(evento) = por_id.get(&leido.id) else {
            historia.defecto(Clase::Inconsistente, format!("en {topico} está {}, que nadie confirmó", leido.id));
            continue;
        };
        let igual = leido.datos == evento.datos && leido.clave.as_deref() == Some(&evento.clave.to_string());
        exigir(historia, igual, Clase::Inconsistente, || format!("en {topico}, {} no es como se confirmó", leido.id));
        let cuantas = veces.entry(leido.id.as_str()).or_default();
        *cuantas += 1;
        if *cuantas == 1 {
            let antes = ultimas.insert(evento.clave, evento.posicion);
            exigir(historia, antes.is_none_or(|antes| antes < evento.posicion), Clase::Desordenada, || {
                format!("en {topico}, {} de {} adelantó a otro", leido.id, evento.clave)
            });
        }
    }
    for evento in confirmados {
        let veces = veces.get(evento.id.to_string().as_str()).copied().unwrap_or_default();
        exigir(historia, veces >= 1, Clase::Perdida, || format!("{} {} no está en {topico}", evento.tipo, evento.id));
        exigir(historia, veces <= 1 || !calma.es_suya(evento.posicion), Clase::Duplicada, || {
            format!("sin que nada fallara, {} {} está {veces} veces en {topico}", evento.tipo, evento.id)
        });
    }
}

/// Cada comando aceptado lo tenía el bróker.
fn comandos(historia: &Historia, peticiones: &[Peticion], topico: &str, leidos: &[Recibido]) {
    let ids: HashSet<_> = leidos.iter().map(|leido| leido.id.as_str()).collect();
    let de_usuario = topico == "comandos-usuario";
    for peticion in peticiones.iter().filter(|peticion| peticion.efecto.es_de_usuario() == de_usuario) {
        for intento in &peticion.intentos {
            if let Desenlace::Aceptado { id_comando, .. } = intento.desenlace {
                exigir(historia, ids.contains(id_comando.to_string().as_str()), Clase::Perdida, || {
                    format!("{:?} {id_comando}, aceptado, no está en {topico}", peticion.efecto)
                });
            }
        }
    }
}

/// Todo comando que llegó al bus tiene un resultado, también el de quien colgó o no supo si se aceptaba.
fn todos_terminan(historia: &Historia, datos: &Datos, encargados: impl Iterator<Item = Uuid>) {
    let basura: HashSet<_> = historia.toda_la_basura().iter().copied().collect();
    for id in encargados.filter(|id| !basura.contains(id)) {
        exigir(historia, datos.resultados.contains_key(&id), Clase::Perdida, || {
            format!("el comando {id} estuvo en el bus y no tiene resultado")
        });
    }
}

/// Cada letra muerta de un tópico también se publicó en el suyo.
fn publicadas(historia: &Historia, datos: &Datos, topico: &str, muertas: &[Recibido]) {
    let originales: HashSet<_> = muertas.iter().filter_map(|muerta| muerta.propiedades.get("id_original")).collect();
    for letra in datos.letras.iter().filter(|letra| letra.topico == topico) {
        exigir(historia, originales.contains(&letra.id_mensaje), Clase::Perdida, || {
            format!("la letra muerta {} no está en {}", letra.id_mensaje, letras(topico))
        });
    }
}
