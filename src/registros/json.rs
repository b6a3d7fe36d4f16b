//! Una línea de registro como objeto JSON. Se escribe directamente: el formato de `tracing-subscriber` guarda los datos de
//! cada span como JSON y los vuelve a leer en cada línea.

use std::fmt::{self, Debug, Write};

use serde::Serialize;
use tracing::field::{Field, Visit};
use tracing::span::Record;
use tracing::{Event, Subscriber};
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

use super::Traza;

/// Lo que se reserva para los datos de un span o de un evento: lo que ocupan los de una solicitud.
const MEMORIA: usize = 256;

/// Los datos de un span o de un evento, como miembros de un objeto: `"a":1,"b":"x"`.
pub struct Miembros;

impl<'a> FormatFields<'a> for Miembros {
    fn format_fields<R: RecordFields>(&self, mut salida: Writer<'a>, datos: R) -> fmt::Result {
        let mut escritor = Escritor { miembros: Vec::with_capacity(MEMORIA), resultado: Ok(()) };
        datos.record(&mut escritor);
        escritor.resultado.map_err(|_| fmt::Error)?;
        salida.write_str(str::from_utf8(&escritor.miembros).map_err(|_| fmt::Error)?)
    }

    fn add_fields(&self, anteriores: &'a mut FormattedFields<Self>, datos: &Record<'_>) -> fmt::Result {
        if !anteriores.fields.is_empty() {
            anteriores.fields.push(',');
        }
        self.format_fields(anteriores.as_writer(), datos)
    }
}

/// La línea entera. El `trace_id` del span más cercano que lo diga va por delante: está en toda línea que nazca de una
/// solicitud o de un mensaje, por hondo que sea el span.
pub struct Linea;

impl<S> FormatEvent<S, Miembros> for Linea
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn format_event(
        &self,
        contexto: &FmtContext<'_, S, Miembros>,
        mut salida: Writer<'_>,
        evento: &Event<'_>,
    ) -> fmt::Result {
        salida.write_char('{')?;
        if let Some(mut spans) = contexto.event_scope() {
            let escrita = spans.find_map(|span| {
                let datos = span.extensions();
                Some(seguidos(&mut salida, ["\"trace_id\":\"", &datos.get::<Traza>()?.0, "\","]))
            });
            escrita.transpose()?;
        }
        salida.write_str("\"timestamp\":\"")?;
        SystemTime.format_time(&mut salida)?;
        seguidos(&mut salida, ["\",\"level\":\"", evento.metadata().level().as_str(), "\","])?;
        Miembros.format_fields(salida.by_ref(), evento)?;
        seguidos(&mut salida, [",\"target\":\"", evento.metadata().target(), "\""])?;
        if let Some(span) = contexto.lookup_current() {
            salida.write_str(",\"span\":{")?;
            if let Some(datos) = span.extensions().get::<FormattedFields<Miembros>>().filter(|datos| !datos.is_empty())
            {
                seguidos(&mut salida, [&datos.fields, ","])?;
            }
            seguidos(&mut salida, ["\"name\":\"", span.name(), "\"}"])?;
        }
        salida.write_str("}\n")
    }
}

/// Escribe esos textos, uno tras otro. No es `write!`, que cuesta varias veces más, y esto se hace en cada solicitud.
fn seguidos<const N: usize>(salida: &mut Writer<'_>, textos: [&str; N]) -> fmt::Result {
    textos.iter().try_for_each(|texto| salida.write_str(texto))
}

struct Escritor {
    miembros: Vec<u8>,
    resultado: serde_json::Result<()>,
}

impl Escritor {
    fn miembro(&mut self, campo: &Field, valor: impl Serialize) {
        if self.resultado.is_ok() {
            let (nombre, separador) = (campo.name(), if self.miembros.is_empty() { "\"" } else { ",\"" });
            for parte in [separador, nombre.strip_prefix("r#").unwrap_or(nombre), "\":"] {
                self.miembros.extend_from_slice(parte.as_bytes());
            }
            self.resultado = serde_json::to_writer(&mut self.miembros, &valor);
        }
    }
}

impl Visit for Escritor {
    fn record_f64(&mut self, campo: &Field, valor: f64) {
        self.miembro(campo, valor);
    }

    fn record_i64(&mut self, campo: &Field, valor: i64) {
        self.miembro(campo, valor);
    }

    fn record_u64(&mut self, campo: &Field, valor: u64) {
        self.miembro(campo, valor);
    }

    fn record_bool(&mut self, campo: &Field, valor: bool) {
        self.miembro(campo, valor);
    }

    fn record_str(&mut self, campo: &Field, valor: &str) {
        self.miembro(campo, valor);
    }

    fn record_debug(&mut self, campo: &Field, valor: &dyn Debug) {
        // Aparte, y no con `format_args!`: a serde_json, lo que dice que no se puede mostrar lo hace entrar en pánico.
        let mut texto = String::new();
        let mostrado = write!(texto, "{valor:?}");
        self.miembro(campo, mostrado.map_or("no se puede mostrar", |()| &texto));
    }
}

#[cfg(test)]
mod pruebas {
    use std::io;
    use std::sync::{Arc, Mutex};

    use proptest::prelude::*;
    use serde_json::{Value, json};
    use tracing::{info, info_span};
    use tracing_subscriber::layer::SubscriberExt;

    use super::super::AnotarTraza;
    use super::*;

    #[derive(Clone, Default)]
    struct Escrito(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Escrito {
        fn write(&mut self, texto: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(texto)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// La línea que deja lo que se registre ahí.
    fn linea(registrar: impl FnOnce()) -> Value {
        let escrito = Escrito::default();
        let salida = escrito.clone();
        let capa = tracing_subscriber::fmt::layer().with_writer(move || salida.clone());
        let registro =
            tracing_subscriber::registry().with(AnotarTraza).with(capa.fmt_fields(Miembros).event_format(Linea));
        tracing::subscriber::with_default(registro, registrar);
        let escrito = escrito.0.lock().unwrap();
        serde_json::from_slice(escrito.strip_suffix(b"\n").unwrap()).unwrap()
    }

    proptest! {
        #[test]
        fn un_texto_cualquiera_se_lee_igual(texto in "(?s).{0,40}", control in proptest::char::range('\0', '\u{7f}')) {
            let texto = format!("{texto}{control}\"\\{texto}");
            let leida = linea(|| {
                let _dentro = info_span!("dentro", r#type = texto).entered();
                info!(r#type = texto, de_mostrar = %texto, "{texto}");
            });
            for valor in [&leida["type"], &leida["de_mostrar"], &leida["message"], &leida["span"]["type"]] {
                prop_assert_eq!(valor, &Value::from(texto.clone()));
            }
        }
    }

    #[test]
    fn lo_que_no_se_puede_mostrar_se_dice_y_lo_demas_sale() {
        struct Roto;
        impl Debug for Roto {
            fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
                Err(fmt::Error)
            }
        }
        let leida = linea(|| info!(roto = ?Roto, sano = 1, "algo"));
        assert_eq!((&leida["roto"], &leida["sano"]), (&json!("no se puede mostrar"), &json!(1)));
    }

    #[test]
    fn lo_que_se_anota_despues_va_con_lo_que_ya_tenia_el_span() {
        let leida = linea(|| {
            let span = info_span!("dentro", antes = 1, despues = tracing::field::Empty);
            span.record("despues", 2);
            span.in_scope(|| info!("algo"));
        });
        assert_eq!(leida["span"], json!({"name": "dentro", "antes": 1, "despues": 2}));
    }

    #[test]
    fn una_linea_es_un_objeto_con_lo_suyo_y_lo_de_su_span() {
        let mut leida = linea(|| {
            let _fuera = info_span!("fuera", trace_id = "4bf9").entered();
            let _dentro = info_span!("dentro").entered();
            info!(entero = -1, natural = 2_u64, decimal = 0.5, no_es_un_numero = f64::NAN, cierto = true, "algo");
        });
        assert!(leida.as_object_mut().unwrap().remove("timestamp").unwrap().is_string());
        let esperada = json!({
            "trace_id": "4bf9", "level": "INFO", "message": "algo", "entero": -1, "natural": 2, "decimal": 0.5,
            "no_es_un_numero": null, "cierto": true, "target": module_path!(), "span": {"name": "dentro"},
        });
        assert_eq!(leida, esperada);
    }
}
