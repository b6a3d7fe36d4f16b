//! El sumidero, y un servicio que le manda sus correos.

use std::net::TcpListener;
use std::process::Stdio;

use serde_json::{Value, json};
use tokio::process::{Child, Command};

use crate::comun::servicio::{Lineas, Servicio};
use crate::comun::{BaseDePrueba, hasta};

const SUMIDERO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/correo/sumidero.py");

/// Plazos cortos: lo que suelta una instancia muerta se ve pronto.
pub const PLAZO_CORTO: (&str, &str) = ("AEROALPES_CORREO_MS", "3000");

/// Un servidor SMTP en marcha; al soltarlo se mata.
pub struct Sumidero {
    _proceso: Child,
    salida: Lineas,
    pub puerto: u16,
}

impl Sumidero {
    pub async fn nuevo() -> Self {
        Self::con(&[]).await
    }

    /// Con esos argumentos.
    pub async fn con(argumentos: &[&str]) -> Self {
        let python = std::env::var("AEROALPES_PYTHON").expect("falta AEROALPES_PYTHON: use ./dev pruebas");
        let mut orden = Command::new(python);
        orden.arg(SUMIDERO).args(argumentos).kill_on_drop(true);
        orden.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut proceso = orden.spawn().unwrap();
        let salida = Lineas::recoger(proceso.stdout.take().unwrap());
        let anuncio: Value = serde_json::from_str(&salida.esperar("puerto").await).unwrap();
        let puerto = anuncio["puerto"].as_u64().unwrap().try_into().unwrap();
        Self { _proceso: proceso, salida, puerto }
    }

    pub fn url(&self) -> String {
        format!("smtp://127.0.0.1:{}", self.puerto)
    }

    /// Todo lo que le ha llegado a esa dirección.
    pub fn para(&self, email: &str) -> Vec<Value> {
        let salida = self.salida.texto();
        let cartas = salida.lines().skip(1).map(|linea| serde_json::from_str::<Value>(linea).unwrap());
        cartas.filter(|carta| carta["sobre"][1] == email).collect()
    }

    /// Espera a que le lleguen tantas cartas a esa dirección; falla si son más.
    pub async fn esperar(&self, email: &str, cuantas: usize) -> Vec<Value> {
        hasta(&format!("{cuantas} cartas para {email}"), async || self.para(email).len() >= cuantas).await;
        let cartas = self.para(email);
        assert_eq!(cartas.len(), cuantas, "{cartas:#?}");
        cartas
    }
}

/// Un puerto en el que no atiende nadie.
pub fn puerto_libre() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Un servicio con correo, sobre esa base.
pub async fn servicio(base: &BaseDePrueba, url: &str, mas: &[(&str, &str)]) -> Servicio {
    let mut entorno =
        vec![("AEROALPES_SMTP_URL", url), ("AEROALPES_CORREO_DE", "AeroAlpes <reservas@aeroalpes.example>")];
    entorno.extend(mas);
    Servicio::arrancar(base, &entorno).await
}

pub fn usuario(email: &str) -> Value {
    json!({"nombres": "Ana María", "apellidos": "Núñez Öström", "email": email, "password": "correcta-y-larga",
        "es_empresarial": false})
}

/// Registra a un usuario y da su identidad.
pub async fn registrar(servicio: &Servicio, email: &str) -> String {
    let creado = servicio.post("/clientes/usuario", &usuario(email)).await.con(201);
    creado["id"].as_str().unwrap().to_owned()
}

/// Un viaje de dos vuelos, a nombre de ese usuario si se da.
pub fn reserva(cliente: Option<&str>) -> Value {
    let lugar = |codigo: &str, nombre: &str| json!({"codigo": codigo, "nombre": nombre});
    let (bogota, miami, york) = (lugar("BOG", "El Dorado – Bogotá"), lugar("MIA", ""), lugar("JFK", "John F. Kennedy"));
    let mut cuerpo = json!({"itinerarios": [{"odos": [{"segmentos": [{"legs": [
        {"fecha_salida": "2022-11-22T08:10:00-05:00", "fecha_llegada": "2022-11-22T17:00:00Z", "origen": bogota,
            "destino": miami},
        {"fecha_salida": "2022-11-23T01:05:00Z", "fecha_llegada": "2022-11-23T04:00:00Z", "origen": miami,
            "destino": york},
    ]}]}]}]});
    if let Some(cliente) = cliente {
        cuerpo["id_cliente"] = cliente.into();
    }
    cuerpo
}

/// El código que lleva una carta: la única línea con sangría.
pub fn codigo(carta: &Value) -> String {
    let texto = carta["texto"].as_str().unwrap();
    texto.lines().find_map(|linea| linea.strip_prefix("    ")).unwrap_or_else(|| panic!("sin código: {texto}")).into()
}

/// Cómo terminaron los correos de ese asunto: cuántos con ese desenlace, o pendientes.
pub async fn correos(base: &BaseDePrueba, asunto: &str, desenlace: Option<&str>) -> i64 {
    let desenlace = desenlace.map_or("IS NULL".into(), |desenlace| format!("= '{desenlace}'"));
    base.contar(&format!("SELECT count(*) FROM correos WHERE asunto = '{asunto}' AND desenlace {desenlace}")).await
}

/// Espera a que tantos correos de ese asunto tengan ese desenlace.
pub async fn esperar_desenlace(base: &BaseDePrueba, asunto: &str, desenlace: &str, cuantos: i64) {
    let que = format!("{cuantos} correos de {asunto} con desenlace {desenlace}");
    hasta(&que, async || correos(base, asunto, Some(desenlace)).await == cuantos).await;
}
