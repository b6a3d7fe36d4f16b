//! El camino de ida y vuelta de los mensajes: identidades, rutas, bus, carriles y consumo.

pub mod al_llegar;
pub mod atencion;
pub mod bus_local;
pub mod cambio_de_bus;
pub mod carriles;
pub mod comandos;
pub mod consumo;
pub mod despachador;
pub mod enrutador;
pub mod entre_manos;
pub mod entregas;
pub mod historia;
pub mod ids;
pub mod letras_muertas;
pub mod llegadas;
pub mod mirador;
pub mod pulsar;
pub mod racha;
pub mod resultados;
pub mod seguidor;
pub mod sucesos;
pub mod turnos_de_lote;
pub mod visto;
