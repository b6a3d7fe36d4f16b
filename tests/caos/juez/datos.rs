//! Lo que consta en la base, leído de una vez cuando ya nada se mueve.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;
use sqlx::FromRow;
use sqlx::types::Json;
use uuid::Uuid;

use crate::Fallo;
use crate::entorno::Entorno;

/// Un mensaje de la bandeja de salida.
#[derive(Debug, Clone, FromRow)]
pub struct Mensaje {
    pub posicion: i64,
    pub id: Uuid,
    pub topico: String,
    pub clave: Uuid,
    pub tipo: String,
    pub datos: Vec<u8>,
    pub correlacion: String,
    pub causa: Option<Uuid>,
    pub publicado: bool,
}

impl Mensaje {
    pub fn es_comando(&self) -> bool {
        self.topico.starts_with("comandos-") && !self.topico.ends_with("-dlq")
    }

    pub fn es_evento(&self) -> bool {
        self.topico.starts_with("eventos-") && !self.topico.ends_with("-dlq")
    }
}

/// Una reserva.
#[derive(Debug, Clone, FromRow)]
pub struct Reserva {
    pub id: Uuid,
    pub id_cliente: Option<Uuid>,
    pub estado: String,
    pub itinerarios: Json<Value>,
    pub version: i64,
}

/// Un usuario.
#[derive(Debug, Clone, FromRow)]
pub struct Usuario {
    pub id: Uuid,
    pub nombres: String,
    pub apellidos: String,
    pub email: String,
    pub es_empresarial: bool,
    pub estado: String,
}

/// Cómo terminó un comando.
#[derive(Debug, Clone, FromRow)]
pub struct Resultado {
    pub id: Uuid,
    pub comando: String,
    pub rechazo: Option<Json<Value>>,
}

/// Una letra muerta.
#[derive(Debug, Clone, FromRow)]
pub struct Letra {
    pub id_mensaje: String,
    pub topico: String,
    pub motivo: String,
}

/// Todo lo que consta.
pub struct Datos {
    /// En orden de confirmación de cada clave.
    pub salida: Vec<Mensaje>,
    pub reservas: HashMap<Uuid, Reserva>,
    pub usuarios: HashMap<Uuid, Usuario>,
    pub resultados: HashMap<Uuid, Resultado>,
    pub letras: Vec<Letra>,
    /// Los eventos que recibió nuestra propia suscripción, en orden.
    pub recibidos: Vec<String>,
    /// Las reservas que las listas de los usuarios y las reservas mismas no cuentan igual.
    pub discordes: Vec<Uuid>,
}

impl Datos {
    /// Los lee, sin pasar por el servicio.
    pub async fn leer(entorno: &Entorno) -> Result<Self, Fallo> {
        let mut base = entorno.conectar().await?;
        let salida = "SELECT posicion, id, topico, clave, tipo, datos, correlacion, causa, publicada_en IS NOT NULL AS publicado \
                      FROM bandeja_salida ORDER BY posicion";
        let reservas = "SELECT id, id_cliente, estado, itinerarios, version FROM reservas";
        let usuarios = "SELECT id, nombres, apellidos, email, es_empresarial, estado FROM usuarios";
        let resultados = "SELECT id, comando, rechazo FROM resultados_comando";
        let letras = "SELECT id_mensaje, topico, motivo FROM letras_muertas";
        let recibidos =
            "SELECT id_mensaje FROM bandeja_entrada WHERE suscripcion = 'aeroalpes-sub-eventos' ORDER BY recibida_en";
        let discordes = "SELECT coalesce(r.id, u.id_reserva) FROM (SELECT id, id_cliente FROM reservas WHERE id_cliente IS NOT NULL) r \
                         FULL JOIN usuarios_reservas u ON u.id_reserva = r.id WHERE u.id_usuario IS DISTINCT FROM r.id_cliente";
        let reservas: Vec<Reserva> = sqlx::query_as(reservas).fetch_all(&mut base).await?;
        let usuarios: Vec<Usuario> = sqlx::query_as(usuarios).fetch_all(&mut base).await?;
        let resultados: Vec<Resultado> = sqlx::query_as(resultados).fetch_all(&mut base).await?;
        Ok(Self {
            salida: sqlx::query_as(salida).fetch_all(&mut base).await?,
            reservas: reservas.into_iter().map(|fila| (fila.id, fila)).collect(),
            usuarios: usuarios.into_iter().map(|fila| (fila.id, fila)).collect(),
            resultados: resultados.into_iter().map(|fila| (fila.id, fila)).collect(),
            letras: sqlx::query_as(letras).fetch_all(&mut base).await?,
            recibidos: sqlx::query_scalar(recibidos).fetch_all(&mut base).await?,
            discordes: sqlx::query_scalar(discordes).fetch_all(&mut base).await?,
        })
    }

    /// Los eventos, por la solicitud que los causó.
    pub fn por_correlacion(&self) -> HashMap<&str, Vec<&Mensaje>> {
        let mut todos = HashMap::<_, Vec<_>>::new();
        for evento in self.eventos() {
            todos.entry(evento.correlacion.as_str()).or_default().push(evento);
        }
        todos
    }

    /// Los eventos de cada agregación, en orden.
    pub fn por_clave(&self) -> BTreeMap<Uuid, Vec<&Mensaje>> {
        let mut todos = BTreeMap::<_, Vec<_>>::new();
        for evento in self.eventos() {
            todos.entry(evento.clave).or_default().push(evento);
        }
        todos
    }

    /// Los eventos.
    pub fn eventos(&self) -> impl Iterator<Item = &Mensaje> {
        self.salida.iter().filter(|mensaje| mensaje.es_evento())
    }
}
