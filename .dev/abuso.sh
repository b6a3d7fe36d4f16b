# shellcheck shell=bash
# Lo que busca fallas con datos al azar: Schemathesis, para las pruebas, y cargo-fuzz.

readonly SCHEMATHESIS_REQUISITOS=$RAIZ/tests/schemathesis/requisitos.txt
readonly CARGO_FUZZ_VERSION=0.13.2
readonly CARGO_FUZZ_CARPETA=cargo-fuzz-$CARGO_FUZZ_VERSION
readonly FUZZ=$RAIZ/tests/fuzz
readonly FUZZ_OBJETIVOS=(avro http)

# --- Schemathesis ---

schemathesis_preparar() { requisitos_preparar schemathesis "$SCHEMATHESIS_REQUISITOS" schemathesis.cli; }

python_de_schemathesis() { requisitos_python schemathesis "$SCHEMATHESIS_REQUISITOS"; }

# --- cargo-fuzz ---

cargo_fuzz_valido() { "$1/bin/cargo-fuzz" --version >/dev/null 2>&1; }

cargo_fuzz_descargar() {
  decir "se construye cargo-fuzz $CARGO_FUZZ_VERSION (una sola vez)…"
  CARGO_TARGET_DIR="$1/construccion" cargo install --quiet --locked --root "$1" \
    --version "$CARGO_FUZZ_VERSION" cargo-fuzz && rm -rf -- "$1/construccion"
}

# Sin los comprobadores de memoria de C: el proyecto no tiene código inseguro, y así basta con Rust estable.
# Lo que va aprendiendo queda en la caché, y lo que hace fallar, en la carpeta desde donde se llama.
fuzz_objetivo() {
  local objetivo=$1 segundos=$2 corpus
  corpus=$(carpeta_cache)/fuzz/$objetivo
  mkdir -p -- "$corpus" && cp -- "$RAIZ/Cargo.lock" "$FUZZ/Cargo.lock" || return 1 # las mismas versiones
  "$(carpeta_cache)/$CARGO_FUZZ_CARPETA/bin/cargo-fuzz" run --fuzz-dir "$FUZZ" --sanitizer none --codegen-units 16 \
    "$objetivo" "$corpus" "$FUZZ/semillas/$objetivo" -- -max_total_time="$segundos" -print_final_stats=1 \
    -rss_limit_mb=1024 -timeout=20 -artifact_prefix="$PWD/" -dict="$FUZZ/palabras.txt"
}

orden_fuzz() {
  local objetivos=("${FUZZ_OBJETIVOS[@]}") segundos=600 objetivo
  if (($# > 0)) && [[ $1 != --* ]]; then
    [[ " ${FUZZ_OBJETIVOS[*]} " == *" $1 "* ]] || uso_incorrecto "fuzz no conoce «$1»: ${FUZZ_OBJETIVOS[*]}"
    objetivos=("$1")
    shift
  fi
  if (($# == 2)) && [[ $1 == --segundos && $2 =~ ^[1-9][0-9]{0,5}$ ]]; then
    segundos=$2
    shift 2
  fi
  (($# == 0)) || uso_incorrecto "fuzz no entiende «$*»"
  preparar construir fuzz
  cache_asegurar "$CARGO_FUZZ_CARPETA" cargo_fuzz_valido cargo_fuzz_descargar || exit 1
  for objetivo in "${objetivos[@]}"; do
    fuzz_objetivo "$objetivo" "$segundos" || morir "fuzz $objetivo encontró una falla: lo que la causa está arriba"
  done
}
