//! Cada rol hace lo suyo y nada más, con los dos buses; lo que le toca a otro espera a que llegue.

use crate::apoyo::{crear, en_calma, reserva, resultado};
use crate::broker::{Broker, cliente};
use crate::comun::servicio::{Servicio, ejecutar};
use crate::comun::{BaseDePrueba, hasta};

/// Por dónde van los mensajes en una prueba, y sobre qué base.
struct Escenario {
    base: BaseDePrueba,
    broker: Option<Broker>,
}

impl Escenario {
    async fn local() -> Self {
        Self { base: BaseDePrueba::vacia().await, broker: None }
    }

    async fn por_pulsar() -> Self {
        Self { broker: Some(Broker::en_espacio_propio().await), ..Self::local().await }
    }

    async fn instancia(&self, roles: &str) -> Servicio {
        let mut entorno = Vec::new();
        if let Some(broker) = &self.broker {
            entorno = vec![("PULSAR_URL", broker.url.as_str()), ("AEROALPES_PULSAR_ESPACIO", broker.espacio.as_str())];
        }
        let servicio = Servicio::arrancar_con(&self.base, &["servir", "--roles", roles], &entorno).await;
        let listo = async || servicio.get("/health/ready").await.cuerpo["estado"] == "listo";
        hasta(&format!("que {roles} esté listo"), listo).await;
        servicio
    }

    async fn filas(&self, que: &str) -> i64 {
        self.base.contar(&format!("SELECT count(*) FROM {que}")).await
    }
}

async fn sin_consumidor_un_202_espera(escenario: Escenario) {
    let api = escenario.instancia("api").await;
    let relevo = escenario.instancia("relevo").await;
    let aceptado = crear(&api).await;
    match &escenario.broker {
        Some(broker) => {
            let espera = async || broker.atraso("comandos-reserva", "aeroalpes-sub-comandos").await == 1;
            hasta("que el comando espere en el bróker", espera).await;
        }
        None => hasta("que el comando espere en las entregas", async || escenario.filas("entregas").await == 1).await,
    }
    // El relevo hizo lo suyo con otra cosa: no es que aún no haya tenido tiempo.
    api.post("/vuelos/reserva", &reserva()).await.con(200);
    let sin_publicar = "bandeja_salida WHERE publicada_en IS NULL";
    hasta("que salga el evento", async || escenario.filas(sin_publicar).await == 0).await;
    assert_eq!(api.get(&format!("/comandos/{}", aceptado.id_comando)).await.con(200)["estado"], "pendiente");
    assert_eq!(escenario.filas("carriles WHERE dueno IS NOT NULL").await, 0);
    let consumidor = escenario.instancia("consumidor").await;
    assert_eq!(resultado(&api, &aceptado.id_comando).await["estado"], "ejecutado");
    en_calma(&escenario.base).await;
    drop((relevo, consumidor));
}

async fn sin_relevo_la_bandeja_espera(escenario: Escenario) {
    let api = escenario.instancia("api,consumidor").await;
    let hecha = api.post("/vuelos/reserva", &reserva()).await.con(200);
    let aceptado = crear(&api).await;
    let sin_publicar = "bandeja_salida WHERE publicada_en IS NULL";
    if escenario.broker.is_some() {
        // El comando no pasa por la bandeja; su evento y el de la otra reserva, sí.
        assert_eq!(resultado(&api, &aceptado.id_comando).await["estado"], "ejecutado");
    } else {
        assert_eq!(api.get(&format!("/comandos/{}", aceptado.id_comando)).await.con(200)["estado"], "pendiente");
    }
    assert_eq!(escenario.filas(sin_publicar).await, 2, "{hecha}");
    assert_eq!(escenario.filas("carriles_relevo WHERE dueno IS NOT NULL").await, 0);
    let relevo = escenario.instancia("relevo").await;
    assert_eq!(resultado(&api, &aceptado.id_comando).await["estado"], "ejecutado");
    en_calma(&escenario.base).await;
    drop(relevo);
}

#[tokio::test]
async fn sin_consumidor_un_202_queda_pendiente_hasta_que_otra_instancia_lo_atiende() {
    sin_consumidor_un_202_espera(Escenario::por_pulsar().await).await;
}

#[tokio::test]
async fn con_el_bus_local_sin_consumidor_un_202_queda_pendiente_hasta_que_otra_instancia_lo_atiende() {
    sin_consumidor_un_202_espera(Escenario::local().await).await;
}

#[tokio::test]
async fn sin_relevo_lo_que_hay_que_publicar_espera_a_otra_instancia() {
    sin_relevo_la_bandeja_espera(Escenario::por_pulsar().await).await;
}

#[tokio::test]
async fn con_el_bus_local_sin_relevo_lo_que_hay_que_repartir_espera_a_otra_instancia() {
    sin_relevo_la_bandeja_espera(Escenario::local().await).await;
}

#[tokio::test]
async fn sin_api_solo_se_atiende_a_las_sondas() {
    let escenario = Escenario::local().await;
    // La primera, con todas las rutas: de ella se toma la especificación.
    let api = escenario.instancia("api").await;
    assert!(api.salida.esperar(" en http://").await.contains("/docs"));
    for roles in ["consumidor", "relevo", "consumidor,relevo"] {
        let servicio = escenario.instancia(roles).await;
        assert!(!servicio.salida.texto().contains("/docs"));
        for ruta in ["/health", "/health/live", "/health/ready"] {
            servicio.get(ruta).await.con(200);
        }
        for ruta in ["/vuelos/reserva", "/clientes/usuario", "/comandos/x", "/spec", "/docs", "/docs/", "/"] {
            let respuesta = cliente().get(format!("http://{}{ruta}", servicio.direccion())).send().await.unwrap();
            assert_eq!(respuesta.status(), 404, "{ruta}");
            assert_eq!(respuesta.headers()["content-type"], "application/problem+json", "{ruta}");
            assert!(respuesta.text().await.unwrap().contains("urn:aeroalpes:problema:ruta-no-existe"), "{ruta}");
        }
    }
}

#[tokio::test]
async fn los_roles_que_no_sirven_impiden_arrancar() {
    for (argumentos, entorno, dice) in [
        (&["servir", "--roles", "api,api"][..], &[][..], "--roles = «api,api»"),
        (&["servir", "--roles", ""], &[], "--roles"),
        (&["servir"], &[("AEROALPES_ROLES", "api,web")], "AEROALPES_ROLES = «api,web»"),
    ] {
        let fin = ejecutar(argumentos, entorno).await;
        let dicho = String::from_utf8_lossy(&fin.stderr);
        assert!(!fin.status.success() && dicho.contains(dice) && dicho.contains("consumidor"), "{dicho}");
    }
}
