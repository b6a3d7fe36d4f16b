//! Los comandos de usuarios que llegan por el bus. El orden es el del esquema: sólo se añade al final.

use crate::modulos::clientes::aplicacion::comandos::DesactivarUsuario;
use crate::modulos::clientes::aplicacion::puertos::RepositorioUsuarios;
use crate::seedwork::aplicacion::unidad_trabajo::Fabrica;
use crate::seedwork::infraestructura::mensajeria::enrutador::Rutas;

/// Las rutas del módulo, para que `arranque` las junte con las de los demás.
#[must_use]
pub fn rutas<F: Fabrica<Udt: RepositorioUsuarios>>() -> Rutas<F> {
    Rutas::default().ruta::<DesactivarUsuario>()
}
