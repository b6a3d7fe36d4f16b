//! Los datos que van en la ruta.

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use uuid::Uuid;

use super::problema::Problema;
use crate::seedwork::aplicacion::rechazo::{Clase, Rechazo};

/// La identidad que va en la ruta. Una mal formada no es un error aparte: nada tiene esa identidad.
pub struct IdDeRuta(pub Uuid);

impl<S: Send + Sync> FromRequestParts<S> for IdDeRuta {
    type Rejection = Problema;

    async fn from_request_parts(partes: &mut Parts, estado: &S) -> Result<Self, Problema> {
        let texto = Path::<String>::from_request_parts(partes, estado).await.ok();
        let id = texto.and_then(|Path(texto)| Uuid::parse_str(&texto).ok());
        id.map(Self)
            .ok_or_else(|| Rechazo::nuevo(Clase::NoEncontrado, "no-existe", "No existe nada con esa identidad").into())
    }
}
