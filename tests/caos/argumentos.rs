//! Lo que se pide en la línea de órdenes.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use super::plan::Tipo;
use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};

/// Segundos entre dos fallas, de media, si no se pide otra cosa.
pub const CADENCIA: u64 = 8;
/// Lo mismo cuando falta una guarda: cada daño tiene su falla, y tienen que salir todas.
const CADENCIA_CON_AVERIA: u64 = 3;

/// Por dónde van los mensajes del servicio que se pone a prueba.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bus {
    /// La propia base de datos.
    Local,
    /// Apache Pulsar.
    Pulsar,
}

impl Bus {
    /// Su nombre, como en la línea de órdenes.
    pub const fn nombre(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Pulsar => "pulsar",
        }
    }
}

/// Una corrida.
#[derive(Debug, Clone)]
pub struct Argumentos {
    /// Cuánto dura el tráfico.
    pub segundos: u64,
    /// Cuántas fallas se inyectan.
    pub fallas: usize,
    /// Si alguien dijo cuántas; si no, son al menos una cada [`CADENCIA`].
    pub fallas_dichas: bool,
    /// De dónde salen el plan de fallas y lo que hace cada cliente.
    pub semilla: u64,
    /// El bus.
    pub bus: Bus,
    /// El único tipo de falla que se inyecta, si no se quieren todos.
    pub solo: Option<String>,
    /// La avería que se espera encontrar, si el servicio se construyó con una.
    pub averia: Option<String>,
    /// Si los datos y los registros se dejan donde están.
    pub conservar: bool,
    /// El programa que se pone a prueba.
    pub programa: PathBuf,
}

impl Argumentos {
    /// Lee la línea de órdenes; si no sirve, o pide ayuda, da el código con que terminar.
    pub fn leer() -> Result<Self, ExitCode> {
        let leidos = orden().try_get_matches().map_err(|error| {
            let codigo = u8::try_from(error.exit_code()).unwrap_or(2);
            let escrito = error.print();
            ExitCode::from(if escrito.is_ok() { codigo } else { 2 })
        })?;
        let argumentos = Self::de(&leidos);
        if argumentos.averia.is_some() && !cfg!(feature = "averias") {
            eprintln!("caos: --averia necesita un programa con la característica «averias»: use ./dev caos");
            return Err(ExitCode::from(2));
        }
        Ok(argumentos)
    }

    fn de(leidos: &ArgMatches) -> Self {
        let segundos: u64 = leidos.get_one("segundos").copied().unwrap_or(60);
        let averia = leidos.get_one::<String>("averia").cloned();
        let cadencia = if averia.is_some() { CADENCIA_CON_AVERIA } else { CADENCIA };
        let por_defecto = usize::try_from(segundos.div_ceil(cadencia)).unwrap_or(usize::MAX);
        let bus = match leidos.get_one::<String>("bus").map(String::as_str) {
            Some("local") => Bus::Local,
            _ => Bus::Pulsar,
        };
        let programa = leidos.get_one::<PathBuf>("programa").cloned();
        Self {
            segundos,
            fallas: leidos.get_one("fallas").copied().unwrap_or(por_defecto),
            fallas_dichas: leidos.contains_id("fallas"),
            semilla: leidos.get_one("semilla").copied().unwrap_or_else(|| u64::from(rand::random::<u32>())),
            bus,
            solo: leidos.get_one::<String>("solo").cloned(),
            averia,
            conservar: leidos.get_flag("conservar"),
            programa: programa.unwrap_or_else(|| env!("CARGO_BIN_EXE_aeroalpes").into()),
        }
    }

    /// Cuánto dura el tráfico.
    pub const fn duracion(&self) -> Duration {
        Duration::from_secs(self.segundos)
    }

    /// Si la corrida es tan larga que cada tipo de falla del bus tiene que haber salido.
    pub const fn exige_todos_los_tipos(&self) -> bool {
        self.segundos >= 180 && self.solo.is_none()
    }
}

fn orden() -> Command {
    let numero = |nombre: &'static str, ayuda: &'static str| Arg::new(nombre).long(nombre).value_name("N").help(ayuda);
    Command::new("caos")
        .about(
            "Rompe cosas mientras el servicio trabaja, y juzga desde fuera si se perdió, se dobló o se desordenó algo",
        )
        .override_usage("./dev caos [OPCIONES]")
        .arg(numero("segundos", "Cuánto dura el tráfico [60]").value_parser(value_parser!(u64).range(5..)))
        .arg(numero("fallas", "Cuántas fallas se inyectan [una cada 8 s]").value_parser(value_parser!(usize)))
        .arg(numero("semilla", "La de otra corrida, para repetir su plan [al azar]").value_parser(value_parser!(u64)))
        .arg(
            Arg::new("bus")
                .long("bus")
                .value_name("BUS")
                .help("Por dónde van los mensajes: local o pulsar [pulsar]")
                .value_parser(PossibleValuesParser::new(["local", "pulsar"])),
        )
        .arg(
            Arg::new("solo")
                .long("solo")
                .value_name("TIPO")
                .help("El único tipo de falla que se inyecta [todos]")
                .value_parser(PossibleValuesParser::new(Tipo::nombres())),
        )
        .arg(
            Arg::new("averia")
                .long("averia")
                .value_name("GUARDA")
                .help("Quita esa guarda al servicio: la corrida tiene que encontrar el daño")
                .value_parser(PossibleValuesParser::new(crate::AVERIAS)),
        )
        .arg(
            Arg::new("programa")
                .long("programa")
                .value_name("RUTA")
                .help("El programa que se pone a prueba [el recién construido]")
                .value_parser(value_parser!(PathBuf)),
        )
        .arg(
            Arg::new("conservar")
                .long("conservar")
                .help("Deja los datos y los registros al terminar")
                .action(ArgAction::SetTrue),
        )
}
