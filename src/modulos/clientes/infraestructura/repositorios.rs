//! El repositorio de usuarios sobre la unidad de trabajo de PostgreSQL.

use sqlx::FromRow;
use time::{Date, OffsetDateTime};
use uuid::Uuid;

use crate::modulos::clientes::aplicacion::puertos::{RepositorioUsuarios, ReservaAnotada};
use crate::modulos::clientes::dominio::codigo::CodigoEmitido;
use crate::modulos::clientes::dominio::contrasena::ContrasenaCifrada;
use crate::modulos::clientes::dominio::email::Email;
use crate::modulos::clientes::dominio::estado::EstadoUsuario;
use crate::modulos::clientes::dominio::eventos::{EventoUsuario, UsuarioBorrado};
use crate::modulos::clientes::dominio::identificacion::Identificacion;
use crate::modulos::clientes::dominio::usuario::{DatosUsuario, IdUsuario, Usuario, UsuarioGuardado};
use crate::seedwork::dominio::bloqueo::Bloqueo;
use crate::seedwork::dominio::entidades::{AgregacionRaiz, Version};
use crate::seedwork::dominio::objetos_valor::Texto;
use crate::seedwork::dominio::repositorios::{Falla, Repositorio};
use crate::seedwork::infraestructura::averias::{Guarda, quitada};
use crate::seedwork::infraestructura::sentencias::Escritura;
use crate::seedwork::infraestructura::unidad_trabajo_pg::UnidadTrabajoPg;

const TABLA: &str = "usuarios";

macro_rules! leer_usuario {
    () => {
        "SELECT id, nombres, apellidos, email, contrasena, es_empresarial, identificacion, fecha_origen, estado, \
         fecha_creacion, fecha_actualizacion, version, codigo_emitido_en, codigo_fallos FROM usuarios WHERE id = $1"
    };
}

#[derive(FromRow)]
struct Fila {
    id: Uuid,
    nombres: String,
    apellidos: String,
    email: String,
    contrasena: String,
    es_empresarial: bool,
    identificacion: Option<String>,
    fecha_origen: Option<Date>,
    estado: String,
    fecha_creacion: OffsetDateTime,
    fecha_actualizacion: OffsetDateTime,
    version: i64,
    codigo_emitido_en: Option<OffsetDateTime>,
    codigo_fallos: i64,
}

impl TryFrom<Fila> for Usuario {
    type Error = Falla;

    fn try_from(fila: Fila) -> Result<Self, Falla> {
        Ok(Self::reconstituir(UsuarioGuardado {
            id: IdUsuario(fila.id),
            estado: estado(&fila.estado)?,
            codigo: codigo_emitido(fila.codigo_emitido_en.unwrap_or(fila.fecha_creacion), fila.codigo_fallos)?,
            contrasena: ContrasenaCifrada::nueva(fila.contrasena.clone()),
            fecha_creacion: fila.fecha_creacion,
            fecha_actualizacion: fila.fecha_actualizacion,
            version: Version::guardada(fila.version),
            datos: fila.into(),
        }))
    }
}

impl From<Fila> for DatosUsuario {
    fn from(fila: Fila) -> Self {
        let numero = fila.identificacion.map(Texto::reconstituir);
        let identificacion = if fila.es_empresarial {
            Identificacion::Empresa { rut: numero, fecha_constitucion: fila.fecha_origen }
        } else {
            Identificacion::Persona { cedula: numero, fecha_nacimiento: fila.fecha_origen }
        };
        Self {
            nombres: Texto::reconstituir(fila.nombres),
            apellidos: Texto::reconstituir(fila.apellidos),
            email: Email::reconstituir(fila.email),
            identificacion,
        }
    }
}

/// El código que dicen dos columnas.
pub fn codigo_emitido(emitido_en: OffsetDateTime, fallos: i64) -> Result<CodigoEmitido, Falla> {
    Ok(CodigoEmitido { emitido_en, fallos: u32::try_from(fallos).map_err(Falla::interna)? })
}

/// El estado que dice una columna.
pub fn estado(nombre: &str) -> Result<EstadoUsuario, Falla> {
    EstadoUsuario::de_nombre(nombre).ok_or_else(|| Falla::interna(format!("estado de usuario desconocido: {nombre}")))
}

impl<S: Send + Sync + 'static> Repositorio<Usuario> for UnidadTrabajoPg<S> {
    async fn obtener(&mut self, id: IdUsuario, bloqueo: Bloqueo) -> Result<Option<Usuario>, Falla> {
        let sql = match bloqueo {
            Bloqueo::Pesimista if !quitada(Guarda::ForUpdate) => concat!(leer_usuario!(), " FOR UPDATE"),
            Bloqueo::Pesimista | Bloqueo::Optimista => leer_usuario!(),
        };
        let fila: Option<Fila> = self.leer_una(TABLA, sqlx::query_as(sql).bind(id.0)).await?;
        fila.map(Usuario::try_from).transpose()
    }

    async fn guardar(&mut self, usuario: &mut Usuario) -> Result<(), Falla> {
        let guardado = usuario.guardado();
        let escritura = if guardado.version.es_nueva() { insercion(guardado) } else { cambio(guardado) };
        self.anotar(escritura).await?;
        usuario.marcar_guardado();
        for evento in usuario.tomar_eventos() {
            match evento {
                EventoUsuario::Registrado(evento) => self.anotar_evento(evento)?,
                EventoUsuario::Validado(evento) => self.anotar_evento(evento)?,
                EventoUsuario::Desactivado(evento) => self.anotar_evento(evento)?,
                EventoUsuario::CodigoReemitido(evento) => self.anotar_evento(evento)?,
            }
        }
        Ok(())
    }
}

impl<S: Send + Sync + 'static> RepositorioUsuarios for UnidadTrabajoPg<S> {
    async fn anotar_reserva(&mut self, reserva: ReservaAnotada) -> Result<(), Falla> {
        let columnas = vec![
            ("id_usuario", reserva.id_usuario.0.into()),
            ("id_reserva", reserva.id_reserva.into()),
            ("fecha_creacion", reserva.fecha_creacion.into()),
        ];
        self.anotar(Escritura::insercion("usuarios_reservas", reserva.id_reserva, columnas)).await
    }

    async fn borrar(&mut self, borrado: UsuarioBorrado) -> Result<(), Falla> {
        let id = borrado.id_usuario.0;
        let escritura = Escritura::cambio(TABLA, id, move |sql| {
            sql.push("DELETE FROM usuarios WHERE id = ").push_bind(id);
        });
        self.anotar(escritura).await?;
        self.anotar_evento(borrado)
    }
}

fn insercion(usuario: &UsuarioGuardado) -> Escritura {
    let datos = usuario.datos.clone();
    let email_clave = datos.email.clave();
    let es_empresarial = datos.identificacion.es_empresarial();
    let (identificacion, fecha_origen) = match datos.identificacion {
        Identificacion::Persona { cedula, fecha_nacimiento } => (cedula, fecha_nacimiento),
        Identificacion::Empresa { rut, fecha_constitucion } => (rut, fecha_constitucion),
    };
    let columnas = vec![
        ("id", usuario.id.0.into()),
        ("nombres", String::from(datos.nombres).into()),
        ("apellidos", String::from(datos.apellidos).into()),
        ("email", datos.email.como_str().to_owned().into()),
        ("email_clave", email_clave.into()),
        ("contrasena", usuario.contrasena.phc().to_owned().into()),
        ("es_empresarial", es_empresarial.into()),
        ("identificacion", identificacion.map(String::from).into()),
        ("fecha_origen", fecha_origen.into()),
        ("estado", usuario.estado.nombre().into()),
        ("fecha_creacion", usuario.fecha_creacion.into()),
        ("fecha_actualizacion", usuario.fecha_actualizacion.into()),
        ("version", usuario.version.siguiente().numero().into()),
    ];
    Escritura::insercion(TABLA, usuario.id.0, columnas)
}

/// Después del registro sólo cambian el estado, su fecha y el código que vale.
fn cambio(usuario: &UsuarioGuardado) -> Escritura {
    let (id, version) = (usuario.id.0, usuario.version);
    let (estado, actualizado, codigo) = (usuario.estado.nombre(), usuario.fecha_actualizacion, usuario.codigo);
    Escritura::cambio(TABLA, id, move |sql| {
        sql.push("UPDATE usuarios SET estado = ").push_bind(estado);
        sql.push(", fecha_actualizacion = ").push_bind(actualizado);
        sql.push(", codigo_emitido_en = ").push_bind(codigo.emitido_en);
        sql.push(", codigo_fallos = ").push_bind(i64::from(codigo.fallos));
        sql.push(", version = ").push_bind(version.siguiente().numero());
        sql.push(" WHERE id = ").push_bind(id);
        if !quitada(Guarda::ForUpdate) {
            sql.push(" AND version = ").push_bind(version.numero());
        }
    })
}
