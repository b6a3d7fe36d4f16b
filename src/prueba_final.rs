//! La prueba final del tutorial (paso 7) contra un servicio en marcha: crea, consulta, compara y cuenta.

#![expect(clippy::indexing_slicing, reason = "un miembro que falta en un valor de JSON es nulo, no un pánico")]

use std::io::{self, Write};
use std::thread::sleep;
use std::time::{Duration, Instant};

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use thiserror::Error;
use ureq::Agent;
use ureq::http::request::Builder;
use ureq::http::{Method, Request, StatusCode};
use uuid::Uuid;

/// Cuánto se espera cada respuesta.
const PLAZO: Duration = Duration::from_secs(30);
/// Cada cuánto se pregunta por un comando pendiente.
const RESPIRO: Duration = Duration::from_millis(50);

/// Por qué la prueba no se pudo hacer.
#[derive(Debug, Error)]
pub enum ErrorPrueba {
    /// La red o el servicio no responden.
    #[error("no hay respuesta del servicio")]
    Http(#[from] ureq::Error),
    /// No se puede escribir el resultado.
    #[error("no se puede escribir el resultado")]
    Salida(#[from] io::Error),
}

/// Hace la prueba y escribe cada solicitud, cada respuesta y el resultado. Devuelve cuántas fallas hubo. La clave es la
/// de servicio, que hace falta en modo cerrado.
///
/// # Errors
/// [`ErrorPrueba`].
pub fn probar(url: &str, clave: Option<SecretString>, salida: &mut impl Write) -> Result<usize, ErrorPrueba> {
    let url = url.trim_end_matches('/');
    let mut prueba = Prueba { cliente: cliente(), url, clave, salida, pasos: 0, fallas: 0 };
    prueba.aguardar_al_broker()?;
    prueba.reserva()?;
    prueba.reserva_asincrona()?;
    prueba.usuario()?;
    writeln!(prueba.salida, "prueba final: {} pasos, {} fallas", prueba.pasos, prueba.fallas)?;
    Ok(prueba.fallas)
}

/// Si el servicio dice que puede atender.
///
/// # Errors
/// Los de la red.
pub fn esta_listo(url: &str) -> Result<bool, ErrorPrueba> {
    Ok(cliente().get(format!("{url}/health/ready")).call()?.status().is_success())
}

/// Un cliente que cuenta los errores de HTTP como respuestas y no sale por ningún intermediario.
fn cliente() -> Agent {
    Agent::config_builder().http_status_as_error(false).proxy(None).timeout_global(Some(PLAZO)).build().into()
}

struct Prueba<'a, W> {
    cliente: Agent,
    url: &'a str,
    clave: Option<SecretString>,
    salida: &'a mut W,
    pasos: usize,
    fallas: usize,
}

impl<W: Write> Prueba<'_, W> {
    /// Un servicio recién arrancado ya atiende, `degradado`, mientras se conecta al bróker: se le espera un rato.
    fn aguardar_al_broker(&mut self) -> Result<(), ErrorPrueba> {
        let limite = Instant::now() + PLAZO;
        loop {
            let mut respuesta = self.cliente.get(format!("{}/health/ready", self.url)).call()?;
            let cuerpo: Value = serde_json::from_str(&respuesta.body_mut().read_to_string()?).unwrap_or_default();
            if cuerpo["estado"] != "degradado" || Instant::now() >= limite {
                return Ok(());
            }
            sleep(RESPIRO);
        }
    }

    fn reserva(&mut self) -> Result<(), ErrorPrueba> {
        let enviada = reserva();
        let creada = self.paso("crear una reserva", Method::POST, "/vuelos/reserva", Some(&enviada), StatusCode::OK)?;
        self.comparar(
            "los itinerarios guardados son los enviados",
            &sin_fechas_nulas(&creada),
            &enviada["itinerarios"],
        )?;
        let id = creada["id"].as_str().unwrap_or_default();
        for ruta in ["/vuelos/reserva", "/vuelos/reserva-query"] {
            let leida =
                self.paso("consultar la reserva", Method::GET, &format!("{ruta}/{id}"), None, StatusCode::OK)?;
            self.comparar("la reserva consultada es la creada", &leida, &creada)?;
        }
        Ok(())
    }

    fn reserva_asincrona(&mut self) -> Result<(), ErrorPrueba> {
        let enviada = reserva();
        let ruta = "/vuelos/reserva-comando";
        let aceptada =
            self.paso("crear una reserva sin esperar", Method::POST, ruta, Some(&enviada), StatusCode::ACCEPTED)?;
        let comando = format!("/comandos/{}", aceptada["id_comando"].as_str().unwrap_or_default());
        let terminado = self.esperar(&comando)?;
        self.comparar("el comando se ejecutó", &terminado["estado"], &json!("ejecutado"))?;
        let recurso = terminado["recurso"].as_str().unwrap_or_default();
        let leida = self.paso("consultar la reserva", Method::GET, recurso, None, StatusCode::OK)?;
        self.comparar("la reserva es la aceptada", &leida["id"], &aceptada["id"])?;
        self.comparar("los itinerarios guardados son los enviados", &sin_fechas_nulas(&leida), &enviada["itinerarios"])
    }

    /// Pregunta por un comando hasta que termine; sólo cuenta, y muestra, la última respuesta.
    fn esperar(&mut self, comando: &str) -> Result<Value, ErrorPrueba> {
        let limite = Instant::now() + PLAZO;
        while Instant::now() < limite {
            let solicitud = self.identificada(Request::get(format!("{}{comando}", self.url)));
            let mut respuesta = self.cliente.run(solicitud.body(()).map_err(ureq::Error::from)?)?;
            let cuerpo: Value = serde_json::from_str(&respuesta.body_mut().read_to_string()?).unwrap_or_default();
            if cuerpo["estado"] != "pendiente" {
                break;
            }
            sleep(RESPIRO);
        }
        self.paso("preguntar cómo terminó", Method::GET, comando, None, StatusCode::OK)
    }

    fn usuario(&mut self) -> Result<(), ErrorPrueba> {
        let email = format!("prueba-{}@ejemplo.co", Uuid::new_v4().simple());
        let enviado = json!({"nombres": "Ana María", "apellidos": "Pérez", "email": email,
            "password": Uuid::new_v4().to_string(), "es_empresarial": false});
        let creado =
            self.paso("registrar un usuario", Method::POST, "/clientes/usuario", Some(&enviado), StatusCode::CREATED)?;
        self.comparar("el e-mail registrado es el enviado", &creado["email"], &enviado["email"])?;
        let id = creado["id"].as_str().unwrap_or_default();
        for ruta in [format!("/clientes/usuario/{id}"), format!("/clientes/usuario?email={email}")] {
            let leido = self.paso("consultar el usuario", Method::GET, &ruta, None, StatusCode::OK)?;
            self.comparar("el usuario consultado es el registrado", &leido, &creado)?;
        }
        Ok(())
    }

    fn paso(
        &mut self,
        titulo: &str,
        metodo: Method,
        ruta: &str,
        cuerpo: Option<&Value>,
        esperado: StatusCode,
    ) -> Result<Value, ErrorPrueba> {
        self.pasos += 1;
        writeln!(self.salida, "\n{}. {titulo}\n   → {metodo} {ruta}", self.pasos)?;
        let solicitud = Request::builder().method(metodo).uri(format!("{}{ruta}", self.url));
        let solicitud = self.identificada(solicitud).header("content-type", "application/json");
        let texto = cuerpo.map(Value::to_string).unwrap_or_default();
        if let Some(cuerpo) = cuerpo {
            writeln!(self.salida, "     {}", sin_contrasena(cuerpo))?;
        }
        let mut respuesta = self.cliente.run(solicitud.body(texto).map_err(ureq::Error::from)?)?;
        let estado = respuesta.status();
        let cuerpo: Value = serde_json::from_str(&respuesta.body_mut().read_to_string()?).unwrap_or_default();
        writeln!(self.salida, "   ← {estado}\n     {cuerpo}")?;
        if estado != esperado {
            self.falla(&format!("se esperaba {esperado}"))?;
        }
        Ok(cuerpo)
    }

    fn identificada(&self, solicitud: Builder) -> Builder {
        match &self.clave {
            Some(clave) => solicitud.header("authorization", format!("Bearer {}", clave.expose_secret())),
            None => solicitud,
        }
    }

    fn comparar(&mut self, que: &str, obtenido: &Value, esperado: &Value) -> Result<(), ErrorPrueba> {
        if obtenido == esperado && !obtenido.is_null() {
            return Ok(writeln!(self.salida, "   ✓ {que}")?);
        }
        self.falla(&format!("no es cierto que {que}: se esperaba {esperado}"))
    }

    fn falla(&mut self, motivo: &str) -> Result<(), ErrorPrueba> {
        self.fallas += 1;
        Ok(writeln!(self.salida, "   ✗ {motivo}")?)
    }
}

fn reserva() -> Value {
    let aeropuerto = |codigo: &str, nombre: &str| json!({"codigo": codigo, "nombre": nombre});
    let bogota = aeropuerto("BOG", "El Dorado - Bogotá International Airport (BOG)");
    let nueva_york = aeropuerto("JFK", "John F. Kennedy International Airport");
    let leg = |salida: &str, llegada: &str, origen: &Value, destino: &Value| json!({"fecha_salida": salida, "fecha_llegada": llegada, "origen": origen, "destino": destino});
    let odo = |leg: Value| json!({"segmentos": [{"legs": [leg]}]});
    let ida = leg("2022-11-22T13:10:00Z", "2022-11-22T15:10:00Z", &bogota, &nueva_york);
    let vuelta = leg("2022-11-30T13:10:00Z", "2022-11-30T19:40:00Z", &nueva_york, &bogota);
    json!({"itinerarios": [{"odos": [odo(ida), odo(vuelta)]}]})
}

/// Los itinerarios de la respuesta, sin las fechas de los aeropuertos, que van siempre nulas.
fn sin_fechas_nulas(reserva: &Value) -> Value {
    let mut itinerarios = reserva["itinerarios"].clone();
    quitar(&mut itinerarios);
    itinerarios
}

fn quitar(valor: &mut Value) {
    match valor {
        Value::Array(lista) => lista.iter_mut().for_each(quitar),
        Value::Object(objeto) => {
            objeto.retain(|_, dentro| !dentro.is_null());
            objeto.values_mut().for_each(quitar);
        }
        _ => {}
    }
}

fn sin_contrasena(cuerpo: &Value) -> Value {
    let mut cuerpo = cuerpo.clone();
    if let Some(contrasena) = cuerpo.get_mut("password") {
        *contrasena = "***".into();
    }
    cuerpo
}
