//! Una línea de registro como objeto JSON. Se escribe directamente: el formato de `tracing-subscriber` guarda los datos de
//! cada span como JSON y los vuelve a leer en cada línea.

use std::fmt::{self, Debug, Write};

use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

use super::Traza;

/// Los datos de un span o de un evento, como miembros de un objeto: `"a":1,"b":"x"`.
pub struct Miembros;

impl<'a> FormatFields<'a> for Miembros {
    fn format_fields<R: RecordFields>(&self, salida: Writer<'a>, datos: R) -> fmt::Result {
        let mut escritor = Escritor { salida, separador: "", resultado: Ok(()) };
        datos.record(&mut escritor);
        escritor.resultado
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
            let escrita = spans
                .find_map(|span| Some(write!(salida, "\"trace_id\":\"{}\",", span.extensions().get::<Traza>()?.0)));
            escrita.transpose()?;
        }
        salida.write_str("\"timestamp\":\"")?;
        SystemTime.format_time(&mut salida)?;
        write!(salida, "\",\"level\":\"{}\",", evento.metadata().level())?;
        Miembros.format_fields(salida.by_ref(), evento)?;
        write!(salida, ",\"target\":\"{}\"", evento.metadata().target())?;
        if let Some(span) = contexto.lookup_current() {
            salida.write_str(",\"span\":{")?;
            if let Some(datos) = span.extensions().get::<FormattedFields<Miembros>>().filter(|datos| !datos.is_empty())
            {
                write!(salida, "{datos},")?;
            }
            write!(salida, "\"name\":\"{}\"}}", span.name())?;
        }
        salida.write_str("}\n")
    }
}

struct Escritor<'a> {
    salida: Writer<'a>,
    separador: &'static str,
    resultado: fmt::Result,
}

impl Escritor<'_> {
    fn miembro(&mut self, campo: &Field, valor: impl FnOnce(&mut Writer<'_>) -> fmt::Result) {
        if self.resultado.is_ok() {
            let nombre = campo.name().trim_start_matches("r#");
            let escrito = write!(self.salida, "{}\"{nombre}\":", self.separador);
            self.resultado = escrito.and_then(|()| valor(&mut self.salida));
            self.separador = ",";
        }
    }
}

impl Visit for Escritor<'_> {
    fn record_f64(&mut self, campo: &Field, valor: f64) {
        // JSON no sabe decir que algo no es un número.
        self.miembro(campo, |s| if valor.is_finite() { write!(s, "{valor:?}") } else { s.write_str("null") });
    }

    fn record_i64(&mut self, campo: &Field, valor: i64) {
        self.miembro(campo, |s| write!(s, "{valor}"));
    }

    fn record_u64(&mut self, campo: &Field, valor: u64) {
        self.miembro(campo, |s| write!(s, "{valor}"));
    }

    fn record_bool(&mut self, campo: &Field, valor: bool) {
        self.miembro(campo, |s| write!(s, "{valor}"));
    }

    fn record_str(&mut self, campo: &Field, valor: &str) {
        self.miembro(campo, |s| entre_comillas(s, |texto| texto.write_str(valor)));
    }

    fn record_debug(&mut self, campo: &Field, valor: &dyn Debug) {
        self.miembro(campo, |s| entre_comillas(s, |texto| write!(texto, "{valor:?}")));
    }
}

fn entre_comillas(
    salida: &mut Writer<'_>,
    escribir: impl FnOnce(&mut Texto<'_, Writer<'_>>) -> fmt::Result,
) -> fmt::Result {
    salida.write_char('"')?;
    escribir(&mut Texto(salida))?;
    salida.write_char('"')
}

/// Lo que se escribe aquí sale como el interior de un texto de JSON (RFC 8259, sección 7).
struct Texto<'a, W>(&'a mut W);

impl<W: Write> Write for Texto<'_, W> {
    fn write_str(&mut self, texto: &str) -> fmt::Result {
        let especial = |letra: char| matches!(letra, '"' | '\\' | '\0'..' ');
        for tramo in texto.split_inclusive(especial) {
            let mut letras = tramo.chars();
            match letras.next_back().filter(|ultima| especial(*ultima)) {
                None => self.0.write_str(tramo)?,
                Some(ultima) => {
                    self.0.write_str(letras.as_str())?;
                    match ultima {
                        '\n' => self.0.write_str("\\n")?,
                        '\t' => self.0.write_str("\\t")?,
                        '\0'..' ' => write!(self.0, "\\u{:04x}", u32::from(ultima))?,
                        visible => write!(self.0, "\\{visible}")?,
                    }
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod pruebas {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn un_texto_cualquiera_se_lee_igual(texto in "(?s).{0,40}", control in proptest::char::range('\0', '\u{7f}')) {
            let texto = format!("{texto}{control}\"\\{texto}");
            let mut escrito = String::from("\"");
            Texto(&mut escrito).write_str(&texto).unwrap();
            escrito.push('"');
            prop_assert_eq!(serde_json::from_str::<String>(&escrito).unwrap(), texto);
        }
    }
}
