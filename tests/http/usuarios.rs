//! Registrar, leer, validar y desactivar usuarios.

use serde_json::{Value, json};

use crate::apoyo::{PASSWORD, Prueba, id, miembros, usuario};
use crate::comun::especificacion::es_fecha;

const RUTA: &str = "/clientes/usuario";
const DESCONOCIDO: &str = "00000000-0000-4000-8000-000000000000";

/// Una persona por registrar, con otro valor en ese miembro.
fn usuario_con(miembro: &str, valor: Value) -> Value {
    let mut cuerpo = usuario("ana@ejemplo.co");
    cuerpo[miembro] = valor;
    cuerpo
}

async fn registrados(prueba: &Prueba) -> i64 {
    prueba.base.contar("SELECT (SELECT count(*) FROM usuarios) + (SELECT count(*) FROM bandeja_salida)").await
}

#[tokio::test]
async fn un_usuario_registrado_tiene_direccion_y_se_lee_por_ella_y_por_su_email() {
    let prueba = Prueba::nueva().await;
    let respuesta = prueba.servicio.post(RUTA, &usuario("Ana@Ejemplo.co")).await;
    let direccion = respuesta.cabecera("location").map(str::to_owned);
    let creado = respuesta.con(201);
    assert_eq!(direccion, Some(format!("{RUTA}/{}", id(&creado))));
    let esperados =
        ["apellidos", "email", "es_empresarial", "estado", "fecha_actualizacion", "fecha_creacion", "id", "nombres"];
    assert_eq!(miembros(&creado), esperados);
    assert!(es_fecha(creado["fecha_creacion"].as_str().unwrap()));
    let mut esperado = usuario("Ana@Ejemplo.co");
    esperado.as_object_mut().unwrap().remove("password");
    for (miembro, valor) in esperado.as_object().unwrap() {
        assert_eq!(creado[miembro], *valor);
    }
    assert_eq!(creado["estado"], "registrado");
    for ruta in [direccion.unwrap(), format!("{RUTA}?email=Ana@Ejemplo.co"), format!("{RUTA}?email=aNA%40ejemplo.CO")] {
        assert_eq!(prueba.servicio.get(&ruta).await.con(200), creado, "{ruta}");
    }
    assert_eq!(prueba.eventos("UsuarioRegistrado", &id(&creado)).await, 1);
}

#[tokio::test]
async fn una_persona_y_una_empresa_se_identifican_con_lo_suyo() {
    let prueba = Prueba::nueva().await;
    let mut persona = usuario("persona@ejemplo.co");
    persona["cedula"] = "1020304050".into();
    persona["fecha_nacimiento"] = "1990-05-17".into();
    persona["rut"] = Value::Null;
    persona["fecha_constitucion"] = Value::Null;
    prueba.servicio.post(RUTA, &persona).await.con(201);
    let mut empresa = usuario("empresa@ejemplo.co");
    empresa["es_empresarial"] = true.into();
    empresa["rut"] = "900.123.456-7".into();
    empresa["fecha_constitucion"] = "2001-02-03".into();
    assert_eq!(prueba.servicio.post(RUTA, &empresa).await.con(201)["es_empresarial"], true);
    let guardados = "SELECT count(*) FROM usuarios WHERE (email, es_empresarial, identificacion, fecha_origen) IN \
                     (('persona@ejemplo.co', false, '1020304050', date '1990-05-17'), \
                      ('empresa@ejemplo.co', true, '900.123.456-7', date '2001-02-03'))";
    assert_eq!(prueba.base.contar(guardados).await, 2);
}

#[tokio::test]
async fn cada_regla_de_un_usuario_se_explica_y_no_guarda_nada() {
    const SUYO: &str = "IdentificacionDeSuTipo - Una persona se identifica con cedula y fecha_nacimiento; una empresa, con rut y \
         fecha_constitucion";
    const OBLIGATORIO: &str = "TextoObligatorio - El texto no puede estar vacío";
    const EMAIL: &str = "EmailValido - El e-mail no es válido";
    const FUTURO: &str = "FechaPasada - La fecha no puede estar en el futuro";
    let prueba = Prueba::nueva().await;
    let empresa = |miembro: &str, valor: &str| {
        let mut cuerpo = usuario_con(miembro, valor.into());
        cuerpo["es_empresarial"] = true.into();
        cuerpo
    };
    for (cuerpo, error, puntero) in [
        (usuario_con("nombres", "".into()), OBLIGATORIO, "/nombres"),
        (usuario_con("apellidos", " \u{a0}".into()), OBLIGATORIO, "/apellidos"),
        (usuario_con("cedula", "".into()), OBLIGATORIO, "/cedula"),
        (usuario_con("email", "".into()), EMAIL, "/email"),
        (usuario_con("email", "ana".into()), EMAIL, "/email"),
        (usuario_con("email", "ana@ejemplo".into()), EMAIL, "/email"),
        (usuario_con("email", "Ana <ana@ejemplo.co>".into()), EMAIL, "/email"),
        (usuario_con("email", "ana@@ejemplo.co".into()), EMAIL, "/email"),
        (usuario_con("rut", "1".into()), SUYO, "/rut"),
        (usuario_con("fecha_constitucion", "2001-02-03".into()), SUYO, "/fecha_constitucion"),
        (empresa("cedula", "1"), SUYO, "/cedula"),
        (empresa("fecha_nacimiento", "2001-02-03"), SUYO, "/fecha_nacimiento"),
        (usuario_con("fecha_nacimiento", "9999-12-31".into()), FUTURO, "/fecha_nacimiento"),
        (empresa("fecha_constitucion", "9999-12-31"), FUTURO, "/fecha_constitucion"),
    ] {
        prueba.servicio.post(RUTA, &cuerpo).await.regla_rota(error, puntero);
    }
    assert_eq!(registrados(&prueba).await, 0);
}

#[tokio::test]
async fn un_usuario_que_no_tiene_la_forma_debida_se_senala() {
    let prueba = Prueba::nueva().await;
    let por_posicion = json!(["Ana", "Pérez", "ana@ejemplo.co", PASSWORD, false]);
    for cuerpo in [json!(null), json!([]), json!("x"), por_posicion] {
        prueba.servicio.post(RUTA, &cuerpo).await.dato_invalido("");
    }
    for miembro in ["nombres", "apellidos", "email", "password", "es_empresarial"] {
        let mut cuerpo = usuario("ana@ejemplo.co");
        cuerpo.as_object_mut().unwrap().remove(miembro);
        prueba.servicio.post(RUTA, &cuerpo).await.dato_invalido(&format!("/{miembro}"));
        for malo in [json!(null), json!(7), json!(["x"])] {
            prueba.servicio.post(RUTA, &usuario_con(miembro, malo)).await.dato_invalido(&format!("/{miembro}"));
        }
    }
    for (miembro, malo) in [
        ("cedula", json!(1_020_304_050)),
        ("rut", json!(true)),
        ("fecha_nacimiento", json!("17/05/1990")),
        ("fecha_nacimiento", json!("1990-02-30")),
        ("fecha_nacimiento", json!("10000-01-01")),
        ("fecha_constitucion", json!(2001)),
        ("es_empresarial", json!("no")),
    ] {
        prueba.servicio.post(RUTA, &usuario_con(miembro, malo)).await.dato_invalido(&format!("/{miembro}"));
    }
    assert_eq!(registrados(&prueba).await, 0);
}

#[tokio::test]
async fn una_contrasena_tiene_de_ocho_a_128_caracteres_y_ninguno_de_control() {
    const ERROR: &str = "ContrasenaValida - La contraseña debe tener de 8 a 128 caracteres y ninguno de control";
    let prueba = Prueba::nueva().await;
    let con = |password: String| usuario_con("password", password.into());
    for mala in [String::new(), "ñ".repeat(7), "ñ".repeat(129), "con\tcontrol".into(), "con\u{0}nulo-y-larga".into()]
    {
        prueba.servicio.post(RUTA, &con(mala)).await.regla_rota(ERROR, "/password");
    }
    assert_eq!(registrados(&prueba).await, 0);
    for (numero, buena) in ["ñ".repeat(8), "ñ".repeat(128), " con espacios ".into()].into_iter().enumerate() {
        let mut cuerpo = con(buena);
        cuerpo["email"] = format!("ana{numero}@ejemplo.co").into();
        prueba.servicio.post(RUTA, &cuerpo).await.con(201);
    }
}

#[tokio::test]
async fn un_email_en_uso_da_409_tambien_si_solo_cambian_las_mayusculas() {
    let prueba = Prueba::nueva().await;
    prueba.registrar("ana@ejemplo.co").await;
    let antes = registrados(&prueba).await;
    for repetido in ["ana@ejemplo.co", "ANA@Ejemplo.CO"] {
        let respuesta = prueba.servicio.post(RUTA, &usuario(repetido)).await;
        let problema = respuesta.problema(409, "email-en-uso");
        assert_eq!(problema["puntero"], "/email");
        assert_eq!(problema["error"], "EmailUnico - Ya existe un usuario con ese e-mail");
    }
    assert_eq!(registrados(&prueba).await, antes);

    let nuevo = usuario("luis@ejemplo.co");
    let (uno, otro) = tokio::join!(prueba.servicio.post(RUTA, &nuevo), prueba.servicio.post(RUTA, &nuevo));
    let mut estados = [uno.estado, otro.estado];
    estados.sort_unstable();
    assert_eq!(estados, [201, 409]);
}

#[tokio::test]
async fn un_usuario_desconocido_o_mal_nombrado_no_existe() {
    let prueba = Prueba::nueva().await;
    let codigo = json!({"codigo": "00000000"});
    prueba.servicio.get(&format!("{RUTA}/{DESCONOCIDO}")).await.problema(404, "usuario-no-existe");
    prueba.servicio.get(&format!("{RUTA}/{DESCONOCIDO}/reservas")).await.problema(404, "usuario-no-existe");
    prueba.servicio.ordenar(&format!("{RUTA}/{DESCONOCIDO}/desactivar")).await.problema(404, "usuario-no-existe");
    prueba.servicio.ordenar(&format!("{RUTA}/{DESCONOCIDO}/codigo")).await.problema(404, "usuario-no-existe");
    prueba.servicio.borrar(&format!("{RUTA}/{DESCONOCIDO}")).await.problema(404, "usuario-no-existe");
    prueba.servicio.post(&format!("{RUTA}/{DESCONOCIDO}/validar"), &codigo).await.problema(404, "usuario-no-existe");
    prueba.servicio.get(&format!("{RUTA}?email=nadie@ejemplo.co")).await.problema(404, "usuario-no-existe");
    prueba.servicio.get(&format!("{RUTA}?email=nadie")).await.parametro_invalido("email");
    prueba.servicio.get(&format!("{RUTA}/x")).await.problema(404, "no-existe");
    prueba.servicio.get(&format!("{RUTA}/x/reservas")).await.problema(404, "no-existe");
    prueba.servicio.ordenar(&format!("{RUTA}/x/desactivar")).await.problema(404, "no-existe");
    prueba.servicio.ordenar(&format!("{RUTA}/x/codigo")).await.problema(404, "no-existe");
    prueba.servicio.borrar(&format!("{RUTA}/x")).await.problema(404, "no-existe");
    prueba.servicio.post(&format!("{RUTA}/x/validar"), &codigo).await.problema(404, "no-existe");
}

#[tokio::test]
async fn el_codigo_que_se_entrega_valida_una_sola_vez() {
    let prueba = Prueba::nueva().await;
    let usuario = prueba.registrar("ana@ejemplo.co").await;
    let (ruta, codigo) = (format!("{RUTA}/{usuario}/validar"), prueba.servicio.codigo_de(&usuario).await);
    assert!(codigo.len() == 10 && codigo.bytes().all(|b| b.is_ascii_alphanumeric()), "{codigo}");
    let sin_final = &codigo[..9];
    let casi = format!("{sin_final}{}", if codigo.ends_with('A') { 'B' } else { 'A' });
    for malo in [&casi, sin_final, &format!("{codigo}A"), &format!(" {codigo}")] {
        let respuesta = prueba.servicio.post(&ruta, &json!({"codigo": malo})).await;
        let problema = respuesta.problema(400, "codigo-incorrecto");
        assert_eq!(problema["error"], "CodigoValido - El código de validación no es correcto");
        assert_eq!(problema["puntero"], "/codigo");
    }
    prueba.servicio.post(&ruta, &json!({})).await.dato_invalido("/codigo");
    prueba.servicio.post(&ruta, &json!({"codigo": 12_345_678})).await.dato_invalido("/codigo");
    assert_eq!(prueba.eventos("UsuarioValidado", &usuario).await, 0);

    // A mano se escribe también en minúsculas.
    let validado = prueba.servicio.post(&ruta, &json!({"codigo": codigo.to_lowercase()})).await.con(200);
    assert_eq!((&validado["id"], &validado["estado"]), (&usuario.clone().into(), &"validado".into()));
    assert_eq!(prueba.servicio.get(&format!("{RUTA}/{usuario}")).await.con(200), validado);
    let respuesta = prueba.servicio.post(&ruta, &json!({"codigo": codigo})).await;
    let problema = respuesta.problema(409, "cambio-no-permitido");
    assert_eq!(problema["error"], "CambioPermitido - Un usuario validado no puede pasar a validado");
    assert_eq!(prueba.eventos("UsuarioValidado", &usuario).await, 1);
}

#[tokio::test]
async fn el_codigo_de_otro_usuario_no_sirve() {
    let prueba = Prueba::nueva().await;
    let (ana, luis) = (prueba.registrar("ana@ejemplo.co").await, prueba.registrar("luis@ejemplo.co").await);
    let de_luis = prueba.servicio.codigo_de(&luis).await;
    let respuesta = prueba.servicio.post(&format!("{RUTA}/{ana}/validar"), &json!({"codigo": de_luis})).await;
    respuesta.problema(400, "codigo-incorrecto");
}

#[tokio::test]
async fn un_usuario_se_desactiva_desde_cualquier_estado_y_para_siempre() {
    let prueba = Prueba::nueva().await;
    let (registrado, validado) = (prueba.registrar("ana@ejemplo.co").await, prueba.registrar("luis@ejemplo.co").await);
    let codigo = json!({"codigo": prueba.servicio.codigo_de(&validado).await});
    prueba.servicio.post(&format!("{RUTA}/{validado}/validar"), &codigo).await.con(200);
    for usuario in [&registrado, &validado] {
        let ruta = format!("{RUTA}/{usuario}");
        let desactivado = prueba.servicio.ordenar(&format!("{ruta}/desactivar")).await.con(200);
        assert_eq!(desactivado["estado"], "desactivado");
        assert_eq!(prueba.servicio.get(&ruta).await.con(200), desactivado);
        let respuesta = prueba.servicio.ordenar(&format!("{ruta}/desactivar")).await;
        let problema = respuesta.problema(409, "cambio-no-permitido");
        assert_eq!(problema["error"], "CambioPermitido - Un usuario desactivado no puede pasar a desactivado");
        assert_eq!(prueba.eventos("UsuarioDesactivado", usuario).await, 1);
    }
    let codigo = json!({"codigo": prueba.servicio.codigo_de(&registrado).await});
    let respuesta = prueba.servicio.post(&format!("{RUTA}/{registrado}/validar"), &codigo).await;
    respuesta.problema(409, "cambio-no-permitido");
    // Quien se fue conserva su e-mail.
    prueba.servicio.post(RUTA, &usuario("ana@ejemplo.co")).await.problema(409, "email-en-uso");
}
