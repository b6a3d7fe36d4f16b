//! Los servicios del módulo, y cómo los ofrecen la unidad de trabajo y el lector de PostgreSQL.

use std::io::Write;
use std::sync::Mutex;
use std::time::Duration;

use time::OffsetDateTime;

use super::argon2id::Argon2id;
use super::codigos::CodigosHmac;
use super::fichas::Fichas;
use crate::modulos::clientes::aplicacion::puertos::{
    CifradoContrasenas, CodigosValidacion, EntregaCodigos, Ficha, FichasSesion,
};
use crate::modulos::clientes::dominio::contrasena::{Contrasena, ContrasenaCifrada};
use crate::modulos::clientes::dominio::usuario::IdUsuario;
use crate::seedwork::dominio::repositorios::Falla;
use crate::seedwork::infraestructura::claves::Clave;
use crate::seedwork::infraestructura::servicios::ConServicios;

/// Lo que este módulo necesita para vivir; `arranque` lo compone.
pub struct ServiciosClientes {
    cifrado: Argon2id,
    codigos: CodigosHmac,
    vigencia: Duration,
    entrega: Box<dyn EntregaCodigos>,
    fichas: Fichas,
}

impl ServiciosClientes {
    /// Los servicios, con la clave de los códigos de validación, cuánto valen, quien los hace llegar y las fichas de sesión.
    ///
    /// # Errors
    /// [`Falla::Interna`] si el cifrado no se puede preparar.
    pub fn nuevos(
        clave_codigos: &Clave,
        vigencia: Duration,
        entrega: Box<dyn EntregaCodigos>,
        fichas: Fichas,
    ) -> Result<Self, Falla> {
        let (cifrado, codigos) = (Argon2id::nuevo(), CodigosHmac::nuevo(clave_codigos)?);
        Ok(Self { cifrado, codigos, vigencia, entrega, fichas })
    }
}

/// Entrega los códigos escribiéndolos en la consola: lo que sirve en el computador de quien desarrolla.
pub struct EntregaPorConsola<W>(Mutex<W>);

impl<W: Write + Send> EntregaPorConsola<W> {
    /// Escribe en esa salida, que no debería hacer esperar.
    pub const fn nueva(salida: W) -> Self {
        Self(Mutex::new(salida))
    }
}

impl<W: Write + Send> EntregaCodigos for EntregaPorConsola<W> {
    fn entregar(&self, id: IdUsuario, codigo: &str) -> Result<(), Falla> {
        let mut salida = self.0.lock().map_err(|_| Falla::interna("la consola quedó inservible"))?;
        writeln!(salida, "Código de validación del usuario {id}: {codigo}").map_err(Falla::interna)
    }
}

/// No entrega nada por su cuenta: el código lo hace llegar quien atiende el evento que se guarda en la misma
/// transacción, con `UsuarioRegistrado` o `CodigoReemitido`.
pub struct EntregaPorEvento;

impl EntregaCodigos for EntregaPorEvento {
    fn entregar(&self, _: IdUsuario, _: &str) -> Result<(), Falla> {
        Ok(())
    }
}

impl<T: ConServicios<Servicios: AsRef<ServiciosClientes>>> CifradoContrasenas for T {
    async fn cifrar(&self, contrasena: Contrasena) -> Result<ContrasenaCifrada, Falla> {
        self.servicios().as_ref().cifrado.cifrar(contrasena).await
    }

    async fn coincide(&self, contrasena: Contrasena, cifrada: Option<ContrasenaCifrada>) -> Result<bool, Falla> {
        self.servicios().as_ref().cifrado.coincide(contrasena, cifrada).await
    }
}

impl<T: ConServicios<Servicios: AsRef<ServiciosClientes>>> CodigosValidacion for T {
    fn codigo(&self, id: IdUsuario, emitido_en: OffsetDateTime) -> String {
        self.servicios().as_ref().codigos.codigo(id, emitido_en)
    }

    fn es_su_codigo(&self, id: IdUsuario, emitido_en: OffsetDateTime, codigo: &str) -> bool {
        self.servicios().as_ref().codigos.es_su_codigo(id, emitido_en, codigo)
    }

    fn vigencia(&self) -> Duration {
        self.servicios().as_ref().vigencia
    }
}

impl<T: ConServicios<Servicios: AsRef<ServiciosClientes>>> EntregaCodigos for T {
    fn entregar(&self, id: IdUsuario, codigo: &str) -> Result<(), Falla> {
        self.servicios().as_ref().entrega.entregar(id, codigo)
    }
}

impl<T: ConServicios<Servicios: AsRef<ServiciosClientes>>> FichasSesion for T {
    async fn emitir(&self, usuario: IdUsuario) -> Result<Ficha, Falla> {
        self.servicios().as_ref().fichas.emitir(usuario).await
    }

    async fn portador(&self, ficha: &str) -> Result<Option<IdUsuario>, Falla> {
        self.servicios().as_ref().fichas.portador(ficha).await
    }
}
