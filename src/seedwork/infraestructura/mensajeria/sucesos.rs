//! Leer la bandeja de salida según se confirma, desde donde se quedó cada uno.

use std::sync::Arc;

use sqlx::{FromRow, query_as};
use time::OffsetDateTime;
use tracing::error;
use uuid::Uuid;

use super::visto::{Foto, Visto};
use crate::seedwork::aplicacion::causas::cadena;
use crate::seedwork::dominio::repositorios::Falla;
use crate::seedwork::infraestructura::conexiones::Conexiones;
use crate::seedwork::infraestructura::despacho::avro::ErrorAvro;

/// Mensajes que se leen de una vez.
const PAGINA: usize = 500;

/// Lo que se ve hasta `$4` y `$5` y no se veía antes de `$2` y `$3`.
macro_rules! nuevos {
    () => {
        "SELECT posicion, transaccion::text AS transaccion, id, tipo, clave, datos, ocurrido_en, publicada_en \
         FROM bandeja_salida WHERE (transaccion >= $2::text::xid8 OR transaccion = ANY ($3::text[]::xid8[])) \
         AND transaccion < $4::text::xid8 AND transaccion <> ALL ($5::text[]::xid8[]) \
         AND topico = $1 AND posicion > $6 AND ($7::uuid IS NULL OR clave = $7)"
    };
}

/// Al empezar, lo nuevo se busca por su transacción: `OFFSET 0` impide que se recorra por posición toda la historia.
const PRIMERA_PAGINA: &str = concat!("SELECT * FROM (", nuevos!(), " OFFSET 0) nuevos ORDER BY posicion LIMIT $8");
/// Después, ya se está en medio de lo nuevo.
const OTRA_PAGINA: &str = concat!(nuevos!(), " ORDER BY posicion LIMIT $8");

/// Un mensaje de la bandeja de salida.
#[derive(Debug, FromRow)]
pub struct Mensaje {
    /// Su identidad.
    pub id: Uuid,
    /// El nombre del evento.
    pub tipo: String,
    /// La identidad de la agregación.
    pub clave: Uuid,
    /// El dato de Avro.
    pub datos: Vec<u8>,
    /// Cuándo ocurrió.
    pub ocurrido_en: OffsetDateTime,
    /// Cuándo confirmó el bus que lo tenía, si ya lo hizo.
    pub publicada_en: Option<OffsetDateTime>,
}

#[derive(FromRow)]
struct Fila {
    posicion: i64,
    transaccion: String,
    #[sqlx(flatten)]
    mensaje: Mensaje,
}

/// Algo que se confirmó.
#[derive(Debug)]
pub struct Suceso<T> {
    /// Qué.
    pub evento: T,
    /// A qué agregación.
    pub clave: Uuid,
    /// Hasta dónde ha leído quien lee esto.
    pub visto: Visto,
    /// La transacción que lo confirmó.
    pub transaccion: u64,
}

/// Los sucesos de un tópico.
#[derive(Clone)]
pub struct Sucesos<T> {
    conexiones: Conexiones,
    topico: &'static str,
    leer: fn(Mensaje) -> Result<T, ErrorAvro>,
}

impl<T> Sucesos<T> {
    /// Los de ese tópico, con lo que convierte cada mensaje en evento.
    pub fn nuevos(conexiones: Conexiones, topico: &'static str, leer: fn(Mensaje) -> Result<T, ErrorAvro>) -> Self {
        Self { conexiones, topico, leer }
    }

    /// Lo que se ve ahora.
    ///
    /// # Errors
    /// Las de la base de datos.
    pub async fn ahora(&self) -> Result<Foto, Falla> {
        let fotos: Vec<(String,)> = self.conexiones.leer(query_as("SELECT pg_current_snapshot()::text")).await?;
        let foto = fotos.first().and_then(|(texto,)| Foto::de_postgres(texto));
        foto.ok_or_else(|| Falla::interna("PostgreSQL dio una foto que no se entiende"))
    }

    /// Los siguientes, en orden, y los da por leídos; con `clave`, sólo los suyos. Si no se leyó todo lo que hay, `visto`
    /// no queda completo.
    ///
    /// # Errors
    /// Las de la base de datos; entonces `visto` no cambia.
    pub async fn siguientes(&self, visto: &mut Visto, clave: Option<Uuid>) -> Result<Vec<Suceso<T>>, Falla> {
        let mut desde = visto.clone();
        if desde.completo() {
            desde = Visto { hasta: Arc::new(self.ahora().await?), posicion: 0, ..desde };
        }
        if desde.completo() {
            return Ok(Vec::new());
        }
        let filas = self.pagina(&desde, clave).await?;
        let hasta = Arc::clone(&desde.hasta);
        *visto = match filas.last() {
            Some(ultima) if filas.len() == PAGINA => Visto { posicion: ultima.posicion, ..desde.clone() },
            _ => Visto { antes: Arc::clone(&hasta), hasta, posicion: 0 },
        };
        Ok(filas.into_iter().filter_map(|fila| self.suceso(fila, &desde)).collect())
    }

    async fn pagina(&self, desde: &Visto, clave: Option<Uuid>) -> Result<Vec<Fila>, Falla> {
        let lista = |foto: &Foto| foto.en_curso().iter().map(u64::to_string).collect::<Vec<_>>();
        let sql = query_as(if desde.posicion == 0 { PRIMERA_PAGINA } else { OTRA_PAGINA }).bind(self.topico);
        let sql = sql.bind(desde.antes.limite().to_string()).bind(lista(&desde.antes));
        let sql = sql.bind(desde.hasta.limite().to_string()).bind(lista(&desde.hasta));
        let limite = i64::try_from(PAGINA).unwrap_or(i64::MAX);
        self.conexiones.leer(sql.bind(desde.posicion).bind(clave).bind(limite)).await
    }

    fn suceso(&self, Fila { posicion, transaccion, mensaje }: Fila, desde: &Visto) -> Option<Suceso<T>> {
        let (clave, id) = (mensaje.clave, mensaje.id);
        let transaccion = transaccion.parse().ok()?;
        match (self.leer)(mensaje) {
            Ok(evento) => Some(Suceso { evento, clave, visto: Visto { posicion, ..desde.clone() }, transaccion }),
            Err(error) => {
                error!(%id, causa = cadena(&error), "un evento propio no se deja leer; no se cuenta en vivo");
                None
            }
        }
    }
}
