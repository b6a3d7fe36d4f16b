//! Un servicio con su base y con qué darle trabajo.

use serde_json::{Value, json};

pub use crate::comun::prueba::Prueba;
use crate::comun::servicio::Respuesta;

impl Prueba {
    /// Crea una reserva y da su identidad.
    pub async fn reserva(&self) -> String {
        let creada = self.servicio.post("/vuelos/reserva", &reserva()).await.con(200);
        creada["id"].as_str().unwrap().to_owned()
    }

    /// Da una orden sobre una reserva: `pagar`, `aprobar` o `cancelar`.
    pub async fn a_la_reserva(&self, id: &str, orden: &str) -> Respuesta {
        self.servicio.ordenar(&format!("/vuelos/reserva/{id}/{orden}")).await
    }

    /// Hace que PostgreSQL deshaga por interbloqueo la inserción de una reserva cuando `veces`, la cuenta de las que van,
    /// cumpla esa condición.
    pub async fn chocar_cuando(&self, condicion: &str) {
        let sql = format!(
            "CREATE SEQUENCE cuenta; CREATE FUNCTION chocar() RETURNS trigger LANGUAGE plpgsql AS $$ \
             DECLARE veces bigint := nextval('cuenta'); BEGIN \
             IF {condicion} THEN RAISE EXCEPTION 'choque' USING ERRCODE = '40P01'; END IF; RETURN NEW; END $$; \
             CREATE TRIGGER chocar BEFORE INSERT ON reservas FOR EACH ROW EXECUTE FUNCTION chocar()"
        );
        self.base.ordenar(&sql).await;
    }
}

/// El cuerpo de una reserva.
pub fn reserva() -> Value {
    let aeropuerto = |codigo: &str| json!({"codigo": codigo, "nombre": format!("Aeropuerto {codigo}")});
    let leg = json!({"fecha_salida": "2022-11-22T13:10:00Z", "fecha_llegada": "2022-11-22T15:10:00Z",
        "origen": aeropuerto("BOG"), "destino": aeropuerto("JFK")});
    json!({"itinerarios": [{"odos": [{"segmentos": [{"legs": [leg]}]}]}]})
}
