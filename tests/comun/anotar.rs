//! Un comando de juguete que deja ver el orden y las veces.

use aeroalpes::seedwork::aplicacion::mensajes::{Comando, Handler};
use aeroalpes::seedwork::aplicacion::rechazo::{Clase, Rechazo};
use aeroalpes::seedwork::dominio::repositorios::Falla;
use aeroalpes::seedwork::infraestructura::mensajeria::comandos::ComandoIntegracion;
use aeroalpes::seedwork::infraestructura::unidad_trabajo_pg::UnidadTrabajoPg;
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use super::BaseDePrueba;
use super::cosas::{self, Bloquea, CosaCambiada, ErrorCosas};

type Udt = UnidadTrabajoPg<()>;

/// Añade un número a la lista de una cosa, y lo cuenta. Un número negativo se rechaza; el 13 siempre falla.
#[derive(Clone, Serialize, Deserialize)]
pub struct Anotar {
    pub id: Uuid,
    pub numero: i64,
}

impl Comando for Anotar {
    const NOMBRE: &'static str = "Anotar";
    type Salida = ();
    type Error = ErrorCosas;
}

impl Handler<Udt> for Anotar {
    async fn manejar(self, udt: &mut Udt) -> Result<(), ErrorCosas> {
        if self.numero < 0 {
            return Err(Rechazo::nuevo(Clase::Conflicto, "negativo", "Es negativo").into());
        }
        if self.numero == 13 {
            return Err(Falla::interna("el 13 no se puede").into());
        }
        let (valor, version) = cosas::leer(udt, self.id, Bloquea::Si).await?;
        udt.anotar(cosas::cambio(self.id, valor + 1, version)).await?;
        udt.anotar(cosas::numero(self.id, self.numero)).await?;
        Ok(udt.anotar_evento(CosaCambiada { id: self.id })?)
    }
}

#[derive(Serialize, Deserialize)]
pub struct Carga {
    id: String,
    numero: i64,
}

impl ComandoIntegracion for Anotar {
    const TOPICO: &'static str = "comandos-cosa";
    const REGISTRO: &'static str = "ComandoCosa";
    const MIEMBRO: &'static str = "data";
    type Carga = Carga;

    fn esquema_carga() -> serde_json::Value {
        json!({"type": "record", "name": "Carga", "fields": [{"name": "id", "type": "string"}, {"name": "numero", "type": "long"}]})
    }

    fn carga(&self) -> Carga {
        Carga { id: self.id.to_string(), numero: self.numero }
    }

    fn de_carga(carga: Carga) -> Result<Self, Rechazo> {
        Ok(Self { id: carga.id.parse().unwrap(), numero: carga.numero })
    }

    fn clave(&self) -> Uuid {
        self.id
    }

    fn recurso(&self) -> String {
        format!("/cosas/{}", self.id)
    }
}

/// Los números anotados en una cosa, en el orden en que se anotaron.
pub async fn numeros(base: &BaseDePrueba, id: Uuid) -> Vec<i64> {
    let sql = sqlx::query_scalar("SELECT numero FROM numeros WHERE id = $1 ORDER BY orden").bind(id);
    sql.fetch_all(&mut base.conectar().await).await.unwrap()
}
