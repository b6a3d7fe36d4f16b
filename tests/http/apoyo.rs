//! Lo que comparten estas pruebas: un servicio con su base, cuerpos de ejemplo y filas que otro tiene bloqueadas.

use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, PgConnection};
use uuid::Uuid;

use crate::comun::BaseDePrueba;
pub use crate::comun::prueba::Prueba;
use crate::comun::servicio::Respuesta;

/// Una contraseña que se reconoce si aparece donde no debe.
pub const PASSWORD: &str = "clave-Sécreta-7391";

impl Prueba {
    /// Crea una reserva sin cliente y da su identidad.
    pub async fn reserva(&self) -> String {
        id(&self.servicio.post("/vuelos/reserva", &reserva()).await.con(200))
    }

    /// Pone en la base una reserva pendiente, sin pasar por el servicio, y da su identidad.
    pub async fn reserva_sembrada(&self) -> String {
        let id = Uuid::new_v4();
        let copiar = format!(
            "INSERT INTO reservas SELECT '{id}', id_cliente, 'pendiente', itinerarios, fecha_creacion, \
             fecha_actualizacion, 1 FROM reservas LIMIT 1"
        );
        self.base.ordenar(&copiar).await;
        id.to_string()
    }

    /// Da una orden sobre una reserva: `pagar`, `aprobar` o `cancelar`.
    pub async fn a_la_reserva(&self, id: &str, orden: &str) -> Respuesta {
        self.servicio.ordenar(&format!("/vuelos/reserva/{id}/{orden}")).await
    }

    /// Registra un usuario por HTTP y da su identidad.
    pub async fn registrar(&self, email: &str) -> String {
        id(&self.servicio.post("/clientes/usuario", &usuario(email)).await.con(201))
    }

    /// Pone en la base un usuario activo, sin el coste de cifrar una contraseña, y da su identidad.
    pub async fn sembrar_usuario(&self) -> String {
        let id = Uuid::new_v4();
        let insertar = format!(
            "INSERT INTO usuarios (id, nombres, apellidos, email, email_clave, contrasena, es_empresarial, estado, \
             fecha_creacion, fecha_actualizacion, version) VALUES ('{id}', 'Ana', 'Pérez', '{id}@ejemplo.co', \
             '{id}@ejemplo.co', 'ninguna', false, 'registrado', now(), now(), 1)"
        );
        self.base.ordenar(&insertar).await;
        id.to_string()
    }

    /// Cuántas filas hay en total en las tablas que guardan reservas y sus mensajes.
    pub async fn filas_de_reservas(&self) -> i64 {
        let sql = "SELECT (SELECT count(*) FROM reservas) + (SELECT count(*) FROM usuarios_reservas) \
                   + (SELECT count(*) FROM bandeja_salida WHERE topico = 'eventos-reserva')";
        self.base.contar(sql).await
    }

    /// Cuántos eventos de ese tipo esperan en la bandeja de salida por esa agregación.
    pub async fn eventos(&self, tipo: &str, id: &str) -> i64 {
        let sql = format!("SELECT count(*) FROM bandeja_salida WHERE tipo = '{tipo}' AND clave = '{id}'");
        self.base.contar(&sql).await
    }
}

/// La identidad de lo que se acaba de crear.
pub fn id(creado: &Value) -> String {
    creado["id"].as_str().unwrap().to_owned()
}

/// Los nombres de los miembros de un objeto, en orden alfabético.
pub fn miembros(objeto: &Value) -> Vec<&str> {
    let mut nombres: Vec<_> = objeto.as_object().unwrap().keys().map(String::as_str).collect();
    nombres.sort_unstable();
    nombres
}

/// Una persona por registrar.
pub fn usuario(email: &str) -> Value {
    json!({"nombres": "Ana María", "apellidos": "Pérez", "email": email, "password": PASSWORD,
        "es_empresarial": false})
}

/// La reserva del contrato.
pub fn reserva() -> Value {
    reserva_con_legs(&json!([ida()]))
}

/// Una reserva para ese cliente.
pub fn reserva_de(id_cliente: &str) -> Value {
    let mut cuerpo = reserva();
    cuerpo["id_cliente"] = id_cliente.into();
    cuerpo
}

/// Una reserva de un solo segmento con esos vuelos.
pub fn reserva_con_legs(legs: &Value) -> Value {
    json!({"itinerarios": [{"odos": [{"segmentos": [{"legs": legs}]}]}]})
}

/// El vuelo del contrato, de BOG a JFK.
pub fn ida() -> Value {
    let mut vuelo = leg("2022-11-22T13:10:00Z", "2022-11-22T15:10:00Z", "BOG", "JFK");
    vuelo["origen"]["nombre"] = "El Dorado - Bogotá International Airport (BOG)".into();
    vuelo["destino"]["nombre"] = "John F. Kennedy International Airport".into();
    vuelo
}

pub fn leg(salida: &str, llegada: &str, origen: &str, destino: &str) -> Value {
    let aeropuerto = |codigo: &str| json!({"codigo": codigo, "nombre": format!("Aeropuerto {codigo}")});
    json!({"fecha_salida": salida, "fecha_llegada": llegada, "origen": aeropuerto(origen),
        "destino": aeropuerto(destino)})
}

/// Los itinerarios enviados, tal como deben volver: los aeropuertos llevan además sus dos fechas, nulas.
pub fn como_vuelven(enviada: &Value) -> Value {
    let mut itinerarios = enviada["itinerarios"].clone();
    poner_fechas_nulas(&mut itinerarios);
    itinerarios
}

fn poner_fechas_nulas(valor: &mut Value) {
    match valor {
        Value::Array(lista) => lista.iter_mut().for_each(poner_fechas_nulas),
        Value::Object(objeto) if objeto.contains_key("codigo") => {
            objeto.insert("fecha_creacion".into(), Value::Null);
            objeto.insert("fecha_actualizacion".into(), Value::Null);
        }
        Value::Object(objeto) => objeto.values_mut().for_each(poner_fechas_nulas),
        _ => {}
    }
}

/// Una fila que otra transacción tiene bloqueada.
pub struct FilaBloqueada(PgConnection);

impl FilaBloqueada {
    pub async fn nueva(base: &BaseDePrueba, tabla: &str, id: &str) -> Self {
        let mut fila = Self(base.conectar().await);
        fila.ordenar(format!("BEGIN; SELECT 1 FROM {tabla} WHERE id = '{id}' FOR UPDATE")).await;
        fila
    }

    /// Confirma y la suelta.
    pub async fn soltar(mut self) {
        self.ordenar("COMMIT".into()).await;
    }

    /// Hace algo más en la misma transacción.
    pub async fn ordenar(&mut self, sql: String) {
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut self.0).await.unwrap();
    }
}
