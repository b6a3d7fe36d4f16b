//! Las órdenes de las letras muertas: listar, ver, reintentar y descartar.

use std::io::{Write, stderr, stdout};
use std::process::ExitCode;

use aeroalpes::seedwork::infraestructura::conexiones::Conexiones;
use aeroalpes::seedwork::infraestructura::mensajeria::letras_muertas::{Filtro, LetrasMuertas, Parte};
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};

use crate::avance::Avance;
use crate::ordenes::{Resultado, argumento, bandera_larga, opcion, orden};
use crate::ordenes_letras_texto::{entera, entera_json, lista, lista_json};

/// Lo que se pidió sobre las letras muertas.
pub enum OrdenLetras {
    Listar { filtro: Filtro, parte: Parte, json: bool },
    Ver { id: i64, json: bool },
    Reintentar(Seleccion),
    Descartar { ids: Vec<i64>, quien: String, porque: String },
}

/// Cuáles se reintentan.
pub enum Seleccion {
    Estas(Vec<i64>),
    Todas(Filtro),
}

/// Las órdenes, para la ayuda y para interpretarlas.
pub fn programa(datos: impl Fn() -> Arg) -> Command {
    let id =
        || argumento("id", "ID", "El número de la letra muerta, como lo da «listar»").value_parser(value_parser!(i64));
    let ids = || id().num_args(1..).action(ArgAction::Append).help("Los números, como los da «listar»");
    let json = || bandera_larga("json", "Escribe JSON");
    let numero = |nombre, ayuda| opcion(nombre, "NÚMERO", ayuda).value_parser(value_parser!(i64).range(1..));
    let sub = |nombre: &'static str, ayuda, uso: &str| {
        orden(nombre, ayuda).override_usage(format!("aeroalpes letras-muertas {nombre} {uso}")).arg(datos())
    };
    let listar = sub("listar", "Las que esperan a que alguien decida, por páginas", "[OPCIONES]")
        .args(filtros())
        .arg(bandera_larga("descartadas", "Las descartadas, en vez de las que esperan"))
        .arg(numero("limite", "Cuántas, de 1 a 1000 [50]").value_parser(value_parser!(i64).range(1..=1000)))
        .arg(numero("antes-de", "Sólo las de número menor: es como se pide la página siguiente"))
        .arg(json());
    let ver = sub("ver", "Todo lo que se sabe de una", "<ID> [OPCIONES]").arg(id().required(true)).arg(json());
    let reintentar = sub("reintentar", "Las devuelve a la cola, una sola vez cada una", "<ID>… | --todas [OPCIONES]")
        .arg(ids().required_unless_present("todas").conflicts_with("todas"))
        .arg(bandera_larga("todas", "Todas las que dejen pasar los filtros"))
        .args(filtros().map(|filtro| filtro.requires("todas").conflicts_with("id")));
    let descartar =
        sub("descartar", "Las da por perdidas; queda dicho quién y por qué", "<ID>… --porque TEXTO [OPCIONES]")
            .arg(ids().required(true))
            .arg(opcion("porque", "TEXTO", "Por qué se descartan").required(true))
            .arg(opcion("quien", "NOMBRE", "Quién las descarta [el usuario del sistema]"));
    orden("letras-muertas", "Los mensajes que no se pudieron atender: verlos, reintentarlos o descartarlos")
        .override_usage("aeroalpes letras-muertas <ORDEN> [OPCIONES]")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand_help_heading("Órdenes")
        .subcommands([listar, ver, reintentar, descartar])
}

fn filtros() -> [Arg; 3] {
    [
        opcion("topico", "TÓPICO", "Sólo las de ese tópico"),
        opcion("suscripcion", "NOMBRE", "Sólo las de esa suscripción"),
        opcion("motivo", "TEXTO", "Sólo las que digan eso en el motivo"),
    ]
}

/// Interpreta una orden sobre las letras muertas.
pub fn interpretar(m: &ArgMatches) -> Option<OrdenLetras> {
    let texto = |m: &ArgMatches, nombre| m.get_one::<String>(nombre).cloned();
    let numero = |m: &ArgMatches, nombre| m.get_one::<i64>(nombre).copied();
    let ids = |m: &ArgMatches| m.get_many::<i64>("id").map(|ids| ids.copied().collect()).unwrap_or_default();
    let filtro = |m: &ArgMatches| Filtro {
        topico: texto(m, "topico"),
        suscripcion: texto(m, "suscripcion"),
        motivo: texto(m, "motivo"),
    };
    match m.subcommand()? {
        ("listar", m) => {
            let limite = numero(m, "limite").unwrap_or(50);
            let parte = Parte { descartadas: m.get_flag("descartadas"), antes_de: numero(m, "antes-de"), limite };
            Some(OrdenLetras::Listar { filtro: filtro(m), parte, json: m.get_flag("json") })
        }
        ("ver", m) => Some(OrdenLetras::Ver { id: numero(m, "id")?, json: m.get_flag("json") }),
        ("reintentar", m) if m.get_flag("todas") => Some(OrdenLetras::Reintentar(Seleccion::Todas(filtro(m)))),
        ("reintentar", m) => Some(OrdenLetras::Reintentar(Seleccion::Estas(ids(m)))),
        ("descartar", m) => {
            let quien = texto(m, "quien").unwrap_or_else(usuario_del_sistema);
            Some(OrdenLetras::Descartar { ids: ids(m), quien, porque: texto(m, "porque")? })
        }
        _ => None,
    }
}

fn usuario_del_sistema() -> String {
    std::env::var("USER").ok().filter(|nombre| !nombre.is_empty()).unwrap_or_else(|| "desconocido".into())
}

impl OrdenLetras {
    /// Cumple la orden sobre esa base de datos. Termina con 1 si algún número no estaba.
    pub async fn cumplir(self, conexiones: Conexiones) -> Resultado {
        let letras = LetrasMuertas::nuevas(conexiones);
        match self {
            Self::Listar { filtro, parte, json } => listar(&letras, &filtro, parte, json).await,
            Self::Ver { id, json } => ver(&letras, id, json).await,
            Self::Reintentar(Seleccion::Estas(ids)) => {
                let hechas = letras.reintentar(&ids).await?;
                contar("Reintentadas", &ids, &hechas)
            }
            Self::Reintentar(Seleccion::Todas(filtro)) => reintentar_todas(&letras, &filtro).await,
            Self::Descartar { ids, quien, porque } => {
                let hechas = letras.descartar(&ids, &quien, &porque).await?;
                contar("Descartadas", &ids, &hechas)
            }
        }
    }
}

async fn listar(letras: &LetrasMuertas, filtro: &Filtro, parte: Parte, json: bool) -> Resultado {
    // Una de más: si llega, hay otra página.
    let mut halladas = letras.listar(filtro, Parte { limite: parte.limite + 1, ..parte }).await?;
    let hay_mas = halladas.len() > usize::try_from(parte.limite)?;
    halladas.truncate(usize::try_from(parte.limite)?);
    let siguiente = halladas.last().filter(|_| hay_mas).map(|ultima| ultima.posicion);
    let texto = if json { lista_json(&halladas, siguiente)? } else { lista(&halladas, siguiente)? };
    stdout().write_all(texto.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

async fn ver(letras: &LetrasMuertas, id: i64, json: bool) -> Resultado {
    let Some(letra) = letras.ver(id).await? else {
        writeln!(stderr(), "aeroalpes: no hay ninguna letra muerta con el número {id}")?;
        return Ok(ExitCode::FAILURE);
    };
    let texto = if json { entera_json(&letra)? } else { entera(&letra)? };
    stdout().write_all(texto.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

async fn reintentar_todas(letras: &LetrasMuertas, filtro: &Filtro) -> Resultado {
    let avance = Avance::nuevo("Letras muertas");
    let cuantas = letras.reintentar_todas(filtro, |van, total| avance.van(van, total)).await?;
    drop(avance);
    writeln!(stdout(), "Reintentadas: {cuantas}")?;
    Ok(ExitCode::SUCCESS)
}

/// Dice cuántas se hicieron, y cuáles no estaban.
fn contar(que: &str, pedidas: &[i64], hechas: &[i64]) -> Resultado {
    writeln!(stdout(), "{que}: {}", hechas.len())?;
    let faltan: Vec<_> = pedidas.iter().filter(|id| !hechas.contains(id)).map(ToString::to_string).collect();
    if faltan.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    let faltan = faltan.join(", ");
    writeln!(stderr(), "aeroalpes: no esperan en letras muertas (otro las atendió antes, o no existen): {faltan}")?;
    Ok(ExitCode::FAILURE)
}
