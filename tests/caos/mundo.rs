//! Lo que comparten los clientes: las instancias, la historia y las reservas y usuarios que conocen.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rand::RngExt;
use rand::rngs::StdRng;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::cliente::{Cliente, Corte, Solicitud};
use super::contenidos::Contenido;
use super::historia::{Clase, Desenlace, Efecto, Historia, Intento, Observacion, Peticion};

/// Lo más que un cliente insiste con la misma clave.
const INSISTENCIA: Duration = Duration::from_secs(40);
/// Reservas recientes por las que compiten los clientes: pocas, para que choquen.
const CALIENTES: usize = 12;
/// Reservas que se recuerdan para leerlas.
const CONOCIDAS: usize = 400;

/// Lo que un cliente quiere hacer.
#[derive(Debug, Clone)]
pub struct Deseo {
    pub efecto: Efecto,
    pub objetivo: Option<Uuid>,
    pub id_cliente: Option<Uuid>,
    pub contenido: Option<Contenido>,
    pub asincrona: bool,
    pub con_clave: bool,
    pub corte: Corte,
}

impl Deseo {
    /// Un cambio de una reserva o un usuario.
    pub const fn cambio(efecto: Efecto, objetivo: Uuid) -> Self {
        Self {
            efecto,
            objetivo: Some(objetivo),
            id_cliente: None,
            contenido: None,
            asincrona: false,
            con_clave: false,
            corte: Corte::Nunca,
        }
    }

    /// Algo nuevo, con ese contenido.
    pub const fn nuevo(efecto: Efecto, contenido: Contenido) -> Self {
        Self {
            efecto,
            objetivo: None,
            id_cliente: None,
            contenido: Some(contenido),
            asincrona: false,
            con_clave: false,
            corte: Corte::Nunca,
        }
    }

    fn solicitud(&self, clave: Option<Uuid>) -> Solicitud {
        let id = self.objetivo.unwrap_or_default();
        let (ruta, respond_async) = match self.efecto {
            Efecto::Crear if self.asincrona => ("/vuelos/reserva-comando".to_owned(), false),
            Efecto::Crear => ("/vuelos/reserva".to_owned(), false),
            Efecto::Registrar => ("/clientes/usuario".to_owned(), false),
            Efecto::Pagar => (format!("/vuelos/reserva/{id}/pagar"), self.asincrona),
            Efecto::Aprobar => (format!("/vuelos/reserva/{id}/aprobar"), self.asincrona),
            Efecto::Cancelar => (format!("/vuelos/reserva/{id}/cancelar"), self.asincrona),
            Efecto::Desactivar => (format!("/clientes/usuario/{id}/desactivar"), self.asincrona),
        };
        let cuerpo = self.contenido.as_ref().map(|contenido| contenido.cuerpo.clone());
        Solicitud { ruta, cuerpo, asincrona: respond_async, clave }
    }
}

/// Lo compartido.
pub struct Mundo {
    pub direcciones: Vec<String>,
    pub cliente: Cliente,
    pub historia: Arc<Historia>,
    pub parar: CancellationToken,
    calientes: Mutex<VecDeque<Uuid>>,
    conocidas: Mutex<VecDeque<(Uuid, Instant)>>,
    usuarios: Mutex<Vec<Uuid>>,
    comandos: Mutex<VecDeque<Uuid>>,
}

impl Mundo {
    pub fn nuevo(direcciones: Vec<String>, cliente: Cliente, historia: Arc<Historia>) -> Self {
        Self {
            direcciones,
            cliente,
            historia,
            parar: CancellationToken::new(),
            calientes: Mutex::default(),
            conocidas: Mutex::default(),
            usuarios: Mutex::default(),
            comandos: Mutex::default(),
        }
    }

    /// Una instancia cualquiera.
    pub fn alguna(&self, azar: &mut StdRng) -> &str {
        &self.direcciones[azar.random_range(0..self.direcciones.len())]
    }

    /// Una reserva por la que otros también compiten.
    pub fn caliente(&self, azar: &mut StdRng) -> Option<Uuid> {
        elegir(&self.calientes, azar)
    }

    /// Todas las reservas por las que se compite.
    pub fn todas_las_calientes(&self) -> Vec<Uuid> {
        abrir(&self.calientes).iter().copied().collect()
    }

    /// Una reserva que consta que existe, y desde cuándo.
    pub fn conocida(&self, azar: &mut StdRng) -> Option<(Uuid, Instant)> {
        elegir(&self.conocidas, azar)
    }

    /// Un usuario registrado.
    pub fn usuario(&self, azar: &mut StdRng) -> Option<Uuid> {
        let usuarios = abrir(&self.usuarios);
        (!usuarios.is_empty()).then(|| usuarios[azar.random_range(0..usuarios.len())])
    }

    /// Un comando aceptado.
    pub fn comando(&self, azar: &mut StdRng) -> Option<Uuid> {
        elegir(&self.comandos, azar)
    }

    /// Hace una petición hasta saber qué fue de ella o, sin clave, hasta el primer intento que pudo tener efecto.
    pub async fn hacer(&self, deseo: Deseo, azar: &mut StdRng) -> Desenlace {
        let clave = deseo.con_clave.then(Uuid::new_v4);
        let solicitud = deseo.solicitud(clave);
        let limite = Instant::now() + INSISTENCIA;
        let (mut intentos, mut corte) = (Vec::new(), deseo.corte);
        loop {
            let intento = self.intentar(&solicitud, corte, azar).await;
            let desenlace = intento.desenlace.clone();
            intentos.push(intento);
            let repetir = match &desenlace {
                Desenlace::SinEfecto(_) => true,
                Desenlace::Desconocido(_) => clave.is_some(),
                _ => false,
            };
            if !repetir || Instant::now() >= limite || self.parar.is_cancelled() && clave.is_none() {
                break;
            }
            corte = Corte::Nunca;
            sleep(Duration::from_millis(azar.random_range(30..400))).await;
        }
        let desenlace = intentos.last().map_or(Desenlace::Desconocido(None), |ultimo| ultimo.desenlace.clone());
        if clave.is_some() && desenlace.reconoce() && azar.random_bool(0.15) {
            intentos.push(self.intentar(&solicitud, Corte::Nunca, azar).await);
            self.otra_con_la_misma_clave(&solicitud, azar).await;
        }
        self.anotar(deseo, clave, intentos);
        desenlace
    }

    async fn intentar(&self, solicitud: &Solicitud, corte: Corte, azar: &mut StdRng) -> Intento {
        let (correlacion, direccion, inicio) = (Uuid::now_v7(), self.alguna(azar), Instant::now());
        let desenlace = match corte {
            Corte::Nunca => self.cliente.enviar(direccion, solicitud, correlacion).await,
            _ => self.cliente.colgar(direccion, solicitud, correlacion, corte).await,
        };
        if !matches!(desenlace, Desenlace::SinEfecto(_) | Desenlace::Desconocido(_)) {
            self.historia.operacion();
        }
        Intento { correlacion, inicio, fin: Instant::now(), desenlace }
    }

    /// Otra solicitud con la misma clave no puede hacer nada.
    async fn otra_con_la_misma_clave(&self, solicitud: &Solicitud, azar: &mut StdRng) {
        let Some(cuerpo) = &solicitud.cuerpo else { return };
        let mut otra = solicitud.clone();
        let mut cuerpo = cuerpo.clone();
        cuerpo["id_cliente"] = Uuid::new_v4().to_string().into();
        cuerpo["nombres"] = "Otra persona".into();
        otra.cuerpo = Some(cuerpo);
        let desenlace = self.intentar(&otra, Corte::Nunca, azar).await.desenlace;
        if desenlace.reconoce() {
            let clave = solicitud.clave.unwrap_or_default();
            let detalle = format!("la clave {clave} sirvió para otra solicitud a {}: {desenlace:?}", solicitud.ruta);
            self.historia.defecto(Clase::Inconsistente, detalle);
        }
    }

    fn anotar(&self, deseo: Deseo, clave: Option<Uuid>, intentos: Vec<Intento>) {
        let ahora = Instant::now();
        let ultimo = intentos.last().map(|intento| &intento.desenlace);
        match (ultimo, deseo.efecto) {
            (Some(Desenlace::Hecho { id }), Efecto::Crear) => {
                recordar(&self.conocidas, (*id, ahora), CONOCIDAS);
                recordar(&self.calientes, *id, CALIENTES);
            }
            (Some(Desenlace::Aceptado { id, id_comando }), efecto) => {
                recordar(&self.comandos, *id_comando, CONOCIDAS);
                if efecto == Efecto::Crear {
                    recordar(&self.calientes, *id, CALIENTES);
                }
            }
            (Some(Desenlace::Hecho { id }), Efecto::Registrar) => abrir(&self.usuarios).push(*id),
            _ => {}
        }
        self.observar(deseo.efecto, &intentos);
        let Deseo { efecto, objetivo, id_cliente, contenido, .. } = deseo;
        self.historia.peticion(Peticion { efecto, objetivo, id_cliente, contenido, clave, intentos });
    }

    /// Una orden cumplida también es una lectura: en algún momento, la reserva estuvo así.
    fn observar(&self, efecto: Efecto, intentos: &[Intento]) {
        let hecho = intentos.iter().find_map(|intento| match intento.desenlace {
            Desenlace::Hecho { id } => Some((id, intento.fin)),
            _ => None,
        });
        let (Some((reserva, fin)), Some(primero)) = (hecho, intentos.first()) else { return };
        if !matches!(efecto, Efecto::Registrar | Efecto::Desactivar) {
            self.historia.observacion(Observacion { reserva, inicio: primero.inicio, fin, estado: efecto.estado() });
        }
    }
}

fn abrir<T>(cosas: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    cosas.lock().unwrap_or_else(PoisonError::into_inner)
}

fn elegir<T: Copy>(cosas: &Mutex<VecDeque<T>>, azar: &mut StdRng) -> Option<T> {
    let cosas = abrir(cosas);
    (!cosas.is_empty()).then(|| cosas[azar.random_range(0..cosas.len())])
}

fn recordar<T>(cosas: &Mutex<VecDeque<T>>, cosa: T, cuantas: usize) {
    let mut cosas = abrir(cosas);
    if cosas.len() == cuantas {
        cosas.pop_front();
    }
    cosas.push_back(cosa);
}
