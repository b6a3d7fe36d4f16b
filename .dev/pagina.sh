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

# Sin navegador lo demás se comprueba igual. Entre paréntesis: si no se puede instalar, `preparar` termina.
pagina_preparar() {
  (preparar pagina) && requisitos_preparar pagina "$PAGINA_REQUISITOS" 'axe_core_python, playwright.sync_api'
}

pruebas_pagina() {
  [[ -n ${DATABASE_URL:-} ]] || { decir 'sin PostgreSQL no se puede ejecutar' && return 1; }
  AEROALPES_CHROMIUM=$(buscar_chromium) AEROALPES_PAGINA=$(requisitos_python pagina "$PAGINA_REQUISITOS") \
    en_raiz cargo test --locked --test pagina
}
