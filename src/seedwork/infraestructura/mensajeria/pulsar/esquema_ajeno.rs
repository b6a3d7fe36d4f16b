//! Leer un esquema que escribió otro, sólo si acota la memoria que puede pedir un mensaje escrito con él.

use std::collections::HashMap;
use std::mem::size_of;

use apache_avro::Schema;
use apache_avro::schema::{EnumSchema, Name, RecordSchema};
use apache_avro::types::Value;

/// El esquema más grande que se acepta, en bytes.
const MAXIMO: usize = 64 * 1024;
/// Niveles de registros, listas y uniones que se aceptan, también a través de los nombres.
const NIVELES: usize = 32;
/// Lo más que puede ocupar al leerlo cada byte de un mensaje, en bytes. Un vuelo de los nuestros no llega a 170.
const MEMORIA_POR_BYTE: i64 = 256;
/// Lo más que puede ocupar al leerlo un mensaje sin nada, en bytes.
const MEMORIA_VACIO: i64 = 1024 * 1024;
/// Lo más que puede ocupar un dato de largo fijo, en bytes: el lector de Avro lo reserva antes de leerlo.
const FIJO: usize = 64 * 1024;

/// Lee un esquema ajeno.
///
/// # Errors
/// Por qué no se puede usar.
pub fn leer(json: &[u8]) -> Result<Schema, String> {
    if json.len() > MAXIMO {
        return Err("el esquema con que se escribió es demasiado grande".into());
    }
    let texto = std::str::from_utf8(json).map_err(|_| "el esquema con que se escribió no es texto".to_owned())?;
    let esquema = Schema::parse_str(texto).map_err(|_| "el esquema con que se escribió no es de Avro".to_owned())?;
    if Medidor::default().medir(&esquema).is_some_and(|medida| medida.sobra <= MEMORIA_VACIO) {
        Ok(esquema)
    } else {
        Err("el esquema con que se escribió no acota lo que puede ocupar un mensaje".into())
    }
}

/// Lo más que puede dar un esquema.
#[derive(Clone, Copy)]
struct Medida {
    /// Cuánta memoria, más allá de [`MEMORIA_POR_BYTE`] por cada byte leído.
    sobra: i64,
    /// Cuántos niveles.
    niveles: usize,
}

impl Medida {
    /// La de un valor suelto que ocupa algo en el mensaje y, además, esa memoria.
    fn suelto(memoria: usize) -> Self {
        Self { sobra: ocupa(size_of::<Value>() + memoria) - MEMORIA_POR_BYTE, niveles: 1 }
    }

    /// La de un valor que contiene otros.
    fn con(self, sobra: i64, niveles: usize) -> Option<Self> {
        let niveles = self.niveles + niveles;
        (niveles <= NIVELES).then(|| Self { sobra: self.sobra.saturating_add(sobra), niveles })
    }
}

fn ocupa(memoria: usize) -> i64 {
    i64::try_from(memoria).unwrap_or(i64::MAX)
}

/// Mide esquemas, y recuerda los que tienen nombre: sin medida mientras se miden, pues se contendrían a sí mismos.
#[derive(Default)]
struct Medidor {
    con_nombre: HashMap<Name, Option<Medida>>,
}

impl Medidor {
    /// La medida de un esquema, o nada si no acota lo que puede dar.
    fn medir(&mut self, esquema: &Schema) -> Option<Medida> {
        match esquema {
            Schema::Null => Some(Medida { sobra: ocupa(size_of::<Value>()), niveles: 1 }),
            Schema::Ref { name } => *self.con_nombre.get(name)?,
            Schema::Record(registro) => self.registro(registro),
            Schema::Enum(EnumSchema { name, symbols, .. }) => {
                let medida = Medida::suelto(symbols.iter().map(String::len).max().unwrap_or_default());
                self.con_nombre.insert(name.clone(), Some(medida));
                Some(medida)
            }
            Schema::Fixed(fijo) => {
                let memoria = if fijo.size == 0 { ocupa(size_of::<Value>()) } else { Medida::suelto(0).sobra };
                let medida = (fijo.size <= FIJO).then_some(Medida { sobra: memoria, niveles: 1 });
                self.con_nombre.insert(fijo.name.clone(), medida);
                medida
            }
            Schema::Union(union) => {
                let medidas = union.variants().iter().map(|variante| self.medir(variante));
                let medidas = medidas.collect::<Option<Vec<_>>>()?;
                let mayor = medidas.iter().map(|medida| medida.sobra).max().unwrap_or_default();
                Medida::suelto(0).con(mayor, medidas.iter().map(|medida| medida.niveles).max().unwrap_or_default())
            }
            Schema::Array(lista) => self.lista(&lista.items, 0),
            // La clave ocupa al menos el byte de su largo.
            Schema::Map(mapa) => self.lista(&mapa.types, Medida::suelto(0).sobra),
            Schema::Decimal(_) | Schema::BigDecimal | Schema::Uuid(_) | Schema::Duration(_) => None,
            _ => Some(Medida::suelto(0)),
        }
    }

    fn registro(&mut self, RecordSchema { name, fields, .. }: &RecordSchema) -> Option<Medida> {
        self.con_nombre.insert(name.clone(), None);
        let (mut sobra, mut niveles) = (0_i64, 0);
        for campo in fields {
            let medida = self.medir(&campo.schema)?;
            let nombre = size_of::<String>() + campo.name.len();
            sobra = sobra.saturating_add(ocupa(nombre)).saturating_add(medida.sobra);
            niveles = niveles.max(medida.niveles);
        }
        let medida = Medida { sobra: ocupa(size_of::<Value>()), niveles: 1 }.con(sobra, niveles)?;
        self.con_nombre.insert(name.clone(), Some(medida));
        Some(medida)
    }

    /// Cuántos elementos trae lo dice el mensaje: cada uno tiene que caber en los bytes que gasta.
    fn lista(&mut self, elemento: &Schema, clave: i64) -> Option<Medida> {
        let elemento = self.medir(elemento)?;
        let cabe = elemento.sobra.saturating_add(clave) <= 0;
        cabe.then(|| Medida::suelto(0).con(0, elemento.niveles)).flatten()
    }
}

#[cfg(test)]
mod pruebas {
    use super::*;

    fn acepta(json: &str) -> bool {
        leer(json.as_bytes()).is_ok()
    }

    fn registro(campos: &str) -> String {
        format!(r#"{{"type":"record","name":"R","fields":[{campos}]}}"#)
    }

    #[test]
    fn un_esquema_que_se_contiene_a_si_mismo_se_rechaza() {
        assert!(!acepta(r#"{"type":"record","name":"N","fields":[{"name":"n","type":["null","N"]}]}"#));
        let con_espacio =
            r#"{"type":"record","name":"a.N","fields":[{"name":"n","type":{"type":"array","items":"N"}}]}"#;
        assert!(!acepta(con_espacio));
        let repetido = registro(
            r#"{"name":"a","type":{"type":"record","name":"P","fields":[{"name":"x","type":"long"}]}},
               {"name":"b","type":"P"}"#,
        );
        assert!(acepta(&repetido), "usar dos veces un registro no es contenerse");
    }

    #[test]
    fn una_lista_de_nada_se_rechaza() {
        assert!(!acepta(r#"{"type":"array","items":"null"}"#));
        assert!(!acepta(r#"{"type":"array","items":{"type":"record","name":"V","fields":[]}}"#));
        assert!(!acepta(r#"{"type":"array","items":{"type":"fixed","name":"F","size":0}}"#));
        assert!(acepta(r#"{"type":"array","items":"long"}"#));
    }

    #[test]
    fn lo_enorme_y_lo_hondo_se_rechazan() {
        assert!(!acepta(&" ".repeat(MAXIMO + 1)));
        let hondo = format!("{}\"long\"{}", r#"{"type":"array","items":"#.repeat(40), "}".repeat(40));
        assert!(!acepta(&hondo));
        assert!(!acepta("no es JSON"));
    }

    #[test]
    fn un_dato_de_largo_fijo_no_reserva_lo_que_quiera() {
        let fijo = |largo: u64| acepta(&format!(r#"{{"type":"fixed","name":"F","size":{largo}}}"#));
        assert!(fijo(16) && !fijo(1 << 40) && !fijo(u64::MAX >> 1));
        let decimal =
            r#"{"type":{"type":"fixed","name":"D","size":1099511627776},"logicalType":"decimal","precision":4}"#;
        assert!(!acepta(decimal));
    }

    #[test]
    fn los_nombres_no_sirven_para_multiplicar_ni_para_ahondar() {
        // Cada registro tiene diez veces el anterior: con ocho, cien millones de nulos en un mensaje vacío.
        let mut campos = vec![r#"{"name":"r0","type":{"type":"record","name":"R0","fields":[]}}"#.to_owned()];
        for n in 1..9 {
            let dentro: Vec<_> = (0..10).map(|i| format!(r#"{{"name":"c{i}","type":"R{}"}}"#, n - 1)).collect();
            let nuevo = format!(r#"{{"type":"record","name":"R{n}","fields":[{}]}}"#, dentro.join(","));
            campos.push(format!(r#"{{"name":"r{n}","type":{nuevo}}}"#));
        }
        assert!(acepta(&registro(&campos[..3].join(","))) && !acepta(&registro(&campos.join(","))));
        // Y con uno dentro de otro, más niveles de los que admite la pila.
        let uno = |n: usize| {
            format!(
                r#"{{"name":"h{n}","type":{{"type":"record","name":"H{n}","fields":[
            {{"name":"x","type":{}}}]}}}}"#,
                if n == 0 { "\"long\"".into() } else { format!("\"H{}\"", n - 1) }
            )
        };
        let hasta = |niveles: usize| registro(&(0..niveles).map(uno).collect::<Vec<_>>().join(","));
        assert!(acepta(&hasta(10)) && !acepta(&hasta(200)));
    }

    #[test]
    fn un_elemento_no_ocupa_mucho_mas_que_sus_bytes() {
        let lista = |campos: String| acepta(&format!(r#"{{"type":"array","items":{}}}"#, registro(&campos)));
        let opcional = |n: usize| format!(r#"{{"name":"c{n}","type":["null","string"]}}"#);
        assert!(lista((0..50).map(opcional).collect::<Vec<_>>().join(",")), "cada opcional gasta un byte");
        let nulos: Vec<_> = (0..50).map(|n| format!(r#"{{"name":"n{n}","type":"null"}}"#)).collect();
        assert!(!lista(format!("{},{}", opcional(0), nulos.join(","))), "y un nulo, ninguno");
        assert!(!lista(format!(r#"{{"name":"{}","type":"long"}}"#, "n".repeat(5_000))), "el nombre también ocupa");
    }
}
