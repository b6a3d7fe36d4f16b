//! Las migraciones sólo expanden: un binario anterior tiene que poder seguir trabajando sobre el esquema nuevo.

use std::fs;
use std::path::Path;

/// Las que ya estaban publicadas cuando nació la regla.
const PUBLICADAS: u32 = 4;

/// Lo que haría fallar a un binario anterior, en una sentencia sin comentarios ni textos y en mayúsculas.
fn contrae(sentencia: &str) -> bool {
    let prohibidas = [
        "DROP TABLE",
        "DROP COLUMN",
        "DROP TYPE",
        "DROP SCHEMA",
        "DROP VIEW",
        "DROP FUNCTION",
        "DROP DEFAULT",
        "DROP NOT NULL",
        "RENAME",
        "SET NOT NULL",
        "TRUNCATE",
        "DELETE FROM",
        "SET DATA TYPE",
    ];
    prohibidas.iter().any(|prohibida| sentencia.contains(prohibida))
        || (sentencia.starts_with("ALTER TABLE") && partes(sentencia).any(|parte| parte_contrae(sentencia, parte)))
}

/// Las acciones de un `ALTER TABLE`.
fn partes(sentencia: &str) -> impl Iterator<Item = &str> {
    let mut nivel = 0;
    sentencia.split(move |c| {
        nivel += i32::from(c == '(') - i32::from(c == ')');
        c == ',' && nivel == 0
    })
}

fn parte_contrae(sentencia: &str, parte: &str) -> bool {
    let con_defecto = parte.contains(" DEFAULT ") || parte.contains(" GENERATED ");
    let exige = parte.contains("ADD COLUMN") && parte.contains("NOT NULL") && !con_defecto;
    let cambia_de_tipo = parte.contains("ALTER COLUMN") && parte.contains(" TYPE ");
    // Una restricción nueva sólo puede ser otra más amplia en lugar de la que había.
    let restringe = parte.contains("ADD CONSTRAINT") && !sentencia.contains("DROP CONSTRAINT");
    let sin_columna =
        parte.contains(" ADD CHECK") || parte.contains(" ADD UNIQUE") || parte.contains(" ADD FOREIGN KEY");
    exige || cambia_de_tipo || restringe || sin_columna
}

/// Las sentencias de un guion, sin comentarios ni textos, en mayúsculas y con un solo espacio entre palabras.
fn sentencias(guion: &str) -> Vec<String> {
    let sin_comentarios: Vec<_> = guion.lines().map(|linea| linea.split("--").next().unwrap_or_default()).collect();
    let sin_comentarios = sin_comentarios.join(" ");
    let sin_textos: String = sin_comentarios.split('\'').step_by(2).collect::<Vec<_>>().join("''");
    let normal = |sentencia: &str| sentencia.split_whitespace().collect::<Vec<_>>().join(" ").to_uppercase();
    sin_textos.split(';').map(normal).filter(|sentencia| !sentencia.is_empty()).collect()
}

#[test]
fn las_migraciones_solo_expanden() {
    let carpeta = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
    let (mut vistas, mut numeros) = (0, Vec::new());
    for entrada in fs::read_dir(carpeta).unwrap() {
        let ruta = entrada.unwrap().path();
        let nombre = ruta.file_name().unwrap().to_str().unwrap().to_owned();
        let numero: u32 = nombre.split('_').next().unwrap().parse().unwrap();
        numeros.push(numero);
        let sentencias = sentencias(&fs::read_to_string(&ruta).unwrap());
        assert!(!sentencias.is_empty(), "{nombre} no tiene sentencias");
        if numero > PUBLICADAS {
            vistas += 1;
            let mala = sentencias.iter().find(|sentencia| contrae(sentencia));
            assert_eq!(mala, None, "{nombre} no sólo expande");
        }
    }
    assert!(vistas > 0, "no se miró ninguna migración");
    numeros.sort_unstable();
    assert!(numeros.windows(2).all(|par| par[0] < par[1]), "dos migraciones tienen el mismo número: {numeros:?}");
}

#[test]
fn la_regla_muerde_y_no_de_mas() {
    let contrae = |guion: &str| sentencias(guion).iter().any(|sentencia| contrae(sentencia));
    for mala in [
        "DROP TABLE reservas;",
        "alter table reservas\n  drop column estado;",
        "ALTER TABLE reservas RENAME COLUMN estado TO situacion",
        "ALTER TABLE reservas ALTER COLUMN id_cliente SET NOT NULL",
        "ALTER TABLE reservas ALTER COLUMN version TYPE integer",
        "ALTER TABLE reservas ADD COLUMN b text, ADD COLUMN nueva text NOT NULL",
        "ALTER TABLE reservas ADD CONSTRAINT corta CHECK (length(estado) < 5)",
        "ALTER TABLE usuarios ALTER COLUMN nombres DROP NOT NULL",
        "CREATE TABLE buena (id uuid); TRUNCATE entregas;",
        "/* a */ DELETE FROM letras_muertas;",
    ] {
        assert!(contrae(mala), "debería negarse: {mala}");
    }
    for buena in [
        "CREATE TABLE nueva (id uuid PRIMARY KEY, n int NOT NULL);",
        "-- DROP TABLE reservas;\nALTER TABLE reservas ADD COLUMN nueva int NOT NULL DEFAULT 0",
        "COMMENT ON TABLE reservas IS 'DROP TABLE'",
        "CREATE INDEX i ON reservas (version); DROP INDEX reservas_por_estado;",
        "ALTER TABLE usuarios DROP CONSTRAINT e, ADD CONSTRAINT e CHECK (estado IN ('a', 'b', 'c'))",
    ] {
        assert!(!contrae(buena), "debería admitirla: {buena}");
    }
}
