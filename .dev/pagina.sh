# shellcheck shell=bash
# La página en un navegador de verdad: el Chromium de la máquina, y Playwright y axe-core de PyPI.

readonly PAGINA_REQUISITOS=$RAIZ/tests/pagina/requisitos.txt

buscar_chromium() {
  local orden
  for orden in chromium chromium-browser google-chrome; do
    command -v "$orden" && return
  done
  return 1
}

pagina_carpeta() {
  local suma
  suma=$(sha256sum <"$PAGINA_REQUISITOS") || return 1
  printf 'pagina-%s' "${suma:0:12}"
}

pagina_valida() { "$1/bin/python" -c 'import axe_core_python, playwright.sync_api' 2>/dev/null; }

pagina_descargar() { venv_crear "$1" 'Playwright y axe-core' --requirement "$PAGINA_REQUISITOS"; }

# Sin navegador lo demás se comprueba igual. Entre paréntesis: si no se puede instalar, `preparar` termina.
pagina_preparar() { (preparar pagina) && cache_asegurar "$(pagina_carpeta)" pagina_valida pagina_descargar; }

pruebas_pagina() {
  [[ -n ${DATABASE_URL:-} ]] || { decir 'sin PostgreSQL no se puede ejecutar' && return 1; }
  AEROALPES_CHROMIUM=$(buscar_chromium) AEROALPES_PAGINA=$(carpeta_cache)/$(pagina_carpeta)/bin/python \
    en_raiz cargo test --locked --test pagina
}
