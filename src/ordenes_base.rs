//! Las órdenes que trabajan sobre la base de datos y terminan; el servicio puede estar en marcha o no.

use std::io::{Write, stdout};
use std::process::ExitCode;

use aeroalpes::config::{Base, Config, Opciones};
use aeroalpes::registros;
use aeroalpes::seedwork::infraestructura::conexiones::Conexiones;
use aeroalpes::seedwork::infraestructura::migraciones::migrar;
use aeroalpes::seedwork::infraestructura::postgres_embebido::{Acceso, ErrorPostgres, PostgresEmbebido};
use aeroalpes::seedwork::infraestructura::purga::Purga;
use sqlx::postgres::PgConnectOptions;
use tokio_util::sync::CancellationToken;

use crate::ordenes::{Resultado, configurar};

/// Hace un trabajo sobre la base configurada, con el esquema al día. Si es la embebida y ya la tiene en marcha otro
/// proceso, trabaja a su lado, por su zócalo; si no, la arranca y la detiene.
pub async fn con_base(opciones: Opciones, trabajo: impl AsyncFnOnce(Conexiones, &Config) -> Resultado) -> Resultado {
    let config = configurar(opciones)?;
    let _registros = registros::empezar()?;
    let carpeta = match &config.base {
        Base::Externa(base) => return con_esquema(base, &config, trabajo).await,
        Base::Embebida(carpeta) => carpeta,
    };
    match PostgresEmbebido::arrancar(carpeta, Acceso::Zocalo).await {
        Ok(embebido) => {
            let hecho = con_esquema(&embebido.url().parse()?, &config, trabajo).await;
            embebido.detener().await?;
            hecho
        }
        Err(ErrorPostgres::CarpetaEnUso { .. }) => {
            let url = PostgresEmbebido::direccion_en_marcha(carpeta)?;
            con_esquema(&url.parse()?, &config, trabajo).await
        }
        Err(error) => Err(error.into()),
    }
}

async fn con_esquema(
    base: &PgConnectOptions,
    config: &Config,
    trabajo: impl AsyncFnOnce(Conexiones, &Config) -> Resultado,
) -> Resultado {
    migrar(base).await?;
    trabajo(Conexiones::nuevas(base.clone(), config.plazos_pg, 1, config.plazo_orden)?, config).await
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
        let cuentas = Purga::nueva(conexiones, config.guardar).pasada(&CancellationToken::new()).await?;
        for (que, filas) in cuentas {
            writeln!(stdout(), "{filas:>10}  {que}")?;
        }
        Ok(ExitCode::SUCCESS)
    })
    .await
}
