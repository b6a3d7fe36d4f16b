//! Lo que puede fallar al arrancar, vigilar o detener el servidor.

use std::io;
use std::path::{Path, PathBuf};

/// Motivo por el que el PostgreSQL embebido no pudo arrancar o detenerse.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorPostgres {
    /// Una operación del sistema de archivos o del sistema operativo falló.
    #[error("no se pudo {accion} «{}»: {causa}", ruta.display())]
    Sistema {
        /// Lo que se intentaba, en infinitivo.
        accion: &'static str,
        /// Sobre qué.
        ruta: PathBuf,
        /// El error del sistema.
        #[source]
        causa: io::Error,
    },
    /// Otro servicio vivo tiene la carpeta; un servidor sólo admite un dueño.
    #[error(
        "la carpeta «{}» ya la usa otro servicio (proceso {dueno}); deténgalo o indique otra carpeta",
        carpeta.display()
    )]
    CarpetaEnUso {
        /// La carpeta disputada.
        carpeta: PathBuf,
        /// Identificador de proceso que anotó su dueño.
        dueno: String,
    },
    /// Otro servicio tiene la carpeta, pero su servidor todavía no atiende, o ya no.
    #[error(
        "otro servicio usa la carpeta «{}», pero su PostgreSQL no atiende en este momento; repita cuando haya arrancado",
        .0.display()
    )]
    NoAtiende(PathBuf),
    /// El usuario que ejecutará el servidor no puede entrar en una carpeta necesaria.
    #[error(
        "el usuario «{usuario}», que ejecuta PostgreSQL, no puede llegar a «{}»: no tiene paso por «{}»",
        destino.display(),
        obstaculo.display()
    )]
    CarpetaInalcanzable {
        /// Adónde se quería llegar.
        destino: PathBuf,
        /// La primera carpeta del camino que lo impide.
        obstaculo: PathBuf,
        /// El usuario del servidor.
        usuario: String,
    },
    /// La carpeta de datos contiene algo que no es un cúmulo de PostgreSQL.
    #[error("«{}» no está vacía y no es un cúmulo de PostgreSQL; no se toca", .0.display())]
    CarpetaAjena(PathBuf),
    /// La carpeta del zócalo existe y es de otro usuario o no es una carpeta.
    #[error("«{}» existe y no es una carpeta del usuario del servidor; bórrela", .0.display())]
    ZocaloAjeno(PathBuf),
    /// Hay un cúmulo pero falta la contraseña con la que se creó.
    #[error("hay una base de datos pero falta su contraseña en «{}»; restáurela", .0.display())]
    ClavePerdida(PathBuf),
    /// El proceso es root y no existe ningún usuario sin privilegios al que cederle el servidor.
    #[error("PostgreSQL no se ejecuta como root y no existen los usuarios «postgres» ni «nobody»")]
    SinUsuario,
    /// No hay un PostgreSQL utilizable; el texto dice dónde se buscó y por qué se descartó.
    #[error("no se encontró un PostgreSQL {minimo} o posterior utilizable; se miró en: {lugares}")]
    SinPostgres {
        /// La versión mayor más antigua que se admite.
        minimo: u32,
        /// Lugares mirados y motivo del descarte de cada uno.
        lugares: String,
    },
    /// Los datos son de una versión mayor que no está disponible.
    #[error(
        "los datos de «{}» son de PostgreSQL {mayor} y no se encontró esa versión; se miró en: {lugares}",
        datos.display()
    )]
    VersionIncompatible {
        /// Carpeta del cúmulo.
        datos: PathBuf,
        /// Versión mayor del cúmulo.
        mayor: u32,
        /// Lugares mirados y versión hallada en cada uno.
        lugares: String,
    },
    /// La descarga de los binarios falló.
    #[error("no se pudo obtener PostgreSQL de {url}: {causa}")]
    Descarga {
        /// Dirección pedida.
        url: String,
        /// Qué falló.
        causa: String,
    },
    /// Lo descargado no es lo que se esperaba; no se usa.
    #[error("la suma SHA-256 de {url} es {obtenida} y se esperaba {esperada}; se descarta")]
    SumaIncorrecta {
        /// Dirección pedida.
        url: String,
        /// Suma fijada en el código, en hexadecimal.
        esperada: String,
        /// Suma de lo recibido, en hexadecimal.
        obtenida: String,
    },
    /// `initdb` no pudo crear el cúmulo.
    #[error("initdb falló: {0}")]
    Initdb(String),
    /// El servidor terminó antes de aceptar conexiones.
    #[error("PostgreSQL no arrancó ({estado}): {registro}")]
    NoArranca {
        /// Cómo terminó el proceso.
        estado: String,
        /// Últimas líneas de su registro.
        registro: String,
    },
    /// El servidor vive pero no contestó a tiempo.
    #[error("PostgreSQL no contestó en {0} segundos")]
    SinRespuesta(u64),
    /// El servidor no terminó ni con la parada inmediata.
    #[error("el servidor PostgreSQL (proceso {0}) no se detiene")]
    NoSeDetiene(i32),
    /// El servidor rechazó una orden de administración.
    #[error("PostgreSQL rechazó una orden: {0}")]
    Consulta(#[from] sqlx::Error),
    /// La tarea que hacía el trabajo se interrumpió.
    #[error("se interrumpió la tarea que atiende a PostgreSQL: {0}")]
    Interrumpida(#[from] tokio::task::JoinError),
}

/// Da el adaptador que convierte un error del sistema en [`ErrorPostgres::Sistema`].
pub(super) fn al(accion: &'static str, ruta: &Path) -> impl FnOnce(io::Error) -> ErrorPostgres {
    let ruta = ruta.to_owned();
    move |causa| ErrorPostgres::Sistema { accion, ruta, causa }
}
