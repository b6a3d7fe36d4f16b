//! Las órdenes que trabajan sobre la base de datos y terminan; el servicio puede estar en marcha o no.

use std::io::{Write, stdout};
use std::process::ExitCode;

use aeroalpes::config::{Base, Config, Opciones};
use aeroalpes::modulos::clientes::{IdUsuario, conceder_administracion, retirar_administracion};
use aeroalpes::registros;
use aeroalpes::seedwork::dominio::repositorios::Falla;
use aeroalpes::seedwork::infraestructura::conexiones::Conexiones;
use aeroalpes::seedwork::infraestructura::migraciones::migrar;
use aeroalpes::seedwork::infraestructura::postgres_embebido::{Acceso, ErrorPostgres, PostgresEmbebido};
use aeroalpes::seedwork::infraestructura::purga::{Paso, Purga};
use sqlx::postgres::PgConnectOptions;
use tokio_util::sync::CancellationToken;

use crate::avance::Avance;
use crate::ordenes::{Resultado, configurar};

/// Hace un trabajo sobre la base configurada, con el esquema al día.
pub async fn con_base(opciones: Opciones, trabajo: impl AsyncFnOnce(Conexiones, &Config) -> Resultado) -> Resultado {
    en_la_base(opciones, async |base, config| {
        migrar(base).await?;
        trabajo(una_conexion(base, config)?, config).await
    })
    .await
}

/// Lo mismo, con el esquema como esté.
pub async fn sobre_base(opciones: Opciones, trabajo: impl AsyncFnOnce(Conexiones, &Config) -> Resultado) -> Resultado {
    en_la_base(opciones, async |base, config| trabajo(una_conexion(base, config)?, config).await).await
}

fn una_conexion(base: &PgConnectOptions, config: &Config) -> Result<Conexiones, Falla> {
    Conexiones::nuevas(base.clone(), config.plazos_pg, 1, config.plazo_orden)
}

/// Si la base es la embebida y ya la tiene en marcha otro proceso, trabaja a su lado, por su zócalo; si no, la arranca y
/// la detiene.
async fn en_la_base(
    opciones: Opciones,
    trabajo: impl AsyncFnOnce(&PgConnectOptions, &Config) -> Resultado,
) -> Resultado {
    let config = configurar(opciones)?;
    let _registros = registros::empezar()?;
    let carpeta = match &config.base {
        Base::Externa(base) => return trabajo(base, &config).await,
        Base::Embebida(carpeta) => carpeta,
    };
    match PostgresEmbebido::arrancar(carpeta, Acceso::Zocalo).await {
        Ok(embebido) => {
            let hecho = trabajo(&embebido.url().parse()?, &config).await;
            embebido.detener().await?;
            hecho
        }
        Err(ErrorPostgres::CarpetaEnUso { .. }) => {
            trabajo(&PostgresEmbebido::direccion_en_marcha(carpeta)?.parse()?, &config).await
        }
        Err(error) => Err(error.into()),
    }
}

/// Pone al día el esquema.
pub async fn migrar_esquema(opciones: Opciones) -> Resultado {
    con_base(opciones, async |_, _| {
        writeln!(stdout(), "El esquema está al día.")?;
        Ok(ExitCode::SUCCESS)
    })
    .await
}

/// Da una pasada de la purga y dice qué borró.
pub async fn purgar(opciones: Opciones) -> Resultado {
    con_base(opciones, async |conexiones, config| {
        let avance = Avance::nuevo("Purga");
        let avanzar = |paso: Paso| {
            avance.van(paso.hechas as u64, paso.tablas as u64);
            avance.en(format!("{}: {}", paso.tabla, paso.filas));
        };
        let cuentas = Purga::nueva(conexiones, config.guardar).pasada(&CancellationToken::new(), avanzar).await?;
        drop(avance);
        for (que, filas) in cuentas {
            writeln!(stdout(), "{filas:>10}  {que}")?;
        }
        Ok(ExitCode::SUCCESS)
    })
    .await
}

/// Hace administrador a un usuario, o deja de hacerlo.
pub async fn cambiar_administrador(opciones: Opciones, id: IdUsuario, conceder: bool) -> Resultado {
    con_base(opciones, async |conexiones, _| {
        if conceder {
            conceder_administracion(&conexiones, id).await?;
        } else {
            retirar_administracion(&conexiones, id).await?;
        }
        writeln!(stdout(), "El usuario {id} {} administrador.", if conceder { "es" } else { "no es" })?;
        Ok(ExitCode::SUCCESS)
    })
    .await
}
