//! Las órdenes del programa y su ayuda.

use std::error::Error;
use std::ffi::OsString;
use std::io::{Write, stdout};
use std::path::PathBuf;
use std::process::ExitCode;

use aeroalpes::arranque::{self, Anuncio};
use aeroalpes::config::{Config, Opciones, Rol, leer_clave_servicio, leer_escucha};
use aeroalpes::modulos::clientes::{EntregaPorConsola, IdUsuario};
use aeroalpes::seedwork::infraestructura::postgres_embebido::{Acceso, PostgresEmbebido, carpeta_por_defecto};
use aeroalpes::telemetria::Trazas;
use aeroalpes::{prueba_final, registros};
use clap::error::{ContextKind, ErrorKind};
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing_appender::non_blocking::NonBlockingBuilder;
use uuid::Uuid;

use crate::ordenes_base::{cambiar_administrador, con_base, migrar_esquema, purgar};
use crate::ordenes_estado::estado;
use crate::ordenes_letras::{self, OrdenLetras};

const PLANTILLA: &str = "{about}\n\nUso: {usage}\n\n{all-args}{after-help}";
/// Cuántas líneas de la consola esperan, como mucho, a que las lea quien tarda. Su sitio se ocupa desde el principio, 32
/// bytes por línea.
const LINEAS_EN_COLA: usize = 32 * 1024;

/// Lo que se pidió al programa.
pub enum Orden {
    Servir(Opciones),
    Migrar(Opciones),
    Purgar(Opciones),
    Estado { opciones: Opciones, json: bool },
    LetrasMuertas(Opciones, OrdenLetras),
    Postgres { datos: Option<PathBuf>, puerto: u16 },
    Salud,
    PruebaFinal(String),
    Administrador { opciones: Opciones, id: IdUsuario, conceder: bool },
}

/// Interpreta la línea de órdenes.
///
/// # Errors
/// El código con que terminar: se pidió ayuda, o lo escrito no se entiende.
pub fn interpretar(argumentos: impl IntoIterator<Item = OsString>) -> Result<Orden, ExitCode> {
    let coincidencias = programa().try_get_matches_from(argumentos).map_err(|error| explicar(&error))?;
    let texto = |m: &ArgMatches, nombre: &str| m.get_one::<String>(nombre).cloned();
    let opciones = |m: &ArgMatches| Opciones {
        escucha: texto(m, "escucha"),
        datos: texto(m, "datos"),
        bus: texto(m, "bus"),
        roles: texto(m, "roles"),
        abierto_en_red: m.get_flag("abierto-en-red"),
    };
    match coincidencias.subcommand() {
        Some(("servir", m)) => Ok(Orden::Servir(opciones(m))),
        Some(("migrar", m)) => Ok(Orden::Migrar(sobre_datos(m))),
        Some(("purgar", m)) => Ok(Orden::Purgar(sobre_datos(m))),
        Some(("estado", m)) => Ok(Orden::Estado { opciones: sobre_datos(m), json: m.get_flag("json") }),
        Some(("letras-muertas", m)) => {
            let opciones = m.subcommand().map(|(_, m)| sobre_datos(m)).unwrap_or_default();
            ordenes_letras::interpretar(m).map(|orden| Orden::LetrasMuertas(opciones, orden)).ok_or(ExitCode::from(2))
        }
        Some(("postgres", m)) => Ok(Orden::Postgres {
            datos: texto(m, "datos").map(PathBuf::from),
            puerto: m.get_one("puerto").copied().unwrap_or(5432),
        }),
        Some(("salud", _)) => Ok(Orden::Salud),
        Some(("prueba-final", m)) => Ok(Orden::PruebaFinal(texto(m, "url").unwrap_or_default())),
        Some(("administrador", m)) => administrador(m),
        _ => Err(ExitCode::from(2)),
    }
}

/// Lo que se le puede decir a una orden que sólo trabaja sobre los datos.
fn sobre_datos(m: &ArgMatches) -> Opciones {
    Opciones { datos: m.get_one("datos").cloned(), ..Opciones::default() }
}

fn administrador(m: &ArgMatches) -> Result<Orden, ExitCode> {
    let (accion, m) = m.subcommand().ok_or(ExitCode::from(2))?;
    let id = m.get_one("id").copied().map(IdUsuario).ok_or(ExitCode::from(2))?;
    Ok(Orden::Administrador { opciones: sobre_datos(m), id, conceder: accion == "conceder" })
}

fn programa() -> Command {
    let datos = || opcion("datos", "CARPETA", "Carpeta de los datos del PostgreSQL embebido [AEROALPES_DATOS]");
    let escucha = opcion("escucha", "DIRECCIÓN:PUERTO", "Dónde escucha [AEROALPES_ESCUCHA, 127.0.0.1:5000]");
    let bus = opcion("bus", "local|pulsar", "Por dónde van los mensajes [AEROALPES_BUS; pulsar si hay PULSAR_URL]");
    let roles = opcion(
        "roles",
        "ROLES",
        "Qué hace esta instancia: api, las rutas; consumidor, atender mensajes; relevo, publicarlos y borrar lo viejo; \
         separados por comas [AEROALPES_ROLES; los tres]",
    );
    let en_red =
        bandera_larga("abierto-en-red", "Permite el modo abierto fuera del bucle local [AEROALPES_ABIERTO_EN_RED]");
    let puerto = opcion("puerto", "PUERTO", "Puerto de 127.0.0.1 [5432]").value_parser(value_parser!(u16));
    let url = argumento("url", "URL", "Dirección del servicio").default_value("http://127.0.0.1:5000");
    let url = url.hide_default_value(true);
    orden("aeroalpes", "AeroAlpes: reservas de una aerolínea")
        .version(env!("CARGO_PKG_VERSION"))
        .override_usage("aeroalpes <ORDEN> [OPCIONES]")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand_help_heading("Órdenes")
        .arg(bandera("version", 'V', "Muestra la versión", ArgAction::Version))
        .after_help("La configuración va en variables de entorno: véase la tabla del README.")
        .subcommand(
            orden("servir", "Sirve hasta recibir SIGTERM o Ctrl-C")
                .arg(escucha)
                .arg(datos())
                .arg(bus)
                .arg(roles)
                .arg(en_red),
        )
        .subcommand(orden("migrar", "Pone al día el esquema de la base de datos y termina").arg(datos()))
        .subcommand(orden("purgar", "Borra ahora lo que ya pasó su edad, y dice cuánto").arg(datos()))
        .subcommand(
            orden("estado", "Cómo está todo, de un vistazo; termina con 1 si hay algo que mirar")
                .arg(datos())
                .arg(bandera_larga("json", "Escribe JSON")),
        )
        .subcommand(ordenes_letras::programa(datos))
        .subcommand(
            orden("postgres", "Sólo el PostgreSQL embebido, por TCP, para trabajar a mano").arg(datos()).arg(puerto),
        )
        .subcommand(orden("salud", "Pregunta al servicio local si puede atender"))
        .subcommand(orden_administrador(datos))
        .subcommand(orden("prueba-final", "La prueba final del tutorial contra un servicio en marcha").arg(url))
}

fn orden_administrador(datos: impl Fn() -> Arg) -> Command {
    let id = || argumento("id", "ID", "El usuario").required(true);
    let accion = |nombre, uso: &'static str, ayuda| {
        orden(nombre, ayuda).override_usage(uso).arg(datos()).arg(id().value_parser(value_parser!(Uuid)))
    };
    orden("administrador", "Dice quién administra en modo cerrado")
        .override_usage("aeroalpes administrador <ORDEN> [OPCIONES]")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand_help_heading("Órdenes")
        .subcommand(accion(
            "conceder",
            "aeroalpes administrador conceder [OPCIONES] <ID>",
            "Hace administrador a un usuario",
        ))
        .subcommand(accion("retirar", "aeroalpes administrador retirar [OPCIONES] <ID>", "Deja de serlo"))
}

/// Una orden, con su ayuda en español.
pub fn orden(nombre: &'static str, ayuda: &'static str) -> Command {
    Command::new(nombre)
        .about(ayuda)
        .help_template(PLANTILLA)
        .override_usage(format!("aeroalpes {nombre} [OPCIONES]"))
        .disable_help_flag(true)
        .disable_version_flag(true)
        .disable_help_subcommand(true)
        .arg(bandera("help", 'h', "Muestra esta ayuda", ArgAction::Help))
}

fn bandera(nombre: &'static str, corta: char, ayuda: &'static str, accion: ArgAction) -> Arg {
    Arg::new(nombre).long(nombre).short(corta).help(ayuda).action(accion).help_heading("Opciones")
}

/// Una bandera sin letra.
pub fn bandera_larga(nombre: &'static str, ayuda: &'static str) -> Arg {
    Arg::new(nombre).long(nombre).help(ayuda).action(ArgAction::SetTrue).help_heading("Opciones")
}

/// Un argumento por su lugar.
pub fn argumento(nombre: &'static str, valor: &'static str, ayuda: &'static str) -> Arg {
    Arg::new(nombre).value_name(valor).help(ayuda).help_heading("Argumentos")
}

/// Una opción con un valor.
pub fn opcion(nombre: &'static str, valor: &'static str, ayuda: &'static str) -> Arg {
    Arg::new(nombre).long(nombre).value_name(valor).help(ayuda).help_heading("Opciones")
}

/// Dice en español qué no se entendió; la ayuda y la versión se muestran tal cual.
fn explicar(error: &clap::Error) -> ExitCode {
    let dato = |clase| error.get(clase).map(ToString::to_string).unwrap_or_default();
    let motivo = match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            return ExitCode::from(u8::from(write!(stdout(), "{error}").is_err()));
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            eprint!("{error}");
            return ExitCode::from(2);
        }
        ErrorKind::InvalidSubcommand => format!("no existe la orden «{}»", dato(ContextKind::InvalidSubcommand)),
        ErrorKind::UnknownArgument => format!("no existe la opción «{}»", dato(ContextKind::InvalidArg)),
        ErrorKind::MissingRequiredArgument => format!("falta {}", dato(ContextKind::InvalidArg)),
        ErrorKind::ArgumentConflict => {
            format!("{} y {} no van juntos", dato(ContextKind::InvalidArg), dato(ContextKind::PriorArg))
        }
        _ => format!("el valor «{}» no sirve para {}", dato(ContextKind::InvalidValue), dato(ContextKind::InvalidArg)),
    };
    eprintln!("aeroalpes: {motivo}. «aeroalpes --help» muestra la ayuda.");
    ExitCode::from(2)
}

/// Con qué código terminar, o por qué no se pudo.
pub type Resultado = Result<ExitCode, Box<dyn Error>>;

impl Orden {
    /// Cumple la orden y dice con qué código terminar.
    pub async fn cumplir(self) -> Resultado {
        match self {
            Self::Servir(opciones) => Box::pin(servir(opciones)).await,
            Self::Migrar(opciones) => migrar_esquema(opciones).await,
            Self::Purgar(opciones) => purgar(opciones).await,
            Self::Estado { opciones, json } => estado(opciones, json).await,
            Self::LetrasMuertas(opciones, orden) => con_base(opciones, async |base, _| orden.cumplir(base).await).await,
            Self::Postgres { datos, puerto } => postgres(datos, puerto).await,
            Self::Salud => salud(),
            Self::Administrador { opciones, id, conceder } => cambiar_administrador(opciones, id, conceder).await,
            Self::PruebaFinal(url) => {
                let clave = leer_clave_servicio(&|nombre| std::env::var_os(nombre))?;
                let fallas = prueba_final::probar(&url, clave, &mut stdout())?;
                Ok(if fallas == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
            }
        }
    }
}

/// La configuración del entorno y de la línea de órdenes.
pub fn configurar(opciones: Opciones) -> Result<Config, Box<dyn Error>> {
    Ok(Config::leer(&|nombre| std::env::var_os(nombre), opciones, carpeta_por_defecto())?)
}

async fn servir(opciones: Opciones) -> Resultado {
    let config = configurar(opciones)?;
    let _registros = registros::empezar()?;
    let trazas = Trazas::empezar(&|nombre| std::env::var_os(nombre))?;
    let parar = al_pedir_parar()?;
    // Un hilo aparte escribe en la consola: quien no la lea tarda mucho en frenar al servicio, y no se pierde un código.
    let cola = NonBlockingBuilder::default().buffered_lines_limit(LINEAS_EN_COLA).lossy(false);
    let (consola, _guarda) = cola.finish(stdout());
    let mut anuncios = consola.clone();
    let anunciar = move |Anuncio { direccion, datos, roles }: Anuncio| {
        let version = env!("CARGO_PKG_VERSION");
        let detalle = if roles.tiene(Rol::Api) { "documentación en /docs" } else { "sólo la salud: sin el rol api" };
        let texto = format!("AeroAlpes {version} en http://{direccion} ({detalle})\nDatos: {datos}\n");
        if anuncios.write_all(texto.as_bytes()).is_err() {
            tracing::warn!("no se pudo escribir en la consola");
        }
    };
    // En el montón: es el futuro de todo el programa, y ocupa más de 16 KiB.
    let fin = Box::pin(arranque::servir(config, Box::new(EntregaPorConsola::nueva(consola)), anunciar, parar)).await;
    if let Some(trazas) = trazas {
        tokio::task::spawn_blocking(move || trazas.terminar()).await?;
    }
    fin?;
    Ok(ExitCode::SUCCESS)
}

async fn postgres(datos: Option<PathBuf>, puerto: u16) -> Resultado {
    let _registros = registros::empezar()?;
    let parar = al_pedir_parar()?;
    let carpeta = datos.or_else(carpeta_del_entorno).unwrap_or_else(carpeta_por_defecto);
    let arranque = PostgresEmbebido::arrancar(&carpeta, Acceso::Tcp { puerto });
    let Some(embebido) = parar.run_until_cancelled(arranque).await else { return Ok(ExitCode::SUCCESS) };
    let embebido = embebido?;
    writeln!(stdout(), "export DATABASE_URL='{}'", embebido.url())?;
    parar.cancelled().await;
    embebido.detener().await?;
    Ok(ExitCode::SUCCESS)
}

fn carpeta_del_entorno() -> Option<PathBuf> {
    std::env::var_os("AEROALPES_DATOS").filter(|carpeta| !carpeta.is_empty()).map(PathBuf::from)
}

fn salud() -> Resultado {
    let mut direccion = leer_escucha(&|nombre| std::env::var_os(nombre))?;
    if direccion.ip().is_unspecified() {
        direccion.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
    }
    let listo = prueba_final::esta_listo(&format!("http://{direccion}"))?;
    writeln!(stdout(), "{}", if listo { "listo" } else { "no disponible" })?;
    Ok(if listo { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Se cancela con la primera señal de parar; la segunda termina sin esperar.
fn al_pedir_parar() -> Result<CancellationToken, std::io::Error> {
    let parar = CancellationToken::new();
    let (mut terminar, mut interrumpir) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let aviso = parar.clone();
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = terminar.recv() => {}
                _ = interrumpir.recv() => {}
            }
            if aviso.is_cancelled() {
                std::process::exit(130);
            }
            tracing::info!("se pidió parar: se termina lo que está en curso");
            aviso.cancel();
        }
    });
    Ok(parar)
}
