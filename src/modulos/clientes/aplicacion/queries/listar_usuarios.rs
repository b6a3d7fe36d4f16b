//! La consulta `ListarUsuarios`: todos, o los de un estado.

use crate::modulos::clientes::aplicacion::dto::UsuarioVista;
use crate::modulos::clientes::aplicacion::errores::ErrorClientes;
use crate::modulos::clientes::aplicacion::puertos::ConsultasUsuarios;
use crate::modulos::clientes::dominio::estado::EstadoUsuario;
use crate::seedwork::aplicacion::mensajes::{HandlerQuery, Query};
use crate::seedwork::aplicacion::paginas::{Cursor, Pagina, Pedido};

/// Una página de usuarios, del más nuevo al más viejo.
#[derive(Debug, Clone, Copy)]
pub struct ListarUsuarios {
    /// Sólo los de este estado.
    pub estado: Option<EstadoUsuario>,
    /// Qué página.
    pub pedido: Pedido,
}

impl Query for ListarUsuarios {
    const NOMBRE: &'static str = "ListarUsuarios";
    type Resultado = Pagina<UsuarioVista>;
    type Error = ErrorClientes;
}

impl<L: ConsultasUsuarios> HandlerQuery<L> for ListarUsuarios {
    async fn responder(self, lector: &mut L) -> Result<Pagina<UsuarioVista>, ErrorClientes> {
        let leidos = lector.usuarios(self.estado, self.pedido).await?;
        Ok(Pagina::de(leidos, self.pedido.limite, |u| Cursor { fecha: u.fecha_creacion, id: u.id.into() }))
    }
}
