//! Lo que se pide en la línea de órdenes.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};

/// Con menos rondas no hay veredicto.
pub const RONDAS: u32 = 5;

/// Una corrida.
#[derive(Debug, Clone)]
pub struct Argumentos {
    /// Cuántas veces se mide cada camino.
    pub rondas: u32,
    /// Cuánto dura cada tanda, en segundos.
    pub segundos: u64,
    /// Las únicas claves que se miden, si no se quieren todas.
    pub solo: Vec<String>,
    /// Cuánto dura el remojo; cero, si no se quiere.
    pub remojo: Duration,
    /// Si se mide cómo se comporta con la base llena.
    pub crecimiento: bool,
    /// Entre cuánto se dividen los atrasos y lo que llena la base.
    pub escala: u32,
    /// Si los datos y los registros se dejan donde están.
    pub conservar: bool,
    /// Dónde se escriben los resultados, aunque la corrida no sea entera.
    pub salida: Option<PathBuf>,
    /// El programa que se mide.
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
        Ok(Self::de(&leidos))
    }

    fn de(leidos: &ArgMatches) -> Self {
        let minutos: u64 = leidos.get_one("remojo").copied().unwrap_or(5);
        let remojo = if leidos.get_flag("sin-remojo") { 0 } else { minutos };
        let programa = leidos.get_one::<PathBuf>("programa").cloned();
        Self {
            rondas: leidos.get_one("rondas").copied().unwrap_or(RONDAS),
            segundos: leidos.get_one("segundos").copied().unwrap_or(5),
            solo: leidos.get_many::<String>("solo").into_iter().flatten().cloned().collect(),
            remojo: Duration::from_mins(remojo),
            crecimiento: !leidos.get_flag("sin-crecimiento"),
            escala: leidos.get_one("escala").copied().unwrap_or(1),
            conservar: leidos.get_flag("conservar"),
            salida: leidos.get_one("salida").cloned(),
            programa: programa.unwrap_or_else(|| env!("CARGO_BIN_EXE_aeroalpes").into()),
        }
    }

    /// Si hay que medir lo que lleva esa clave.
    pub fn mide(&self, clave: &str) -> bool {
        match clave {
            "remojo" if self.remojo.is_zero() => false,
            "crecimiento" if !self.crecimiento => false,
            clave => self.solo.is_empty() || self.solo.iter().any(|pedida| pedida == clave),
        }
    }

    /// Una cantidad grande, a la escala que se pidió.
    pub fn escalar(&self, cantidad: u32) -> u32 {
        (cantidad / self.escala).max(1)
    }

    /// Si la corrida vale para publicar: todo, y con las rondas que hacen falta.
    pub fn es_entera(&self) -> bool {
        self.solo.is_empty() && self.crecimiento && !self.remojo.is_zero() && self.rondas >= RONDAS && self.escala == 1
    }
}

fn orden() -> Command {
    let numero = |nombre: &'static str, ayuda: &'static str| Arg::new(nombre).long(nombre).value_name("N").help(ayuda);
    let ruta = |nombre: &'static str, ayuda: &'static str| {
        Arg::new(nombre).long(nombre).value_name("RUTA").help(ayuda).value_parser(value_parser!(PathBuf))
    };
    let bandera = |nombre: &'static str, ayuda: &'static str| {
        Arg::new(nombre).long(nombre).help(ayuda).action(ArgAction::SetTrue)
    };
    Command::new("rendimiento")
        .about("Mide el servicio contra su límite, en la misma corrida y en la misma máquina")
        .override_usage("./dev rendimiento [OPCIONES]")
        // `./dev` dice el programa; quien mide puede decir otro.
        .args_override_self(true)
        .after_help(
            "Sin opciones mide todo, escribe docs/rendimiento.json y docs/rendimiento.svg, y termina con 1 si no se cumple \
             alguna meta; con 2, si algo no se pudo medir. Con --solo, o con menos de 5 rondas, no escribe nada.",
        )
        .arg(numero("rondas", "Cuántas veces se mide cada camino [5]").value_parser(value_parser!(u32).range(1..)))
        .arg(numero("segundos", "Cuánto dura cada tanda [5]").value_parser(value_parser!(u64).range(1..=600)))
        .arg(
            Arg::new("solo")
                .long("solo")
                .value_name("CLAVES")
                .help("Lo único que se mide, separado por comas [todo]")
                .value_delimiter(',')
                .value_parser(PossibleValuesParser::new(crate::claves())),
        )
        .arg(numero("remojo", "Minutos de remojo [5]").value_parser(value_parser!(u64).range(1..=1440)))
        .arg(
            numero("escala", "Divide los atrasos y lo que llena la base: para probar el programa, no el servicio [1]")
                .value_parser(value_parser!(u32).range(1..)),
        )
        .arg(bandera("sin-remojo", "No hace el remojo"))
        .arg(bandera("sin-crecimiento", "No mide con la base llena"))
        .arg(ruta("programa", "El programa que se mide [el recién construido]"))
        .arg(ruta("salida", "La carpeta donde se escriben los resultados, sean cuales sean [docs, si la corrida es entera]"))
        .arg(bandera("conservar", "Deja los datos y los registros al terminar"))
}
