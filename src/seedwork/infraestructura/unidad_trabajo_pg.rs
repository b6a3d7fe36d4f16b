//! La unidad de trabajo sobre PostgreSQL (paso 6 del tutorial).

use std::sync::Arc;
use std::time::Instant;

use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::QueryAs;
use sqlx::{AssertSqlSafe, FromRow, Postgres, SqlSafeStr};
use thiserror::Error;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use super::averias::{Guarda, quitada};
use super::conexiones::{Arriendo, Conexiones, acotada};
use super::despacho::{Publicable, Sobre};
use super::grupo::{self, Fin as FinEnGrupo, Grupo};
use super::mensajeria::resultados::{atendida, entrada, resultado};
use super::sentencias::{Escritura, Forma, componer};
use super::servicios::ConServicios;
use super::trazas::{Clase, Tramo};
use crate::seedwork::aplicacion::contexto::Contexto;
use crate::seedwork::aplicacion::medidas;
use crate::seedwork::aplicacion::recepcion::{Fin, Recepcion};
use crate::seedwork::aplicacion::unidad_trabajo::UnidadTrabajo;
use crate::seedwork::dominio::eventos::EventoDominio;
use crate::seedwork::dominio::repositorios::Falla;

/// Una unidad de trabajo dueña de su conexión.
///
/// La conexión se arrienda y `BEGIN` se envía con la primera lectura; lo que se guarda se anota y se escribe
/// en una sola sentencia al confirmar. Si no se leyó nada y nada cambia lo que ya existía, esa sentencia es toda la
/// transacción, y puede llevar lo de varias unidades de trabajo (véase [`Grupo`]).
///
/// `S` son los servicios que los handlers le piden, por ejemplo el cifrado de contraseñas (véase [`ConServicios`]).
pub struct UnidadTrabajoPg<S> {
    conexiones: Conexiones,
    grupo: Grupo,
    servicios: Arc<S>,
    contexto: Contexto,
    /// Lo que llega por el bus no ocupa todas las conexiones de las órdenes.
    turnos_del_bus: Arc<Semaphore>,
    por_turno: Option<Arc<Semaphore>>,
    turno: Option<OwnedSemaphorePermit>,
    arriendo: Option<Arriendo>,
    abierta: bool,
    /// Algo falló y no se ha vuelto a un punto anterior: ya no se puede confirmar, aunque alguien calle el error.
    rota: bool,
    escrituras: Vec<Escritura>,
    salida: Vec<Sobre>,
    eventos: Vec<Box<dyn EventoDominio>>,
    puntos: u32,
    aviso: Arc<Notify>,
    hay_mensajes: bool,
    tramo: Tramo,
}

impl<S: Send + Sync> ConServicios for UnidadTrabajoPg<S> {
    type Servicios = S;

    fn servicios(&self) -> &S {
        &self.servicios
    }
}

impl<S> UnidadTrabajoPg<S> {
    /// Una que todavía no ha hecho nada, ni tiene conexión.
    pub(super) fn nueva(
        (conexiones, grupo, turnos_del_bus): (Conexiones, Grupo, Arc<Semaphore>),
        servicios: Arc<S>,
        mut contexto: Contexto,
        aviso: Arc<Notify>,
    ) -> Self {
        let mut tramo = Tramo::abrir(Clase::Interno, || "unit_of_work".into(), Some(&contexto.traceparent));
        tramo.atributo("db.system.name", || "postgresql");
        tramo.encadenar(&mut contexto);
        Self {
            conexiones,
            grupo,
            servicios,
            contexto,
            turnos_del_bus,
            por_turno: None,
            turno: None,
            arriendo: None,
            abierta: false,
            rota: false,
            escrituras: Vec::new(),
            salida: Vec::new(),
            eventos: Vec::new(),
            puntos: 0,
            aviso,
            hay_mensajes: false,
            tramo,
        }
    }

    /// Anota una escritura. Si ya hay otra de la misma fila, escribe antes lo anotado.
    ///
    /// # Errors
    /// Las de esa escritura.
    pub async fn anotar(&mut self, escritura: Escritura) -> Result<(), Falla> {
        if self.escrituras.iter().any(|otra| otra.misma_fila(&escritura)) {
            self.escribir_lo_anotado().await?;
        }
        self.escrituras.push(escritura);
        Ok(())
    }

    /// Anota una escritura que va antes que las demás: si choca, choca ella.
    pub fn anotar_primero(&mut self, escritura: Escritura) {
        self.escrituras.insert(0, escritura);
    }

    /// Anota un evento: otros reaccionarán antes de confirmar y saldrá por la bandeja de salida.
    ///
    /// # Errors
    /// [`Falla::Interna`] si el mensaje no se deja escribir.
    pub fn anotar_evento(&mut self, evento: impl Publicable) -> Result<(), Falla> {
        self.salida.push(evento.sobre().map_err(Falla::interna)?);
        self.hay_mensajes = true;
        self.eventos.push(Box::new(evento));
        Ok(())
    }

    /// Lee una fila dentro de la transacción, después de escribir lo anotado de esa tabla.
    ///
    /// # Errors
    /// [`Falla::Bloqueada`] si la fila no se libera a tiempo; las demás, si falla la base de datos.
    pub async fn leer_una<T>(
        &mut self,
        tabla: &'static str,
        consulta: QueryAs<'_, Postgres, T, PgArguments>,
    ) -> Result<Option<T>, Falla>
    where
        T: for<'r> FromRow<'r, PgRow> + Send + Unpin,
    {
        if self.escrituras.iter().any(|escritura| escritura.es_de(tabla)) {
            self.escribir_lo_anotado().await?;
        }
        self.empezar().await?;
        let arriendo = en_curso(&mut self.arriendo)?;
        let pedida = Instant::now();
        let leida = consulta.fetch_optional(arriendo.conexion()?).await;
        medidas::espera_de_fila(pedida);
        let leida = arriendo.acabar(leida);
        self.rota |= leida.is_err();
        leida
    }

    /// Arrienda la conexión, si todavía no la tiene.
    async fn arrendar(&mut self) -> Result<(), Falla> {
        if self.arriendo.is_none() {
            self.arriendo = Some(self.conexiones.arrendar().await?);
        }
        Ok(())
    }

    /// Abre la transacción, si todavía no está abierta.
    async fn empezar(&mut self) -> Result<(), Falla> {
        if self.abierta {
            return Ok(());
        }
        if let Some(turnos) = self.por_turno.take() {
            self.turno = Some(turnos.acquire_owned().await.map_err(Falla::interna)?);
        }
        self.arrendar().await?;
        if let Err(Falla::Desconectada(_)) = self.orden("BEGIN").await {
            // La conexión murió mientras nadie la usaba: aún no se ha hecho nada, así que sirve cualquier otra.
            self.arriendo = None;
            self.arrendar().await?;
            self.orden("BEGIN").await?;
        }
        self.rota = false;
        self.abierta = true;
        Ok(())
    }

    async fn orden(&mut self, sql: impl SqlSafeStr) -> Result<(), Falla> {
        let arriendo = en_curso(&mut self.arriendo)?;
        let tope = arriendo.tope();
        let hecha = acotada(tope, sqlx::raw_sql(sql).execute(arriendo.conexion()?)).await;
        let hecha = arriendo.acabar(hecha).map(drop);
        self.rota |= hecha.is_err();
        hecha
    }

    /// Escribe lo anotado dentro de la transacción.
    async fn escribir_lo_anotado(&mut self) -> Result<(), Falla> {
        self.empezar().await?;
        if self.nada_anotado() {
            return Ok(());
        }
        let (escrituras, _mientras_se_escribe) = self.tomar_lo_anotado();
        self.enviar(&escrituras).await
    }

    /// Toma lo anotado, mensajes incluidos; con el tramo de enviarlos, que dura lo que se tarde en escribirlos.
    fn tomar_lo_anotado(&mut self) -> (Vec<Escritura>, Tramo) {
        let (mut escrituras, salida) = (std::mem::take(&mut self.escrituras), std::mem::take(&mut self.salida));
        let topico = salida.first().map(|sobre| sobre.topico);
        let envio = topico.map_or_else(Tramo::ninguno, |topico| Tramo::de_envio(topico, &self.contexto));
        let contexto = envio.en(&self.contexto);
        escrituras.extend(salida.into_iter().map(|sobre| Escritura::salida(sobre, &contexto)));
        (escrituras, envio)
    }

    /// Envía unas escrituras por su conexión.
    async fn enviar(&mut self, escrituras: &[Escritura]) -> Result<(), Falla> {
        let escritas = grupo::escribir(en_curso(&mut self.arriendo)?, escrituras.iter()).await;
        self.rota |= escritas.is_err();
        escritas
    }

    /// Si nada cambia lo que ya existía y no se ha leído nada, una sentencia basta y ahorra `BEGIN` y `COMMIT`.
    fn basta_una_sentencia(&self) -> bool {
        !self.abierta && !self.escrituras.iter().any(Escritura::cambia_existente)
    }

    /// Confirma con una sola sentencia, que puede llevar también lo de otras unidades de trabajo que confirman a la vez.
    async fn confirmar_en_grupo(&mut self) -> Result<(), Falla> {
        let (escrituras, _mientras_se_escribe) = self.tomar_lo_anotado();
        let sola = match Forma::de(&escrituras) {
            Some(forma) => match self.grupo.pedir((forma, escrituras)).await {
                Some(FinEnGrupo::Guardada) => return Ok(()),
                Some(FinEnGrupo::Fallo(falla)) => return Err(falla),
                Some(FinEnGrupo::Sola(escrituras)) => escrituras,
                None => return Err(Falla::Desconectada(Arc::new(Interrumpida))),
            },
            None => escrituras,
        };
        self.arriendo = Some(grupo::arrendar(&self.conexiones).await?);
        self.enviar(&sola).await
    }

    async fn escribir_y_confirmar(&mut self) -> Result<(), Falla> {
        if self.rota {
            return Err(Falla::interna("la unidad de trabajo ya había fallado"));
        }
        if self.basta_una_sentencia() {
            return if self.nada_anotado() { Ok(()) } else { self.confirmar_en_grupo().await };
        }
        self.escribir_lo_anotado().await?;
        self.orden("COMMIT").await
    }

    fn nada_anotado(&self) -> bool {
        self.escrituras.is_empty() && self.salida.is_empty()
    }

    fn devolver_conexion(&mut self) {
        if let Some(arriendo) = self.arriendo.take() {
            arriendo.devolver();
        }
    }
}

/// Escribir se interrumpió por un defecto: no se sabe si quedó guardado.
#[derive(Debug, Error)]
#[error("se interrumpió la escritura")]
struct Interrumpida;

fn en_curso(arriendo: &mut Option<Arriendo>) -> Result<&mut Arriendo, Falla> {
    arriendo.as_mut().ok_or_else(|| Falla::interna("la unidad de trabajo no tiene conexión"))
}

/// Un lugar al que volver. Las agregaciones leídas o guardadas después de marcarlo ya no valen al volver.
pub struct PuntoPg {
    numero: u32,
    eventos: usize,
}

impl<S: Send + Sync + 'static> UnidadTrabajo for UnidadTrabajoPg<S> {
    type Punto = PuntoPg;

    fn contexto(&self) -> &Contexto {
        &self.contexto
    }

    fn tomar_eventos(&mut self) -> Vec<Box<dyn EventoDominio>> {
        std::mem::take(&mut self.eventos)
    }

    async fn marcar_punto(&mut self) -> Result<PuntoPg, Falla> {
        self.escribir_lo_anotado().await?;
        self.puntos += 1;
        self.orden(AssertSqlSafe(format!("SAVEPOINT p{}", self.puntos))).await?;
        Ok(PuntoPg { numero: self.puntos, eventos: self.eventos.len() })
    }

    async fn volver_a(&mut self, punto: PuntoPg) -> Result<(), Falla> {
        self.escrituras.clear();
        self.salida.clear();
        self.eventos.truncate(punto.eventos);
        self.orden(AssertSqlSafe(format!("ROLLBACK TO SAVEPOINT p{}", punto.numero))).await?;
        self.rota = false;
        Ok(())
    }

    async fn anotar_recepcion(&mut self, recepcion: &Recepcion, fin: Fin) -> Result<(), Falla> {
        // La primera: lo repetido debe fallar por repetido, y no por chocar con el efecto que ya tuvo.
        self.por_turno = Some(Arc::clone(&self.turnos_del_bus));
        self.anotar_primero(entrada(recepcion));
        self.escrituras.extend(atendida(recepcion));
        if let Some(comando) = &recepcion.comando {
            self.escrituras.push(resultado(comando, fin)?);
        }
        Ok(())
    }

    async fn preparar(&mut self) -> Result<(), Falla> {
        // Lo que se confirma en grupo no necesita una conexión suya.
        if self.basta_una_sentencia() { Ok(()) } else { self.empezar().await }
    }

    async fn confirmar(mut self) -> Result<(), Falla> {
        self.preparar().await?;
        let aparte = if quitada(Guarda::BandejaSalida) { std::mem::take(&mut self.salida) } else { Vec::new() };
        match self.escribir_y_confirmar().await {
            Ok(()) => {
                self.devolver_conexion();
                if !aparte.is_empty() {
                    // La avería: fuera de la transacción, y si falla se pierde.
                    let aparte: Vec<_> =
                        aparte.into_iter().map(|sobre| Escritura::salida(sobre, &self.contexto)).collect();
                    self.conexiones.ejecutar(componer(&aparte)?.build()).await.ok();
                }
                if self.hay_mensajes {
                    self.aviso.notify_one();
                }
                Ok(())
            }
            Err(falla) => {
                self.tramo.fallar();
                self.deshacer().await;
                Err(falla)
            }
        }
    }

    async fn deshacer(mut self) {
        let puede_seguir = self.arriendo.as_ref().is_some_and(|arriendo| !arriendo.a_medias());
        if puede_seguir && (!self.abierta || self.orden("ROLLBACK").await.is_ok()) {
            self.devolver_conexion();
        }
    }
}
