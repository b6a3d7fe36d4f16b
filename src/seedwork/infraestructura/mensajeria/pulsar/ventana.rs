//! Lo que el relevo tiene entre manos: lo leído de la bandeja de salida que todavía no está marcado, y qué puede salir ya
//! sin adelantar a nada de su clave.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet, VecDeque};

use sqlx::FromRow;
use sqlx::types::Json;
use time::OffsetDateTime;
use uuid::Uuid;

use super::castigadas::Castigadas;
use super::publicador::PorPublicar;

/// Filas que se leen de una vez.
const LOTE: usize = 1_000;
/// Filas leídas y sin marcar que puede haber: un lote que se publica, otro que se marca y otro que se lee.
const FILAS: usize = 3 * LOTE;
/// Recibos que se juntan para marcarlos, mientras haya envíos en vuelo.
const MARCAS: usize = LOTE / 2;
/// Envíos sin recibo a la vez, cada uno de una clave. Con más por conexión, el bróker deja de leerla
/// (`maxPendingPublishRequestsPerConnection`).
const EN_VUELO: usize = 1_000;
/// Lo que pueden ocupar los mensajes en memoria, en bytes, además del primero que se lea.
const BYTES: usize = 16 * 1024 * 1024;

/// Una fila de la bandeja de salida.
#[derive(FromRow)]
pub struct Fila {
    /// Su lugar en la bandeja.
    pub posicion: i64,
    id: Uuid,
    /// A qué tópico va.
    pub topico: String,
    /// De quién es: lo de una misma clave sale en orden.
    pub clave: Uuid,
    tipo: String,
    datos: Vec<u8>,
    ocurrido_en: OffsetDateTime,
    correlacion: String,
    causa: Option<Uuid>,
    /// La traza de quien la dejó en la bandeja.
    pub traceparent: String,
    propiedades: Option<Json<HashMap<String, String>>>,
}

impl Fila {
    /// Cuántos bytes ocupa su dato.
    pub const fn bytes(&self) -> usize {
        self.datos.len()
    }
}

impl From<Fila> for PorPublicar {
    fn from(fila: Fila) -> Self {
        Self {
            topico: fila.topico,
            id: fila.id.to_string(),
            clave: fila.clave.to_string(),
            tipo: fila.tipo,
            datos: fila.datos,
            ocurrido_en: fila.ocurrido_en,
            correlacion: fila.correlacion,
            causa: fila.causa.map(|causa| causa.to_string()),
            traceparent: fila.traceparent,
            propiedades: fila.propiedades.map(|Json(propiedades)| propiedades).unwrap_or_default(),
        }
    }
}

/// Dónde estaba un mensaje y cuándo llegó su recibo.
pub type Recibo = (i64, OffsetDateTime);

/// Cómo terminó un envío.
pub struct Envio {
    /// La clave del mensaje.
    pub clave: Uuid,
    /// Su lugar en la bandeja.
    pub posicion: i64,
    /// Cuántos bytes ocupaba su dato.
    pub bytes: usize,
    /// Cuándo llegó su recibo; nada si no llegó.
    pub recibo: Option<OffsetDateTime>,
}

/// Qué leer.
pub struct Pedido {
    /// Cuántas filas, como mucho.
    pub filas: usize,
    /// Cuántos bytes, como mucho, además de la primera.
    pub bytes: usize,
    /// De qué claves no.
    pub castigadas: Vec<Uuid>,
    /// Qué posiciones no, porque ya se leyeron.
    pub leidas: Vec<i64>,
}

/// Lo leído y sin marcar. De cada clave hay como mucho un envío sin recibo: lo demás espera detrás, y si el envío falla
/// se olvida, para leerlo otra vez desde el que falló.
#[derive(Default)]
pub struct Ventana {
    leidas: HashSet<i64>,
    /// Lo que puede salir: lo primero de cada clave.
    listas: VecDeque<Fila>,
    /// Por cada clave con algo listo o en vuelo, lo que va detrás.
    detras: HashMap<Uuid, VecDeque<Fila>>,
    en_vuelo: usize,
    bytes: usize,
    recibos: Vec<Recibo>,
    castigadas: Castigadas,
}

impl Ventana {
    /// Qué leer ahora; nada si no cabe otro lote.
    pub fn pedido(&mut self) -> Option<Pedido> {
        let cabe = self.leidas.len() + LOTE <= FILAS && self.bytes <= BYTES / 2;
        cabe.then(|| Pedido {
            filas: LOTE,
            bytes: BYTES - self.bytes,
            castigadas: self.castigadas.vigentes(),
            leidas: self.leidas.iter().copied().collect(),
        })
    }

    /// Recibe lo leído, en orden. Lo de una clave que falló mientras se leía no vale: su mensaje anterior no salió, y aquí
    /// puede no estar.
    pub fn recibir(&mut self, filas: Vec<Fila>) {
        for fila in filas {
            if self.castigadas.contiene(fila.clave) {
                continue;
            }
            self.leidas.insert(fila.posicion);
            self.bytes += fila.bytes();
            match self.detras.entry(fila.clave) {
                Entry::Occupied(cola) => cola.into_mut().push_back(fila),
                Entry::Vacant(lugar) => {
                    lugar.insert(VecDeque::new());
                    self.listas.push_back(fila);
                }
            }
        }
    }

    /// Lo siguiente que enviar, si cabe en vuelo.
    pub fn por_enviar(&mut self) -> Option<Fila> {
        let fila = if self.en_vuelo < EN_VUELO { self.listas.pop_front() } else { None };
        self.en_vuelo += usize::from(fila.is_some());
        fila
    }

    /// Un envío terminó: con recibo, sigue el siguiente de su clave; sin él, la clave espera castigada.
    pub fn terminado(&mut self, Envio { clave, posicion, bytes, recibo }: Envio) {
        self.en_vuelo -= 1;
        self.bytes -= bytes;
        if let Some(momento) = recibo {
            self.recibos.push((posicion, momento));
            let siguiente = self.detras.get_mut(&clave).and_then(VecDeque::pop_front);
            match siguiente {
                Some(fila) => self.listas.push_back(fila),
                None => _ = self.detras.remove(&clave),
            }
        } else {
            self.castigadas.castigar(clave);
            self.leidas.remove(&posicion);
            let cola = self.detras.remove(&clave).unwrap_or_default();
            self.olvidar(cola);
        }
    }

    /// Los recibos que conviene marcar ahora: con nada en vuelo, todos.
    pub fn por_marcar(&mut self) -> Option<Vec<Recibo>> {
        let conviene = self.recibos.len() >= MARCAS || self.en_vuelo == 0 && !self.recibos.is_empty();
        conviene.then(|| std::mem::take(&mut self.recibos))
    }

    /// Esos recibos ya están marcados, o no se pudo: si se vuelven a leer, saldrán otra vez.
    pub fn marcados(&mut self, recibos: &[Recibo]) {
        for (posicion, _) in recibos {
            self.leidas.remove(posicion);
        }
    }

    /// Olvida lo que no se ha enviado.
    pub fn soltar(&mut self) {
        for fila in std::mem::take(&mut self.listas) {
            let cola = self.detras.remove(&fila.clave).unwrap_or_default();
            self.olvidar(std::iter::once(fila).chain(cola));
        }
        let colas: Vec<_> = self.detras.values_mut().map(std::mem::take).collect();
        self.olvidar(colas.into_iter().flatten());
    }

    fn olvidar(&mut self, filas: impl IntoIterator<Item = Fila>) {
        for fila in filas {
            self.leidas.remove(&fila.posicion);
            self.bytes -= fila.bytes();
        }
    }
}

impl Pedido {
    /// Si lo leído no es todo lo que hay.
    pub fn lleno(&self, filas: &[Fila]) -> bool {
        filas.len() == self.filas || filas.iter().map(Fila::bytes).sum::<usize>() > self.bytes
    }
}

#[cfg(test)]
mod pruebas {
    use super::*;

    fn fila(posicion: i64, clave: u128, bytes: usize) -> Fila {
        let (topico, tipo, correlacion, traceparent) = Default::default();
        let (id, clave, datos) = (Uuid::now_v7(), Uuid::from_u128(clave), vec![0; bytes]);
        let ocurrido_en = OffsetDateTime::UNIX_EPOCH;
        let (causa, propiedades) = (None, None);
        Fila { posicion, id, topico, clave, tipo, datos, ocurrido_en, correlacion, causa, traceparent, propiedades }
    }

    fn filas(cuales: &[(i64, u128)]) -> Vec<Fila> {
        cuales.iter().map(|(posicion, clave)| fila(*posicion, *clave, 10)).collect()
    }

    /// Envía lo que se puede y dice qué.
    fn enviar(ventana: &mut Ventana) -> Vec<i64> {
        std::iter::from_fn(|| ventana.por_enviar()).map(|fila| fila.posicion).collect()
    }

    fn terminar(ventana: &mut Ventana, (posicion, clave): (i64, u128), con_recibo: bool) {
        let recibo = con_recibo.then_some(OffsetDateTime::UNIX_EPOCH);
        ventana.terminado(Envio { clave: Uuid::from_u128(clave), posicion, bytes: 10, recibo });
    }

    #[test]
    fn dos_lotes_solapados_no_adelantan_a_una_clave() {
        let mut ventana = Ventana::default();
        ventana.recibir(filas(&[(1, 7), (2, 8), (3, 7)]));
        assert_eq!(enviar(&mut ventana), [1, 2]);
        ventana.recibir(filas(&[(4, 7), (5, 8), (6, 9)]));
        assert_eq!(enviar(&mut ventana), [6], "lo de una clave en vuelo espera detrás");
        terminar(&mut ventana, (1, 7), true);
        assert_eq!(enviar(&mut ventana), [3]);
        terminar(&mut ventana, (2, 8), true);
        terminar(&mut ventana, (3, 7), true);
        assert_eq!(enviar(&mut ventana), [5, 4]);
    }

    #[test]
    fn si_uno_falla_lo_de_su_clave_se_olvida_tambien_lo_que_se_estaba_leyendo() {
        let mut ventana = Ventana::default();
        ventana.recibir(filas(&[(1, 7), (2, 7), (3, 8)]));
        assert_eq!(enviar(&mut ventana), [1, 3]);
        let pedido = ventana.pedido().unwrap();
        assert_eq!((pedido.leidas.len(), pedido.castigadas.len()), (3, 0));
        terminar(&mut ventana, (1, 7), false);
        ventana.recibir(filas(&[(4, 7), (5, 9)]));
        assert_eq!(enviar(&mut ventana), [5], "sin el 1, el 4 se adelantaría");
        let Pedido { leidas, castigadas, .. } = ventana.pedido().unwrap();
        assert_eq!(HashSet::from_iter(leidas), HashSet::from([3, 5]));
        assert_eq!(castigadas, [Uuid::from_u128(7)]);
    }

    #[test]
    fn no_se_lee_mas_de_lo_que_cabe_y_lo_que_no_se_envio_se_olvida() {
        let mut ventana = Ventana::default();
        ventana.recibir(vec![fila(1, 7, BYTES / 2), fila(2, 7, 10), fila(3, 8, 10)]);
        assert!(ventana.pedido().is_none(), "los bytes");
        ventana.soltar();
        assert_eq!(ventana.pedido().map(|pedido| (pedido.bytes, pedido.leidas)), Some((BYTES, Vec::new())));
        for lote in 0..3 {
            assert!(ventana.pedido().is_some());
            ventana.recibir((0..1_000).map(|n| fila(lote * 1_000 + n, Uuid::new_v4().as_u128(), 1)).collect());
        }
        assert!(ventana.pedido().is_none(), "las filas");
        assert_eq!(enviar(&mut ventana).len(), EN_VUELO);
    }

    #[test]
    fn los_recibos_se_juntan_mientras_haya_algo_en_vuelo() {
        let mut ventana = Ventana::default();
        ventana.recibir(filas(&[(1, 7), (2, 8)]));
        enviar(&mut ventana);
        terminar(&mut ventana, (1, 7), true);
        assert!(ventana.por_marcar().is_none());
        terminar(&mut ventana, (2, 8), true);
        let recibos = ventana.por_marcar().unwrap();
        assert_eq!(recibos.iter().map(|(posicion, _)| *posicion).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(ventana.pedido().unwrap().leidas.len(), 2, "sin marcar no se vuelven a leer");
        ventana.marcados(&recibos);
        assert!(ventana.pedido().unwrap().leidas.is_empty());
    }
}
