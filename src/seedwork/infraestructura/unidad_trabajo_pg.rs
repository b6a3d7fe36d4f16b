//! La unidad de trabajo sobre PostgreSQL (paso 6 del tutorial).

use std::sync::Arc;

use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::QueryAs;
use sqlx::{FromRow, Postgres};
use tokio::sync::{Notify, Semaphore};

use super::averias::{Guarda, quitada};
use super::conexiones::Conexiones;
use super::despacho::{Publicable, Sobre};
use super::grupo::{self, Grupo};
use super::mensajeria::resultados::{atendida, entrada, resultado};
use super::sentencias::{Escritura, componer};
use super::servicios::ConServicios;
use super::transaccion_pg::Transaccion;
use super::trazas::{Clase, Tramo};
use crate::seedwork::aplicacion::contexto::Contexto;
use crate::seedwork::aplicacion::recepcion::{Fin, Recepcion};
use crate::seedwork::aplicacion::unidad_trabajo::UnidadTrabajo;
use crate::seedwork::dominio::eventos::EventoDominio;
use crate::seedwork::dominio::repositorios::Falla;

/// Una unidad de trabajo.
///
/// Su transacción se abre cuando hace falta: con la primera lectura, con un punto al que volver o con una segunda escritura
/// de la misma fila. Lo que se guarda se anota y se escribe en una sola sentencia al confirmar. Si no se leyó nada y nada cambia lo que ya existía, esa sentencia es toda la
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
    transaccion: Transaccion,
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
            transaccion: Transaccion::nueva(conexiones.clone()),
            conexiones,
            grupo,
            servicios,
            contexto,
            turnos_del_bus,
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
        self.transaccion.leer_una(consulta).await
    }

    /// Escribe lo anotado dentro de la transacción.
    async fn escribir_lo_anotado(&mut self) -> Result<(), Falla> {
        // Antes de tomarlo: si no se puede abrir, sigue anotado.
        self.transaccion.empezar().await?;
        let (escrituras, _mientras_se_escribe) = self.tomar_lo_anotado();
        self.transaccion.escribir(&escrituras).await
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

    /// Si nada cambia lo que ya existía y no se ha leído nada, una sentencia basta y ahorra `BEGIN` y `COMMIT`.
    fn basta_una_sentencia(&self) -> bool {
        !self.transaccion.abierta() && !self.escrituras.iter().any(Escritura::cambia_existente)
    }

    /// Confirma con una sola sentencia, que puede llevar también lo de otras unidades de trabajo que confirman a la vez.
    async fn confirmar_en_grupo(&mut self) -> Result<(), Falla> {
        let (escrituras, _mientras_se_escribe) = self.tomar_lo_anotado();
        grupo::confirmar(&self.grupo, &self.conexiones, escrituras).await
    }

    async fn escribir_y_confirmar(&mut self) -> Result<(), Falla> {
        if self.transaccion.rota() {
            return Err(Falla::interna("la unidad de trabajo ya había fallado"));
        }
        if self.basta_una_sentencia() {
            return if self.nada_anotado() { Ok(()) } else { self.confirmar_en_grupo().await };
        }
        self.escribir_lo_anotado().await?;
        self.transaccion.confirmar().await
    }

    fn nada_anotado(&self) -> bool {
        self.escrituras.is_empty() && self.salida.is_empty()
    }
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
        self.transaccion.marcar(self.puntos).await?;
        Ok(PuntoPg { numero: self.puntos, eventos: self.eventos.len() })
    }

    async fn volver_a(&mut self, punto: PuntoPg) -> Result<(), Falla> {
        self.escrituras.clear();
        self.salida.clear();
        self.eventos.truncate(punto.eventos);
        self.transaccion.volver(punto.numero).await
    }

    async fn anotar_recepcion(&mut self, recepcion: &Recepcion, fin: Fin) -> Result<(), Falla> {
        // La primera: lo repetido debe fallar por repetido, y no por chocar con el efecto que ya tuvo.
        self.transaccion.con_turno_de(Arc::clone(&self.turnos_del_bus));
        self.anotar_primero(entrada(recepcion));
        self.escrituras.extend(atendida(recepcion));
        if let Some(comando) = &recepcion.comando {
            self.escrituras.push(resultado(comando, fin)?);
        }
        Ok(())
    }

    async fn preparar(&mut self) -> Result<(), Falla> {
        // Lo que se confirma en grupo no necesita una conexión suya.
        if self.basta_una_sentencia() { Ok(()) } else { self.transaccion.empezar().await }
    }

    async fn confirmar(mut self) -> Result<(), Falla> {
        self.preparar().await?;
        let aparte = if quitada(Guarda::BandejaSalida) { std::mem::take(&mut self.salida) } else { Vec::new() };
        match self.escribir_y_confirmar().await {
            Ok(()) => {
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

    async fn deshacer(self) {
        self.transaccion.deshacer().await;
    }
}
