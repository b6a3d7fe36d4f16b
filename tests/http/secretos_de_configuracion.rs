//! Lo secreto de la configuración no sale por ninguna parte, esté bien o mal puesto.

use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

use crate::comun::BaseDePrueba;
use crate::comun::servicio::{Servicio, ejecutar};

/// Se reconoce dondequiera que aparezca.
const SECRETO: &str = "zorzal7391secreto";

fn sin(secreto: &str, donde: &str, texto: &str) {
    // También como lista de números, que es como se ve una lista de bytes con `Debug`.
    let en_numeros = secreto.bytes().map(|b| b.to_string()).collect::<Vec<_>>().join(", ");
    assert!(!texto.contains(secreto) && !texto.contains(&en_numeros), "un secreto aparece en {donde}: {texto}");
}

/// Arranca con eso, que no sirve, y comprueba lo que dice.
async fn no_arranca(entorno: &[(&str, &str)], motivo: &str) {
    let fin = ejecutar(&["servir"], &[&[("RUST_LOG", "trace")], entorno].concat()).await;
    let dicho = [fin.stdout, fin.stderr].map(|salida| String::from_utf8(salida).unwrap()).join("\n");
    assert!(!fin.status.success() && dicho.contains(motivo), "{motivo}: {dicho}");
    sin(SECRETO, motivo, &dicho);
}

#[tokio::test]
async fn los_secretos_mal_puestos_no_salen_en_lo_que_se_dice_de_ellos() {
    let carpeta = tempfile::tempdir().unwrap();
    let archivo = |nombre: &str, texto: String| {
        let ruta = carpeta.path().join(nombre);
        std::fs::write(&ruta, texto).unwrap();
        ruta.to_str().unwrap().to_owned()
    };
    let base = BaseDePrueba::vacia().await;
    let buena = base.url();
    let (usuario, resto) = buena.split_once('@').unwrap();
    let clave_ajena = format!("{}:{SECRETO}@{resto}", usuario.rsplit_once(':').unwrap().0);
    let modo_raro = format!("postgres://yo:{SECRETO}@127.0.0.1/x?sslmode=raro");
    let (otra_base, sin_puerto) = (format!("mysql://yo:{SECRETO}@x/y"), format!("postgres://yo:{SECRETO}@x:puerto/y"));
    let (otro_broker, dos) = (format!("kafka://yo:{SECRETO}@x"), format!("{SECRETO} {SECRETO}"));
    let en_archivo = archivo("base", format!("{SECRETO}\n"));
    let ficha = archivo("ficha", dos.clone());
    let pulsar = ("PULSAR_URL", "pulsar://127.0.0.1:1");
    for (entorno, motivo) in [
        (&[("DATABASE_URL", &*otra_base)][..], "DATABASE_URL"),
        (&[("DATABASE_URL", &*sin_puerto)], "DATABASE_URL"),
        (&[("DATABASE_URL", &*modo_raro)], "DATABASE_URL"),
        (&[("DATABASE_URL_ARCHIVO", &*en_archivo)], "DATABASE_URL_ARCHIVO"),
        (&[("DATABASE_URL", &*clave_ajena)], "password authentication failed"),
        (&[("DATABASE_URL", &*buena), ("PULSAR_URL", &*otro_broker)], "PULSAR_URL"),
        (&[("DATABASE_URL", &*buena), pulsar, ("PULSAR_TOKEN", &*dos)], "PULSAR_TOKEN"),
        (&[("DATABASE_URL", &*buena), pulsar, ("PULSAR_TOKEN_ARCHIVO", &*ficha)], "PULSAR_TOKEN_ARCHIVO"),
        (
            &[("DATABASE_URL", &*buena), pulsar, ("PULSAR_TOKEN", SECRETO), ("PULSAR_TOKEN_ARCHIVO", &*ficha)],
            "PULSAR_TOKEN",
        ),
    ] {
        no_arranca(entorno, motivo).await;
    }
}

#[tokio::test]
async fn los_secretos_bien_puestos_no_salen_en_registros_ni_respuestas() {
    let (base, carpeta) = (BaseDePrueba::vacia().await, tempfile::tempdir().unwrap());
    let archivo = carpeta.path().join("direccion");
    std::fs::write(&archivo, format!("{}\n", base.url())).unwrap();
    let clave = base.url().parse::<url::Url>().unwrap().password().expect("la base no pide contraseña").to_owned();
    // Nadie que hable Pulsar: sólo se mira que la ficha llegue a salir hacia el bróker.
    let puerto = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let pulsar = format!("pulsar://{}", puerto.local_addr().unwrap());
    let entorno = [
        ("DATABASE_URL", ""),
        ("DATABASE_URL_ARCHIVO", archivo.to_str().unwrap()),
        ("PULSAR_URL", &*pulsar),
        ("PULSAR_TOKEN", SECRETO),
        ("RUST_LOG", "trace"),
    ];
    let mut servicio = Servicio::arrancar(&base, &entorno).await;
    let mut enviado = vec![0; 4096];
    let cuanto = puerto.accept().await.unwrap().0.read(&mut enviado).await.unwrap();
    assert!(enviado[..cuanto].windows(SECRETO.len()).any(|parte| parte == SECRETO.as_bytes()), "la ficha no se envía");
    drop(puerto);
    servicio.registros.esperar("Pulsar no está").await;
    let mut todo = vec![];
    for ruta in ["/health/ready", "/vuelos/reserva", "/spec", "/no-existe"] {
        let respuesta = servicio.get(ruta).await;
        todo.push((ruta, format!("{:?} {}", respuesta.cabeceras, respuesta.texto)));
    }
    servicio.pedir_que_pare();
    assert!(servicio.esperar_fin().await.success());
    todo.extend([("los registros", servicio.registros.texto()), ("la salida", servicio.salida.texto())]);
    for (donde, texto) in todo {
        sin(SECRETO, donde, &texto);
        sin(&clave, donde, &texto);
    }
}
