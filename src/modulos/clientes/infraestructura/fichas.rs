//! Fichas de sesión: PASETO v4.local con claves que rotan solas y viven en la base de datos (ADR 0017).

use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use pasetors::claims::{Claims, ClaimsValidationRules};
use pasetors::footer::Footer;
use pasetors::keys::{Generate, SymmetricKey};
use pasetors::paserk::{FormatAsPaserk, Id};
use pasetors::token::{Local, UntrustedToken};
use pasetors::version4::V4;
use secrecy::SecretString;
use serde::Deserialize;
use time::OffsetDateTime;
use tokio::sync::Mutex;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::modulos::clientes::aplicacion::puertos::Ficha;
use crate::modulos::clientes::dominio::usuario::IdUsuario;
use crate::seedwork::dominio::repositorios::Falla;
use crate::seedwork::infraestructura::conexiones::Conexiones;

/// Para qué es la ficha: una que se cifrara con la misma clave para otra cosa no serviría.
const PARA_QUE: &[u8] = b"aeroalpes-sesion";
/// Cada cuánto se vuelven a leer las claves: lo que tarda en notarse que alguien borró una.
const RELECTURA: Duration = Duration::from_mins(1);

/// Cuánto duran las fichas y las claves con que se cifran.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlazosFichas {
    /// Cuánto vale una ficha.
    pub caducidad: Duration,
    /// Cuánto se cifra con la misma clave.
    pub rotacion: Duration,
}

/// Emite fichas y reconoce las suyas y las de las demás instancias.
pub struct Fichas {
    conexiones: Conexiones,
    plazos: PlazosFichas,
    llavero: RwLock<Arc<Llavero>>,
    relectura: Mutex<()>,
}

/// Las claves que se conocen, de la más nueva a la más vieja.
#[derive(Default)]
struct Llavero {
    claves: Vec<ClaveFichas>,
    leido: Option<Instant>,
}

struct ClaveFichas {
    kid: String,
    // Se borra de la memoria al soltarla, y su `Debug` no la muestra.
    clave: SymmetricKey<V4>,
    creada_en: OffsetDateTime,
}

impl Fichas {
    /// Con claves en esa base de datos. No la toca hasta que haga falta.
    pub fn nuevas(conexiones: Conexiones, plazos: PlazosFichas) -> Self {
        Self { conexiones, plazos, llavero: RwLock::default(), relectura: Mutex::default() }
    }

    /// Una ficha nueva para ese usuario. Si toca, cambia antes de clave.
    ///
    /// # Errors
    /// Las de la base de datos.
    pub async fn emitir(&self, usuario: IdUsuario) -> Result<Ficha, Falla> {
        let ahora = OffsetDateTime::now_utc();
        let mut llavero = self.reciente().await?;
        if llavero.claves.first().is_none_or(|clave| clave.creada_en + self.plazos.rotacion <= ahora) {
            self.rotar().await?;
            llavero = self.releer().await?;
        }
        let clave = llavero.claves.first().ok_or_else(|| Falla::interna("la clave recién creada no aparece"))?;
        let texto = cifrar(clave, usuario, self.plazos.caducidad).map_err(Falla::interna)?;
        Ok(Ficha { texto: SecretString::from(texto), caduca_en: ahora + self.plazos.caducidad })
    }

    /// De quién es una ficha, si es nuestra y no ha caducado.
    ///
    /// # Errors
    /// Las de la base de datos.
    pub async fn portador(&self, ficha: &str) -> Result<Option<IdUsuario>, Falla> {
        let Ok(ficha) = UntrustedToken::<Local, V4>::try_from(ficha) else { return Ok(None) };
        let Some(kid) = kid(ficha.untrusted_footer()) else { return Ok(None) };
        let mut llavero = self.reciente().await?;
        if llavero.clave(&kid).is_none() {
            // Puede ser de una clave que otra instancia acaba de crear.
            llavero = self.releer().await?;
        }
        Ok(llavero.clave(&kid).and_then(|clave| descifrar(&clave.clave, &ficha)))
    }

    async fn reciente(&self) -> Result<Arc<Llavero>, Falla> {
        let actual = Arc::clone(&self.llavero.read().unwrap_or_else(PoisonError::into_inner));
        match actual.leido {
            Some(leido) if leido.elapsed() < RELECTURA => Ok(actual),
            _ => self.releer().await,
        }
    }

    /// Una sola lectura a la vez: a quien esperó a que otro leyera le sirve lo que leyó.
    async fn releer(&self) -> Result<Arc<Llavero>, Falla> {
        let pedido = Instant::now();
        let _turno = self.relectura.lock().await;
        let actual = Arc::clone(&self.llavero.read().unwrap_or_else(PoisonError::into_inner));
        if actual.leido.is_some_and(|leido| leido >= pedido) {
            return Ok(actual);
        }
        let leido = Some(Instant::now());
        let sql = "SELECT kid, valor, creada_en FROM claves_fichas WHERE creada_en > now() - make_interval(secs => $1) \
                   ORDER BY creada_en DESC, kid";
        let filas: Vec<(String, Vec<u8>, OffsetDateTime)> =
            self.conexiones.leer(sqlx::query_as(sql).bind(self.vida().as_secs_f64())).await?;
        let claves = filas.into_iter().map(ClaveFichas::try_from).collect::<Result<_, _>>()?;
        let nuevo = Arc::new(Llavero { claves, leido });
        *self.llavero.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&nuevo);
        Ok(nuevo)
    }

    /// Crea una clave, salvo que otra instancia se haya adelantado, y borra las que ya no abren nada.
    async fn rotar(&self) -> Result<(), Falla> {
        let clave = SymmetricKey::<V4>::generate().map_err(Falla::interna)?;
        let sql = "WITH viejas AS (DELETE FROM claves_fichas WHERE creada_en <= now() - make_interval(secs => $3)) \
                   INSERT INTO claves_fichas (kid, valor) SELECT $1, $2 WHERE NOT EXISTS \
                   (SELECT FROM claves_fichas WHERE creada_en > now() - make_interval(secs => $4))";
        let consulta = sqlx::query(sql).bind(nombre(&clave)?).bind(clave.as_bytes());
        let plazos = (self.vida().as_secs_f64(), self.plazos.rotacion.as_secs_f64());
        self.conexiones.ejecutar(consulta.bind(plazos.0).bind(plazos.1)).await?;
        Ok(())
    }

    /// Cuánto puede quedar sin caducar algo cifrado con una clave, desde que nació.
    fn vida(&self) -> Duration {
        self.plazos.rotacion + self.plazos.caducidad
    }
}

impl Llavero {
    fn clave(&self, kid: &str) -> Option<&ClaveFichas> {
        self.claves.iter().find(|clave| clave.kid == kid)
    }
}

impl TryFrom<(String, Vec<u8>, OffsetDateTime)> for ClaveFichas {
    type Error = Falla;

    fn try_from((kid, valor, creada_en): (String, Vec<u8>, OffsetDateTime)) -> Result<Self, Falla> {
        let clave = SymmetricKey::from(&Zeroizing::new(valor)).map_err(Falla::interna)?;
        Ok(Self { kid, clave, creada_en })
    }
}

/// El nombre de una clave, calculado de ella misma (PASERK, tipo `lid`).
fn nombre(clave: &SymmetricKey<V4>) -> Result<String, Falla> {
    let mut nombre = String::new();
    Id::from(clave).fmt(&mut nombre).map_err(Falla::interna)?;
    Ok(nombre)
}

fn cifrar(
    ClaveFichas { clave, .. }: &ClaveFichas,
    IdUsuario(usuario): IdUsuario,
    caducidad: Duration,
) -> Result<String, pasetors::errors::Error> {
    let mut datos = Claims::new_expires_in(&caducidad)?;
    datos.subject(&usuario.to_string())?;
    let mut pie = Footer::new();
    pie.key_id(&Id::from(clave));
    pasetors::local::encrypt(clave, &datos, Some(&pie), Some(PARA_QUE))
}

fn descifrar(clave: &SymmetricKey<V4>, ficha: &UntrustedToken<Local, V4>) -> Option<IdUsuario> {
    let mut reglas = ClaimsValidationRules::new();
    // Sólo importa que no haya caducado: el reloj de quien la emitió puede ir algo adelantado.
    reglas.disable_valid_at();
    let abierta = pasetors::local::decrypt(clave, ficha, &reglas, None, Some(PARA_QUE)).ok()?;
    let usuario = abierta.payload_claims()?.get_claim("sub")?.as_str()?;
    Uuid::parse_str(usuario).ok().map(IdUsuario)
}

/// Con qué clave dice estar cifrada una ficha.
fn kid(pie: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Pie {
        kid: String,
    }
    serde_json::from_slice::<Pie>(pie).ok().map(|pie| pie.kid)
}

#[cfg(test)]
mod pruebas {
    use super::*;

    const HORA: Duration = Duration::from_hours(1);

    fn clave() -> ClaveFichas {
        let clave = SymmetricKey::generate().unwrap();
        ClaveFichas { kid: nombre(&clave).unwrap(), clave, creada_en: OffsetDateTime::UNIX_EPOCH }
    }

    fn leida(texto: &str) -> Option<UntrustedToken<Local, V4>> {
        UntrustedToken::try_from(texto).ok()
    }

    #[test]
    fn una_ficha_va_y_vuelve_y_nombra_su_clave() {
        let (clave, usuario) = (clave(), IdUsuario::nueva());
        let texto = cifrar(&clave, usuario, HORA).unwrap();
        let ficha = leida(&texto).unwrap();
        assert_eq!(descifrar(&clave.clave, &ficha), Some(usuario));
        assert_eq!(kid(ficha.untrusted_footer()), Some(clave.kid));
        assert!(!texto.contains(&usuario.to_string()));
    }

    #[test]
    fn una_ficha_caducada_de_otra_clave_o_cambiada_no_es_de_nadie() {
        let (nuestra, usuario) = (clave(), IdUsuario::nueva());
        let caducada = cifrar(&nuestra, usuario, Duration::from_nanos(1)).unwrap();
        assert_eq!(descifrar(&nuestra.clave, &leida(&caducada).unwrap()), None);
        let texto = cifrar(&nuestra, usuario, HORA).unwrap();
        assert_eq!(descifrar(&clave().clave, &leida(&texto).unwrap()), None);
        for indice in (0..texto.len()).filter(|indice| texto.as_bytes()[*indice] != b'.') {
            let otro = if &texto[indice..=indice] == "A" { "B" } else { "A" };
            let mut cambiada = texto.clone();
            cambiada.replace_range(indice..=indice, otro);
            let usuario = leida(&cambiada).and_then(|ficha| descifrar(&nuestra.clave, &ficha));
            assert_eq!(usuario, None, "se cambió el símbolo {indice}");
        }
    }

    #[test]
    fn una_ficha_para_otra_cosa_no_sirve() {
        let (clave, usuario) = (clave(), IdUsuario::nueva());
        let mut datos = Claims::new_expires_in(&HORA).unwrap();
        datos.subject(&usuario.0.to_string()).unwrap();
        let texto = pasetors::local::encrypt(&clave.clave, &datos, None, Some(b"otra cosa")).unwrap();
        assert_eq!(descifrar(&clave.clave, &leida(&texto).unwrap()), None);
    }

    proptest::proptest! {
        #[test]
        fn un_texto_cualquiera_no_es_una_ficha_nuestra(texto in "(v4\\.local\\.)?[A-Za-z0-9._-]{0,120}") {
            let abierta = leida(&texto).filter(|ficha| kid(ficha.untrusted_footer()).is_some());
            proptest::prop_assert!(abierta.is_none_or(|ficha| descifrar(&clave().clave, &ficha).is_none()));
        }
    }
}
