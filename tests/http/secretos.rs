//! Ningún secreto sale en una respuesta, un registro o un mensaje: contraseñas, claves y fichas.

use serde_json::{Value, json};

use crate::apoyo::{PASSWORD, Prueba, id, reserva_de, usuario};
use crate::cerrado::{CLAVE, Cerrada, iniciar_sesion};
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

/// Todo lo que se hace con fichas y claves, también mal; da cada respuesta, salvo la que lleva la ficha, y la ficha.
async fn usar_lo_cerrado(cerrada: &Cerrada) -> (Vec<Respuesta>, String) {
    let ana = cerrada.sesion("ana@ejemplo.co").await;
    let ruta = format!("/clientes/usuario/{}", ana.id);
    let casi = format!("{}x", ana.ficha);
    let respuestas = vec![
        cerrada.get(&ruta, &ana.ficha).await,
        cerrada.post("/vuelos/reserva-comando", &ana.ficha, &crate::apoyo::reserva()).await,
        cerrada.get("/clientes/usuario", &ana.ficha).await,
        cerrada.get("/clientes/usuario", CLAVE).await,
        cerrada.get("/clientes/usuario", &format!("{CLAVE}x")).await,
        cerrada.get(&ruta, &casi).await,
        cerrada.get("/spec", CLAVE).await,
        cerrada.ordenar(&format!("{ruta}/desactivar"), &ana.ficha).await,
        cerrada.get(&ruta, &ana.ficha).await,
        iniciar_sesion(&cerrada.0.servicio, "ana@ejemplo.co", PASSWORD).await,
    ];
    (respuestas, ana.ficha)
}

#[tokio::test]
async fn ni_la_clave_de_servicio_ni_las_fichas_ni_sus_claves_salen_por_ninguna_parte() {
    let cerrada = Cerrada::con(&[("RUST_LOG", "trace")]).await;
    let (respuestas, ficha) = usar_lo_cerrado(&cerrada).await;
    let estados: Vec<_> = respuestas.iter().map(|respuesta| respuesta.estado).collect();
    assert_eq!(estados, [200, 202, 403, 200, 401, 401, 200, 200, 401, 401]);
    let servicio = &cerrada.0.servicio;
    servicio.pedir_que_pare();
    servicio.registros.esperar("se pidió parar").await;

    let mut conexion = cerrada.0.base.conectar().await;
    let leer = "SELECT encode(valor, 'hex'), rtrim(encode(valor, 'base64'), '=') FROM claves_fichas";
    let (hexadecimal, base64): (String, String) = sqlx::query_as(leer).fetch_one(&mut conexion).await.unwrap();
    // De la ficha basta con su contenido cifrado: lo demás dice sólo qué es y con qué clave.
    let contenido = ficha.split('.').nth(2).unwrap();
    let donde = respuestas.iter().map(|respuesta| format!("{} {:?}", respuesta.texto, respuesta.cabeceras));
    let donde = donde.chain([servicio.registros.texto(), servicio.salida.texto()]);
    let donde = donde.chain([todas_las_tablas(&cerrada, "claves_fichas").await]);
    for (numero, texto) in donde.enumerate() {
        for secreto in [CLAVE, contenido, &hexadecimal, &base64] {
            assert!(!texto.contains(secreto), "un secreto aparece en la salida {numero}");
        }
    }
}

/// Lo guardado en todas las tablas salvo una, como texto.
async fn todas_las_tablas(cerrada: &Cerrada, salvo: &str) -> String {
    let mut conexion = cerrada.0.base.conectar().await;
    let sql = "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public' AND tablename <> $1";
    let tablas: Vec<String> = sqlx::query_scalar(sql).bind(salvo).fetch_all(&mut conexion).await.unwrap();
    assert!(tablas.len() > 8, "{tablas:?}");
    let mut texto = String::new();
    for tabla in tablas {
        let sql = sqlx::AssertSqlSafe(format!("SELECT t::text FROM {tabla} t"));
        texto += &sqlx::query_scalar::<_, String>(sql).fetch_all(&mut conexion).await.unwrap().join("\n");
    }
    texto
}
