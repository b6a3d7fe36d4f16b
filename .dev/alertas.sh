# shellcheck shell=bash
# Las reglas de alerta: que se entiendan, y que suenen cuando deben y sólo entonces.

# Donde promtool no se puede instalar, se dice y lo demás se comprueba igual.
pruebas_alertas() {
  if ! (preparar alertas); then
    SIN_COMPROBAR+=('reglas de alerta: no hay promtool')
    return 0
  fi
  promtool check rules "$RAIZ/docs/operacion/alertas.yml" && promtool test rules "$RAIZ/docs/operacion/alertas_pruebas.yml"
}
