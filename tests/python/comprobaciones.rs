//! Qué debe haber en lo que leyeron los programas en Python.

use serde_json::{Value, json};

use crate::apoyo::Encabezado;

/// Lo que vio la notificación de una reserva creada y pagada.
pub fn comprobar_notificados(eventos: &[Value], id: &str) {
    for (evento, estado) in eventos.iter().zip(["PENDIENTE", "PAGADA"]) {
        assert_eq!((&evento["id_reserva"], &evento["estado"]), (&json!(id), &json!(estado)), "{evento}");
        assert_eq!(evento["id_cliente"], Value::Null);
        assert!(evento["fecha_creacion"].is_i64(), "{evento}");
    }
}

/// Lo que mostró la interfaz de una reserva creada y pagada.
pub fn comprobar_mostrados(eventos: &[Value], id: &str) {
    for (evento, tipo) in eventos.iter().zip(["ReservaCreada", "ReservaPagada"]) {
        assert_eq!((&evento["data"]["id_reserva"], &evento["type"]), (&json!(id), &json!(tipo)), "{evento}");
        for miembro in ["id", "time", "ingestion", "specversion", "datacontenttype", "service_name"] {
            assert!(!evento[miembro].is_null(), "{miembro} vacío en {evento}");
        }
    }
}

/// La clave, el momento y las propiedades que declara `docs/asyncapi.json`.
pub fn comprobar_propiedades(mensaje: &Encabezado, clave: &str) {
    let documento: Value = serde_json::from_str(include_str!("../../docs/asyncapi.json")).unwrap();
    let declaradas = &documento["components"]["schemas"]["Propiedades"];
    let obligatorias: Vec<String> = serde_json::from_value(declaradas["required"].clone()).unwrap();
    for propiedad in &obligatorias {
        assert!(mensaje.propiedades[propiedad].is_string(), "falta {propiedad}: {}", mensaje.propiedades);
    }
    for propiedad in mensaje.propiedades.as_object().unwrap().keys() {
        assert!(declaradas["properties"][propiedad].is_object(), "{propiedad} no está declarada");
    }
    assert_eq!(mensaje.propiedades["type"], "ReservaPagada");
    assert_eq!(mensaje.clave, clave);
    assert!(mensaje.con_momento);
}
