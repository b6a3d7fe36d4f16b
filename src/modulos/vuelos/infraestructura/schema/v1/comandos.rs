//! El tópico `comandos-reserva`: el registro `ComandoCrearReserva` del sistema original, crecido de forma compatible.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::modulos::vuelos::aplicacion::comandos::{AprobarReserva, CancelarReserva, CrearReserva, PagarReserva};
use crate::modulos::vuelos::dominio::itinerario::{Aeropuerto, Itinerario, Itinerarios, Leg, Odo, Segmento};
use crate::modulos::vuelos::dominio::reserva::{IdCliente, IdReserva};
use crate::seedwork::aplicacion::rechazo::{Clase, Rechazo};
use crate::seedwork::dominio::reglas::{ReglaRota, construir_lista};
use crate::seedwork::infraestructura::despacho::avro::{campo_nuevo, campo_original, milisegundos};
use crate::seedwork::infraestructura::mensajeria::comandos::ComandoIntegracion;

const TOPICO: &str = "comandos-reserva";
const REGISTRO: &str = "ComandoCrearReserva";

fn direccion(id: IdReserva) -> String {
    format!("/vuelos/reserva/{id}")
}

/// La carga de `CrearReserva`. `id_usuario` es su cliente, con el nombre que le da el sistema original.
#[derive(Serialize, Deserialize)]
pub struct CargaCrear {
    id_usuario: Option<String>,
    id_reserva: Option<String>,
    itinerarios: Option<Vec<CargaItinerario>>,
}

#[derive(Serialize, Deserialize)]
struct CargaItinerario {
    odos: Vec<CargaOdo>,
}

#[derive(Serialize, Deserialize)]
struct CargaOdo {
    segmentos: Vec<CargaSegmento>,
}

#[derive(Serialize, Deserialize)]
struct CargaSegmento {
    legs: Vec<CargaLeg>,
}

#[derive(Serialize, Deserialize)]
struct CargaLeg {
    fecha_salida: i64,
    fecha_llegada: i64,
    origen: CargaAeropuerto,
    destino: CargaAeropuerto,
}

#[derive(Serialize, Deserialize)]
struct CargaAeropuerto {
    codigo: String,
    nombre: Option<String>,
}

impl ComandoIntegracion for CrearReserva {
    const TOPICO: &'static str = TOPICO;
    const REGISTRO: &'static str = REGISTRO;
    const MIEMBRO: &'static str = "data";
    const SIN_TIPO: bool = true;
    type Carga = CargaCrear;

    fn esquema_carga() -> Value {
        let aeropuerto = json!({"type": "record", "name": "AeropuertoPayload", "fields": [
            {"name": "codigo", "type": "string"}, campo_nuevo("nombre", "string")]});
        let leg = json!({"type": "record", "name": "LegPayload", "fields": [
            {"name": "fecha_salida", "type": "long"}, {"name": "fecha_llegada", "type": "long"},
            {"name": "origen", "type": aeropuerto}, {"name": "destino", "type": "AeropuertoPayload"}]});
        let segmento = lista_de("SegmentoPayload", "legs", &leg);
        let odo = lista_de("OdoPayload", "segmentos", &segmento);
        let itinerario = lista_de("ItinerarioPayload", "odos", &odo);
        let itinerarios = json!({"type": "array", "items": itinerario});
        json!({"type": "record", "name": "ComandoCrearReservaPayload", "fields": [
            campo_original("id_usuario", "string"), campo_nuevo("id_reserva", "string"),
            {"name": "itinerarios", "type": ["null", itinerarios], "default": null}]})
    }

    fn carga(&self) -> CargaCrear {
        CargaCrear {
            id_usuario: self.id_cliente.map(|id| id.to_string()),
            id_reserva: Some(self.id.to_string()),
            itinerarios: Some(self.itinerarios.lista().iter().map(CargaItinerario::from).collect()),
        }
    }

    fn de_carga(carga: CargaCrear) -> Result<Self, Rechazo> {
        let id_cliente = carga.id_usuario.map(|id| leer_id(&id, "/id_usuario")).transpose()?.map(IdCliente);
        let id = carga.id_reserva.map(|id| leer_id(&id, "/id_reserva")).transpose()?.map(IdReserva);
        let itinerarios = construir_lista("itinerarios", carga.itinerarios.unwrap_or_default(), itinerario)?;
        let itinerarios = Itinerarios::nuevos(itinerarios)?;
        Ok(Self { id: id.unwrap_or_else(IdReserva::nueva), id_cliente, itinerarios })
    }

    fn clave(&self) -> Uuid {
        self.id.into()
    }

    fn recurso(&self) -> String {
        direccion(self.id)
    }

    fn sobre(self, clave: Uuid) -> Self {
        Self { id: IdReserva(clave), ..self }
    }
}

fn lista_de(registro: &str, miembro: &str, elemento: &Value) -> Value {
    json!({"type": "record", "name": registro, "fields": [
        {"name": miembro, "type": {"type": "array", "items": elemento}}]})
}

fn leer_id(texto: &str, puntero: &str) -> Result<Uuid, Rechazo> {
    let rechazo = |_| Rechazo::nuevo(Clase::Invalido, "cuerpo-invalido", "La identidad no es un UUID").en(puntero);
    Uuid::parse_str(texto).map_err(rechazo)
}

impl From<&Itinerario> for CargaItinerario {
    fn from(itinerario: &Itinerario) -> Self {
        Self { odos: itinerario.odos().iter().map(CargaOdo::from).collect() }
    }
}

impl From<&Odo> for CargaOdo {
    fn from(odo: &Odo) -> Self {
        Self { segmentos: odo.segmentos().iter().map(CargaSegmento::from).collect() }
    }
}

impl From<&Segmento> for CargaSegmento {
    fn from(segmento: &Segmento) -> Self {
        Self { legs: segmento.legs().iter().map(CargaLeg::from).collect() }
    }
}

impl From<&Leg> for CargaLeg {
    fn from(leg: &Leg) -> Self {
        Self {
            fecha_salida: milisegundos(leg.fecha_salida()),
            fecha_llegada: milisegundos(leg.fecha_llegada()),
            origen: leg.origen().into(),
            destino: leg.destino().into(),
        }
    }
}

impl From<&Aeropuerto> for CargaAeropuerto {
    fn from(aeropuerto: &Aeropuerto) -> Self {
        Self { codigo: aeropuerto.codigo().into(), nombre: Some(aeropuerto.nombre().into()) }
    }
}

fn itinerario(carga: CargaItinerario) -> Result<Itinerario, ReglaRota> {
    Itinerario::nuevo(construir_lista("odos", carga.odos, odo)?)
}

fn odo(carga: CargaOdo) -> Result<Odo, ReglaRota> {
    Odo::nuevo(construir_lista("segmentos", carga.segmentos, segmento)?)
}

fn segmento(carga: CargaSegmento) -> Result<Segmento, ReglaRota> {
    Segmento::nuevo(construir_lista("legs", carga.legs, leg)?)
}

fn leg(carga: CargaLeg) -> Result<Leg, ReglaRota> {
    let lugar = |lugar: CargaAeropuerto| Aeropuerto::nuevo(&lugar.codigo, lugar.nombre.unwrap_or_default());
    let origen = lugar(carga.origen).map_err(|rota| rota.en("origen"))?;
    let destino = lugar(carga.destino).map_err(|rota| rota.en("destino"))?;
    Leg::nuevo(instante(carga.fecha_salida), instante(carga.fecha_llegada), origen, destino)
}

/// Una fecha imposible queda fuera de los años que admite la regla `FechaRepresentable`.
fn instante(milisegundos: i64) -> OffsetDateTime {
    let instante = OffsetDateTime::from_unix_timestamp_nanos(i128::from(milisegundos) * 1_000_000);
    instante.unwrap_or(time::macros::datetime!(0000-01-01 00:00 UTC))
}

/// La carga de los comandos que sólo nombran una reserva.
#[derive(Serialize, Deserialize)]
pub struct CargaReserva {
    id_reserva: Option<String>,
}

macro_rules! comando_sobre_reserva {
    ($($comando:ident = $miembro:literal, $registro:literal);+ $(;)?) => {
        $(impl ComandoIntegracion for $comando {
            const TOPICO: &'static str = TOPICO;
            const REGISTRO: &'static str = REGISTRO;
            const MIEMBRO: &'static str = $miembro;
            type Carga = CargaReserva;

            fn esquema_carga() -> Value {
                json!({"type": "record", "name": $registro, "fields": [campo_nuevo("id_reserva", "string")]})
            }

            fn carga(&self) -> CargaReserva {
                CargaReserva { id_reserva: Some(self.id.to_string()) }
            }

            fn de_carga(carga: CargaReserva) -> Result<Self, Rechazo> {
                let id = leer_id(&carga.id_reserva.unwrap_or_default(), "/id_reserva")?;
                Ok(Self { id: IdReserva(id) })
            }

            fn clave(&self) -> Uuid {
                self.id.into()
            }

            fn recurso(&self) -> String {
                direccion(self.id)
            }
        })+
    };
}

comando_sobre_reserva!(
    PagarReserva = "pagar", "PagarReservaPayload";
    AprobarReserva = "aprobar", "AprobarReservaPayload";
    CancelarReserva = "cancelar", "CancelarReservaPayload";
);

#[cfg(test)]
mod pruebas {
    use super::*;
    use crate::modulos::vuelos::dominio::itinerario::pruebas::itinerarios;
    use crate::seedwork::infraestructura::despacho::avro::esquema_de_comandos;
    use crate::seedwork::infraestructura::mensajeria::comandos::{Leido, escribir};

    fn esquema() -> apache_avro::Schema {
        let miembros =
            [("data", CrearReserva::esquema_carga()), (PagarReserva::MIEMBRO, PagarReserva::esquema_carga())];
        esquema_de_comandos(REGISTRO, &miembros).unwrap().avro
    }

    #[test]
    fn un_comando_va_y_vuelve_entero() {
        let comando =
            CrearReserva { id: IdReserva::nueva(), id_cliente: Some(IdCliente::nueva()), itinerarios: itinerarios() };
        let (esquema, id) = (esquema(), Uuid::now_v7());
        let datos = escribir(&esquema, id, OffsetDateTime::UNIX_EPOCH, &comando).unwrap();
        let leido = Leido::de(&datos, &esquema, &esquema).unwrap();
        assert_eq!((leido.texto("type"), leido.texto("id")), (Some("CrearReserva"), Some(id.to_string().as_str())));
        let vuelta = CrearReserva::de_carga(leido.carga::<CrearReserva>().unwrap()).unwrap();
        assert_eq!((vuelta.id, vuelta.id_cliente), (comando.id, comando.id_cliente));
        assert_eq!(vuelta.itinerarios, comando.itinerarios);
        assert!(leido.carga::<PagarReserva>().is_err());
    }

    #[test]
    fn lo_que_escribe_el_sistema_original_se_lee_con_nuestro_esquema() {
        let original = r#"{"type":"record","name":"ComandoCrearReserva","fields":[{"name":"data","type":["null",
            {"type":"record","name":"ComandoCrearReservaPayload","fields":[{"name":"id_usuario","type":["null","string"]}]}]}]}"#;
        let original = apache_avro::Schema::parse_str(original).unwrap();
        // data presente (índice 1), id_usuario presente (índice 1), texto de 3 bytes.
        let datos = [2, 2, 6, b'a', b'b', b'c'];
        let leido = Leido::de(&datos, &original, &esquema()).unwrap();
        let rechazo = CrearReserva::de_carga(leido.carga::<CrearReserva>().unwrap()).unwrap_err();
        assert_eq!(rechazo.puntero.as_deref(), Some("/id_usuario"));
    }

    #[test]
    fn lo_que_trae_un_mensaje_cumple_las_mismas_reglas() {
        let sin_itinerarios = CargaCrear { id_usuario: None, id_reserva: None, itinerarios: None };
        let rechazo = CrearReserva::de_carga(sin_itinerarios).unwrap_err();
        assert_eq!(rechazo.regla.as_deref(), Some("MinimoUnItinerario"));
        assert!(PagarReserva::de_carga(CargaReserva { id_reserva: None }).is_err());
    }
}
