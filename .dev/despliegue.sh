# shellcheck shell=bash
# Lo que despliega el servicio (contenedores, Kubernetes, flujos de GitHub) y los guiones, comprobados sin motor.

readonly DESPLIEGUE=$RAIZ/tests/despliegue
readonly DESPLIEGUE_REQUISITOS=$DESPLIEGUE/requisitos.txt
# La más vieja que entiende los manifiestos (`preStop.sleep`) y la última cuyos esquemas hay.
readonly KUBERNETES_VERSIONES=(1.30 1.37)

despliegue_preparar() {
  requisitos_preparar despliegue "$DESPLIEGUE_REQUISITOS" 'check_jsonschema, kubernetes_validate, yaml'
}

despliegue_python() { requisitos_python despliegue "$DESPLIEGUE_REQUISITOS"; }

# Un módulo de ese entorno de Python, `-B` para no dejar archivos compilados en el árbol.
despliegue_modulo() { "$(despliegue_python)" -B -m "$@"; }

# Los manifiestos compuestos, o nada si aquí no hay quien los componga.
componer_k8s() {
  local overlay=$RAIZ/k8s/overlays/ejemplo
  if command -v kustomize >/dev/null; then
    kustomize build "$overlay"
  elif command -v kubectl >/dev/null; then
    kubectl kustomize "$overlay"
  fi
}

comprobar_esquemas() {
  despliegue_modulo check_jsonschema --builtin-schema vendor.compose-spec "$RAIZ/docker-compose.yml" &&
    despliegue_modulo check_jsonschema --builtin-schema vendor.github-workflows "$RAIZ"/.github/workflows/*.yml &&
    despliegue_modulo check_jsonschema --builtin-schema custom.github-workflows-require-timeout \
      "$RAIZ"/.github/workflows/*.yml
}

# Como los lee el propio Compose, en sus dos formas. Sólo hace falta el cliente.
comprobar_compose() {
  if ! docker compose version >/dev/null 2>&1; then
    SIN_COMPROBAR+=('docker compose config: aquí no hay docker compose')
    return
  fi
  docker compose --project-directory "$RAIZ" config --quiet &&
    docker compose --project-directory "$RAIZ" --profile pulsar config --quiet
}

# Cada manifiesto suelto, y el conjunto compuesto: contra el esquema de Kubernetes y contra nuestras reglas.
comprobar_k8s() {
  local compuesto=$1 version archivos=()
  readarray -t archivos < <(find "$RAIZ/k8s" -name '*.yaml' ! -name kustomization.yaml)
  componer_k8s >"$compuesto" || return 1
  if [[ -s $compuesto ]]; then
    archivos+=("$compuesto")
  else
    SIN_COMPROBAR+=('el conjunto que compone k8s/overlays/ejemplo: aquí no hay kustomize ni kubectl')
  fi
  for version in "${KUBERNETES_VERSIONES[@]}"; do
    despliegue_modulo kubernetes_validate --strict --quiet --kubernetes-version "$version" "${archivos[@]}" || return 1
  done
}

comprobar_reglas() { AEROALPES_K8S=$1 despliegue_modulo unittest discover --start-directory "$DESPLIEGUE"; }

comprobar_guiones() {
  "$(dirname -- "$(despliegue_python)")/shellcheck" --external-sources --source-path "$RAIZ" "$RAIZ/dev" "$RAIZ"/.dev/*.sh "$RAIZ/.ci/run"
}

pruebas_despliegue() {
  local compuesto=$TEMPORAL/k8s.yaml fallas=0
  despliegue_preparar || return 1
  comprobar_guiones || fallas=1
  comprobar_esquemas || fallas=1
  comprobar_compose || fallas=1
  comprobar_k8s "$compuesto" || fallas=1
  comprobar_reglas "$compuesto" || fallas=1
  return "$fallas"
}

# ¿Le basta a la imagen con lo que copia el Dockerfile? Se copia lo mismo aparte, y tiene que compilar. Siempre en el
# mismo sitio: para cargo, otra carpeta es otro paquete, y guardaría los dos.
pruebas_imagen() {
  local fuentes=$CARGO_TARGET_DIR/imagen copiados
  copiados=$(sed -n 's/^COPY \([^-].*\) [^ ]*$/\1/p' "$RAIZ/Dockerfile") && [[ -n $copiados ]] || return 1
  rm -rf -- "$fuentes" && mkdir -p -- "$fuentes" || return 1
  # shellcheck disable=SC2086 # varios nombres
  (cd -- "$RAIZ" && cp -r -- $copiados "$fuentes") && (cd -- "$fuentes" && cargo check --locked --bins)
}
