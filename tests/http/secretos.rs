//! Ni la contraseña ni su cifrado salen en una respuesta, un registro o un mensaje.

use serde_json::{Value, json};

use crate::apoyo::{PASSWORD, Prueba, id, reserva_de, usuario};
use crate::comun::servicio::Respuesta;

/// Todo lo que un usuario puede hacer, también mal; da cada respuesta.
async fn usarlo_todo(prueba: &Prueba) -> Vec<Respuesta> {
    let servicio = &prueba.servicio;
    let credenciales = json!({"email": "ana@ejemplo.co", "password": PASSWORD});
    let mut equivocadas = usuario("luis@ejemplo.co");
    equivocadas["password"] = json!({PASSWORD: PASSWORD});
    let mut con_otro_tipo = usuario("luis@ejemplo.co");
    con_otro_tipo["es_empresarial"] = PASSWORD.into();
    let mut larga = usuario("luis@ejemplo.co");
    larga["password"] = PASSWORD.repeat(20).into();
    let creado = servicio.post("/clientes/usuario", &usuario("ana@ejemplo.co")).await;
    let ana = id(&creado.cuerpo);
    let ruta = format!("/clientes/usuario/{ana}");
    let codigo = json!({"codigo": servicio.codigo_de(&ana).await});
    let partido = &credenciales.to_string()[..50];
    vec![
        creado,
        servicio.post("/clientes/usuario", &usuario("ana@ejemplo.co")).await,
        servicio.post("/clientes/usuario", &equivocadas).await,
        servicio.post("/clientes/usuario", &con_otro_tipo).await,
        servicio.post("/clientes/usuario", &larga).await,
        servicio.post_texto("/clientes/sesion", Some("application/json"), partido).await,
        servicio.post_texto("/clientes/sesion", Some("text/plain"), credenciales.to_string()).await,
        servicio.post("/clientes/sesion", &credenciales).await,
        servicio.post(&format!("{ruta}/validar"), &codigo).await,
        servicio.post("/vuelos/reserva", &reserva_de(&ana)).await,
        servicio.get(&ruta).await,
        servicio.get("/clientes/usuario?email=ana@ejemplo.co").await,
        servicio.get("/clientes/usuario").await,
        servicio.get(&format!("{ruta}/reservas")).await,
        servicio.ordenar(&format!("{ruta}/desactivar")).await,
        servicio.post("/clientes/sesion", &credenciales).await,
    ]
}

#[tokio::test]
async fn la_contrasena_y_su_cifrado_no_salen_por_ninguna_parte() {
    let prueba = Prueba::con(&[("RUST_LOG", "trace")]).await;
    let respuestas = usarlo_todo(&prueba).await;
    let estados: Vec<_> = respuestas.iter().map(|respuesta| respuesta.estado).collect();
    assert_eq!(estados, [201, 409, 400, 400, 400, 400, 415, 200, 200, 200, 200, 200, 200, 200, 200, 401]);
    prueba.servicio.pedir_que_pare();
    prueba.servicio.registros.esperar("se pidió parar").await;

    let cifrada = "SELECT count(*) FROM usuarios WHERE contrasena LIKE '$argon2id$v=19$m=19456,t=2,p=1$%'";
    assert_eq!(prueba.base.contar(cifrada).await, 1, "lo que se busca es lo que se guarda");
    for respuesta in &respuestas {
        sin_secretos("una respuesta", &respuesta.texto);
        sin_secretos("una cabecera", &format!("{:?}", respuesta.cabeceras));
    }
    sin_secretos("los registros", &prueba.servicio.registros.texto());
    sin_secretos("la salida", &prueba.servicio.salida.texto());
    for secreto in [PASSWORD, "argon2", "ana@ejemplo.co", "Ana María", "Pérez"] {
        let sql =
            format!("SELECT count(*) FROM bandeja_salida WHERE position(convert_to('{secreto}', 'UTF8') IN datos) > 0");
        assert_eq!(prueba.base.contar(&sql).await, 0, "{secreto} salió en un mensaje");
    }
    assert_eq!(prueba.base.contar("SELECT count(*) FROM bandeja_salida").await, 4);
}

#[track_caller]
fn sin_secretos(donde: &str, texto: &str) {
    // JSON puede escribir la contraseña con escapes: basta con su parte ASCII.
    for secreto in [PASSWORD, "creta-7391", "$argon2", "argon2id$"] {
        assert!(!texto.contains(secreto), "{secreto} aparece en {donde}");
    }
}

#[tokio::test]
async fn los_registros_no_llevan_datos_personales() {
    let prueba = Prueba::nueva().await;
    usarlo_todo(&prueba).await;
    prueba.servicio.get("/health/live").await.con(200);
    prueba.servicio.registros.esperar("/health/live").await;
    let registros = prueba.servicio.registros.texto();
    for dato in ["ana@ejemplo.co", "ana%40ejemplo.co", "Ana María", "Pérez"] {
        assert!(!registros.contains(dato), "{dato} está en los registros");
    }
    let lineas: Vec<Value> = registros.lines().map(|linea| serde_json::from_str(linea).unwrap()).collect();
    assert!(lineas.iter().any(|linea| linea["span"]["ruta"] == "/clientes/sesion"), "{registros}");
}
