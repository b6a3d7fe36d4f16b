//! El tópico `comandos-usuario`. `RegistrarUsuario` nunca viaja: un tópico no se borra y la contraseña es personal.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::modulos::clientes::aplicacion::comandos::DesactivarUsuario;
use crate::modulos::clientes::dominio::usuario::IdUsuario;
use crate::seedwork::aplicacion::rechazo::{Clase, Rechazo};
use crate::seedwork::infraestructura::despacho::avro::campo_nuevo;
use crate::seedwork::infraestructura::mensajeria::comandos::ComandoIntegracion;

/// La carga de `DesactivarUsuario`.
#[derive(Serialize, Deserialize)]
pub struct CargaDesactivar {
    id_usuario: Option<String>,
}

impl ComandoIntegracion for DesactivarUsuario {
    const TOPICO: &'static str = "comandos-usuario";
    const REGISTRO: &'static str = "ComandoUsuario";
    const MIEMBRO: &'static str = "data";
    type Carga = CargaDesactivar;

    fn esquema_carga() -> Value {
        json!({"type": "record", "name": "DesactivarUsuarioPayload", "fields": [campo_nuevo("id_usuario", "string")]})
    }

    fn carga(&self) -> CargaDesactivar {
        CargaDesactivar { id_usuario: Some(self.id.to_string()) }
    }

    fn de_carga(carga: CargaDesactivar) -> Result<Self, Rechazo> {
        let id = carga.id_usuario.as_deref().and_then(|texto| Uuid::parse_str(texto).ok());
        let id = id.ok_or_else(|| {
            Rechazo::nuevo(Clase::Invalido, "cuerpo-invalido", "La identidad no es un UUID").en("/id_usuario")
        })?;
        Ok(Self { id: IdUsuario(id) })
    }

    fn clave(&self) -> Uuid {
        self.id.into()
    }

    fn recurso(&self) -> String {
        format!("/clientes/usuario/{}", self.id)
    }
}
