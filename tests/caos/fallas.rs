//! Cómo se rompe cada cosa, y qué debe volver a moverse después.

use std::time::Duration;

use futures_util::future::join_all;
use nix::sys::signal::Signal;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::delegado::{Delegado, Modo};
use super::entorno::Entorno;
use super::historia::Clase;
use super::instancias::Instancia;
use super::intrusos;
use super::mundo::Mundo;
use super::plan::{Falla, Tipo};
use super::procesos::ocurre;
use super::recuperacion::{Exigencia, LIMITE, LIMITE_CONSUMIDOR, LIMITE_PULSAR, Regreso};
use crate::Fallo;

/// Más de lo que una instancia puede callar sin perder sus carriles.
const CONGELADA: Duration = Duration::from_secs(6);
/// Más que lo que tarda el bróker en soltar las claves de quien calla: dos de sus latidos.
const CALLADA: Duration = Duration::from_millis(12_500);
/// Más que todo plazo que dependa del bróker: el de los recibos es de 10 s, y los de conectar, con sus repeticiones, 18 s.
const MAS_QUE_LOS_PLAZOS: Duration = Duration::from_secs(21);
/// Lo más que se espera a que se repartan los carriles.
const REPARTO: Duration = Duration::from_secs(5);
/// Cuántas veces se intenta ocupar las filas por las que todos compiten.
const INTENTOS: usize = 5;
/// Conexiones que se abren de más, como mucho: el servidor admite cien.
const DE_SOBRA: usize = 100;

/// La red de una instancia hacia uno de los servicios.
#[derive(Debug, Clone, Copy)]
enum Red {
    APostgres,
    APulsar,
}

impl Red {
    const fn de(self, instancia: &Instancia) -> Option<&Delegado> {
        match self {
            Self::APostgres => Some(&instancia.a_postgres),
            Self::APulsar => instancia.a_pulsar.as_ref(),
        }
    }
}

fn poner(delegados: &[&Delegado], modo: Modo) {
    for delegado in delegados {
        delegado.poner(modo);
    }
}

/// Quien rompe.
pub struct Saboteador<'a> {
    pub entorno: &'a Entorno,
    pub mundo: &'a Mundo,
}

impl Saboteador<'_> {
    /// Inyecta una falla, deshace lo que rompió y espera a que todo se mueva.
    pub async fn inyectar(&self, falla: &Falla) -> Result<(), Fallo> {
        let mut azar = StdRng::seed_from_u64(falla.semilla);
        let una = azar.random_range(0..self.entorno.instancias.len());
        let breve = Duration::from_millis(azar.random_range(300..1_500));
        match falla.tipo {
            Tipo::InstanciaKill9 => return self.matar_instancia(una).await,
            Tipo::InstanciaSigterm => return self.parar_instancia(una).await,
            Tipo::InstanciaCongelada => return self.congelar_instancia(una).await,
            Tipo::PostgresKill9 => self.entorno.postgres.matar().await?,
            Tipo::PostgresParada => {
                self.entorno.postgres.parar().await?;
                sleep(breve).await;
                self.entorno.postgres.levantar().await?;
            }
            Tipo::PostgresRechaza => self.red(Red::APostgres, Modo::Rechaza, breve, &mut azar).await,
            Tipo::PostgresInalcanzable => self.red(Red::APostgres, Modo::Congela, breve * 2, &mut azar).await,
            Tipo::BrokerRechaza => self.red(Red::APulsar, Modo::Rechaza, breve * 2, &mut azar).await,
            Tipo::BrokerInalcanzable => self.red_de_todas(Red::APulsar, MAS_QUE_LOS_PLAZOS).await,
            Tipo::SesionesCortadas => self.cortar_sesiones(&mut azar).await?,
            Tipo::RedCortada => self.cortar_red(&mut azar),
            Tipo::FondoLleno => self.llenar_fondo(breve * 2).await?,
            Tipo::ConexionesAgotadas => self.agotar_conexiones(breve).await?,
            Tipo::Basura => intrusos::basura(self.entorno, self.mundo, &mut azar).await?,
            Tipo::Desconocidos => intrusos::desconocidos(self.entorno, self.mundo, &mut azar).await?,
            Tipo::Repetidos => intrusos::repetidos(self.entorno, &mut azar).await?,
            Tipo::PulsarKill9 | Tipo::PulsarParada => return self.reiniciar_pulsar(falla.tipo).await,
        }
        self.todo_se_mueve(falla.tipo, LIMITE).await;
        Ok(())
    }

    async fn todo_se_mueve(&self, tipo: Tipo, limite: Duration) {
        let todas = self.entorno.todas();
        self.entorno.recuperar(tipo.nombre(), Regreso::ahora(), Exigencia::en(limite, &todas)).await;
    }

    fn las_demas(&self, una: usize) -> Vec<usize> {
        self.entorno.todas().into_iter().filter(|otra| *otra != una).collect()
    }

    /// Lo que tenía la muerta se mueve sin ella; y ella vuelve.
    async fn matar_instancia(&self, una: usize) -> Result<(), Fallo> {
        let (instancia, demas) = (&self.entorno.instancias[una], self.las_demas(una));
        let nombre = Tipo::InstanciaKill9.nombre();
        let desde = Regreso::ahora();
        instancia.matar().await?;
        let sin_ella = self.entorno.recuperar(nombre, desde, Exigencia::en(LIMITE, &demas));
        let (vuelta, ()) = tokio::join!(instancia.arrancar(), sin_ella);
        vuelta?;
        self.todo_se_mueve(Tipo::InstanciaKill9, LIMITE).await;
        Ok(())
    }

    async fn parar_instancia(&self, una: usize) -> Result<(), Fallo> {
        let instancia = &self.entorno.instancias[una];
        let fin = instancia.parar().await?;
        if !fin.success() {
            let detalle = format!("la instancia {una} no cerró bien con SIGTERM: {fin}");
            self.entorno.historia.defecto(Clase::Inconsistente, detalle);
        }
        let (desde, demas) = (Regreso::ahora(), self.las_demas(una));
        let nombre = Tipo::InstanciaSigterm.nombre();
        let sin_ella = self.entorno.recuperar(nombre, desde, Exigencia::en(LIMITE, &demas));
        let (vuelta, ()) = tokio::join!(instancia.arrancar(), sin_ella);
        vuelta
    }

    /// Las demás mueven lo suyo mientras está congelada; y al despertar no estropea nada.
    async fn congelar_instancia(&self, una: usize) -> Result<(), Fallo> {
        let (instancia, demas) = (&self.entorno.instancias[una], self.las_demas(una));
        let con_pulsar = self.entorno.pulsar.is_some();
        let (rato, comandos) = if con_pulsar { (CALLADA, LIMITE_CONSUMIDOR) } else { (CONGELADA, LIMITE) };
        // Con carriles que perder: se congela a quien los tiene.
        let repartidos =
            "SELECT count(DISTINCT dueno) FROM carriles WHERE latido > clock_timestamp() - interval '3 seconds'";
        let cuantas = i64::try_from(self.entorno.instancias.len())?;
        ocurre(REPARTO, async || self.entorno.contar(repartidos).await.is_ok_and(|duenas| duenas == cuantas)).await;
        let desde = Regreso::ahora();
        instancia.senalar(Signal::SIGSTOP).await;
        let exigencia = Exigencia { instancias: &demas, comandos, salida: LIMITE };
        let sin_ella = self.entorno.recuperar(Tipo::InstanciaCongelada.nombre(), desde, exigencia);
        let ((), ()) = tokio::join!(sin_ella, sleep(rato));
        instancia.senalar(Signal::SIGCONT).await;
        self.todo_se_mueve(Tipo::InstanciaCongelada, LIMITE).await;
        Ok(())
    }

    async fn reiniciar_pulsar(&self, tipo: Tipo) -> Result<(), Fallo> {
        let pulsar = self.entorno.pulsar.as_ref().ok_or("el bus no es Pulsar")?;
        match tipo {
            Tipo::PulsarKill9 => pulsar.matar().await?,
            _ => pulsar.parar().await?,
        }
        pulsar.levantar().await?;
        self.todo_se_mueve(tipo, LIMITE_PULSAR).await;
        Ok(())
    }

    /// Estropea un rato la red de una instancia, o la de todas.
    async fn red(&self, cual: Red, modo: Modo, rato: Duration, azar: &mut StdRng) {
        let una = azar.random_range(0..=self.entorno.instancias.len());
        let afectada = |instancia: &&Instancia| una == self.entorno.instancias.len() || instancia.numero == una;
        let delegados: Vec<_> =
            self.entorno.instancias.iter().filter(afectada).filter_map(|una| cual.de(una)).collect();
        poner(&delegados, modo);
        sleep(rato).await;
        poner(&delegados, Modo::Pasa);
    }

    /// Congela la red de todas y, al final, pierde lo que esperaba en ella.
    async fn red_de_todas(&self, cual: Red, rato: Duration) {
        let delegados: Vec<_> = self.entorno.instancias.iter().filter_map(|una| cual.de(una)).collect();
        poner(&delegados, Modo::Congela);
        sleep(rato).await;
        for delegado in delegados {
            delegado.cortar();
            delegado.poner(Modo::Pasa);
        }
    }

    async fn cortar_sesiones(&self, azar: &mut StdRng) -> Result<(), Fallo> {
        let sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                   WHERE application_name = 'aeroalpes' AND random() < $1";
        let proporcion: f64 = [0.1, 0.5, 1.0][azar.random_range(0..3)];
        sqlx::query(sql).bind(proporcion).execute(&mut self.entorno.conectar().await?).await?;
        Ok(())
    }

    fn cortar_red(&self, azar: &mut StdRng) {
        for instancia in &self.entorno.instancias {
            if azar.random() {
                instancia.a_postgres.cortar();
            }
            if let Some(delegado) = &instancia.a_pulsar
                && azar.random()
            {
                delegado.cortar();
            }
        }
    }

    /// Ocupa desde fuera las filas por las que todos compiten: quien las espera tiene una conexión.
    async fn llenar_fondo(&self, rato: Duration) -> Result<(), Fallo> {
        let ids = self.mundo.todas_las_calientes();
        let mut conexion = self.entorno.conectar().await?;
        let sql = "SELECT id FROM reservas WHERE id = ANY($1) ORDER BY id FOR UPDATE";
        for _ in 0..INTENTOS {
            sqlx::raw_sql("BEGIN; SET LOCAL lock_timeout = '2s'").execute(&mut conexion).await?;
            // Puede chocar con el servicio, que las bloquea en otro orden.
            let ocupadas = sqlx::query(sql).bind(&ids).execute(&mut conexion).await.is_ok();
            if ocupadas {
                sleep(rato).await;
            }
            sqlx::raw_sql("ROLLBACK").execute(&mut conexion).await?;
            if ocupadas {
                return Ok(());
            }
        }
        Err("no se pudieron ocupar las filas calientes".into())
    }

    /// Ocupa las conexiones que el servidor tiene libres y corta las del servicio, que no podrá abrir otras.
    async fn agotar_conexiones(&self, rato: Duration) -> Result<(), Fallo> {
        let mut cortadora = self.entorno.conectar().await?;
        let cortar = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'aeroalpes'";
        sqlx::query(cortar).execute(&mut cortadora).await?;
        let abiertas: Vec<_> = join_all((0..DE_SOBRA).map(|_| self.entorno.conectar())).await;
        sleep(rato).await;
        drop(abiertas);
        Ok(())
    }
}

/// Vigila que ninguna instancia termine sin que se lo pidan.
pub async fn vigilar(entorno: &Entorno, parar: &CancellationToken) {
    while parar.run_until_cancelled(sleep(Duration::from_millis(500))).await.is_some() {
        for instancia in &entorno.instancias {
            if let Some(fin) = instancia.termino_sola().await {
                let detalle = format!("la instancia {} terminó sola: {fin}", instancia.numero);
                entorno.historia.defecto(Clase::Inconsistente, detalle);
                if let Err(fallo) = instancia.arrancar().await {
                    entorno.historia.defecto(Clase::Inconsistente, format!("y no volvió a arrancar: {fallo}"));
                }
            }
        }
    }
}
