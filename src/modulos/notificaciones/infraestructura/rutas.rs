//! Qué eventos causan un correo.

use uuid::Uuid;

use crate::modulos::clientes::CargaUsuario;
use crate::modulos::notificaciones::aplicacion::comandos::AnotarCorreo;
use crate::modulos::notificaciones::aplicacion::puertos::RepositorioCorreos;
use crate::modulos::notificaciones::dominio::correo::{Asunto, IdCorreo};
use crate::modulos::vuelos::CargaReserva;
use crate::seedwork::aplicacion::unidad_trabajo::Fabrica;
use crate::seedwork::infraestructura::despacho::avro::Esquema;
use crate::seedwork::infraestructura::mensajeria::enrutador::{HechoRecibido, Rutas};

/// Las rutas del módulo, para que `arranque` las junte con las de los demás: de cada tópico, su nombre y su esquema.
#[must_use]
pub fn rutas<F: Fabrica<Udt: RepositorioCorreos>>(
    usuarios: (&'static str, Esquema),
    reservas: (&'static str, Esquema),
) -> Rutas<F> {
    Rutas::default()
        .evento::<CargaUsuario>(usuarios.clone(), "UsuarioRegistrado")
        .evento::<CargaUsuario>(usuarios, "CodigoReemitido")
        .evento::<CargaReserva>(reservas, "ReservaCreada")
}

impl HechoRecibido for CargaUsuario {
    type Comando = AnotarCorreo;

    fn comando(self, id: Uuid) -> Option<AnotarCorreo> {
        let usuario = Uuid::parse_str(&self.id_usuario?).ok()?;
        Some(AnotarCorreo { id: IdCorreo(id), asunto: Asunto::Codigo(usuario) })
    }
}

impl HechoRecibido for CargaReserva {
    type Comando = AnotarCorreo;

    fn comando(self, id: Uuid) -> Option<AnotarCorreo> {
        self.id_cliente?;
        let reserva = Uuid::parse_str(&self.id_reserva?).ok()?;
        Some(AnotarCorreo { id: IdCorreo(id), asunto: Asunto::Reserva(reserva) })
    }
}
