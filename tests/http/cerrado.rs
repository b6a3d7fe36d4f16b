//! Lo que comparten las pruebas del modo cerrado: un servicio cerrado, quién llama y con qué ficha.

use reqwest::Method;
use serde_json::{Value, json};

use crate::apoyo::{PASSWORD, Prueba, id};
use crate::comun::BaseDePrueba;
use crate::comun::servicio::{Respuesta, Servicio, ejecutar};

/// Una clave de servicio que se reconoce si aparece donde no debe.
pub const CLAVE: &str = "clave-de-servicio-reconocible-8264-xyz";

const CERRADO: [(&str, &str); 2] = [("AEROALPES_MODO", "cerrado"), ("AEROALPES_CLAVE_SERVICIO", CLAVE)];

/// Un servicio en modo cerrado y su base.
pub struct Cerrada(pub Prueba);

/// Un usuario con la sesión iniciada.
pub struct Sesion {
    pub id: String,
    pub ficha: String,
}

impl Cerrada {
    pub async fn nueva() -> Self {
        Self::con(&[]).await
    }

    /// Con esas variables de entorno además de las necesarias.
    pub async fn con(entorno: &[(&str, &str)]) -> Self {
        Self(Prueba::con(&[&CERRADO, entorno].concat()).await)
    }

    /// Otra instancia, sobre la misma base.
    pub async fn otra_instancia(&self) -> Servicio {
        Servicio::arrancar(&self.0.base, &CERRADO).await
    }

    /// Registra a alguien y le inicia sesión.
    pub async fn sesion(&self, email: &str) -> Sesion {
        let id = self.0.registrar(email).await;
        Sesion { id, ficha: self.ficha(email).await }
    }

    /// Inicia otra sesión de alguien ya registrado.
    pub async fn ficha(&self, email: &str) -> String {
        let iniciada = iniciar_sesion(&self.0.servicio, email, PASSWORD).await.con(200);
        iniciada["ficha"].as_str().unwrap().to_owned()
    }

    /// Registra a alguien que además administra, y le inicia sesión.
    pub async fn administrador(&self, email: &str) -> Sesion {
        let sesion = self.sesion(email).await;
        administrador(&self.0.base, "conceder", &sesion.id).await;
        sesion
    }

    pub async fn get(&self, ruta: &str, ficha: &str) -> Respuesta {
        con_ficha(&self.0.servicio, Method::GET, ruta, ficha, None).await
    }

    pub async fn post(&self, ruta: &str, ficha: &str, cuerpo: &Value) -> Respuesta {
        con_ficha(&self.0.servicio, Method::POST, ruta, ficha, Some(cuerpo)).await
    }

    /// Un `POST` sin cuerpo.
    pub async fn ordenar(&self, ruta: &str, ficha: &str) -> Respuesta {
        con_ficha(&self.0.servicio, Method::POST, ruta, ficha, None).await
    }

    /// Crea una reserva con esa ficha y da su identidad.
    pub async fn reserva(&self, ficha: &str) -> String {
        id(&self.post("/vuelos/reserva", ficha, &crate::apoyo::reserva()).await.con(200))
    }
}

/// Cualquier solicitud con esa ficha.
pub async fn con_ficha(
    servicio: &Servicio,
    metodo: Method,
    ruta: &str,
    ficha: &str,
    cuerpo: Option<&Value>,
) -> Respuesta {
    let completar = |solicitud: reqwest::RequestBuilder| match cuerpo {
        Some(cuerpo) => solicitud.bearer_auth(ficha).json(cuerpo),
        None => solicitud.bearer_auth(ficha),
    };
    servicio.pedir(metodo, ruta, completar).await
}

/// Intenta iniciar sesión.
pub async fn iniciar_sesion(servicio: &Servicio, email: &str, password: &str) -> Respuesta {
    servicio.post("/clientes/sesion", &json!({"email": email, "password": password})).await
}

/// `aeroalpes administrador conceder|retirar ID`, que debe salir bien.
pub async fn administrador(base: &BaseDePrueba, accion: &str, id: &str) {
    let fin = ejecutar(&["administrador", accion, id], &[("DATABASE_URL", &base.url())]).await;
    assert!(fin.status.success(), "{}", String::from_utf8_lossy(&fin.stderr));
}
