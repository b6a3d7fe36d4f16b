# shellcheck shell=bash
# Lo que hace falta en la máquina: los paquetes del sistema y lo que se descarga una vez.

# Una fila por orden, de lo que hace falta además de cargo:
#   quiénes la necesitan | orden que se busca | paquetes de Debian que la traen | para qué
readonly NECESIDADES=(
  'construir postgresql|cc|gcc libc6-dev|enlazar el programa'
  'construir postgresql|make|make|compilar jemalloc'
  'construir postgresql|protoc|protobuf-compiler|compilar el protocolo de Pulsar'
  'fuzz|c++|g++|construir libFuzzer'
  'pulsar|java|default-jdk-headless|ejecutar Apache Pulsar: un JDK 17 o posterior'
  'pulsar|mvn|maven|descargar Apache Pulsar, una vez'
  'alertas|promtool|prometheus|comprobar las reglas de alerta'
  'carga|wrk|wrk|medir el rendimiento: la carga por HTTP'
  'carga|pgbench|postgresql|medir el rendimiento: los límites de PostgreSQL'
  'pagina|chromium|chromium|probar la página en un navegador'
  'python|python3|python3 python3-venv|el cliente de Pulsar y el servidor SMTP, en Python, que usan las pruebas'
  'cliente|python3|python3 python3-venv|generar un cliente: Python 3.11 o posterior'
)

readonly PLAZO_DESCARGA=900 # segundos

en_raiz() { (cd -- "$RAIZ" && exec "$@"); }

hay_persona() { [[ -t 0 && -t 2 && ${CI:-} != true ]]; }

confirmar() {
  local respuesta
  hay_persona || return 0
  read -r -p "dev: $1 [S/n] " respuesta || return 1
  [[ ${respuesta,,} =~ ^(s|si|sí)?$ ]]
}

# Deja en CARGO_TARGET_DIR una ruta absoluta: relativa, lo es a la carpeta de quien llama.
fijar_carpeta_destino() {
  local destino=${CARGO_TARGET_DIR:-$RAIZ/target}
  [[ $destino == /* ]] || destino=$PWD/$destino
  export CARGO_TARGET_DIR=$destino
}

buscar_cargo() {
  local cargo_home=${CARGO_HOME:-~/.cargo}
  command -v cargo >/dev/null && return
  # rustup recién instalado: la terminal aún no lo tiene en su PATH.
  [[ -x $cargo_home/bin/cargo ]] && PATH=$cargo_home/bin:$PATH && return
  morir 'falta cargo. Instale Rust con rustup (https://rustup.rs) y vuelva a ejecutar esta orden.'
}

comprobar_version_rust() {
  local minima actual salida
  minima=$(sed -n 's/^rust-version *= *"\([0-9.]*\)".*/\1/p' "$RAIZ/Cargo.toml")
  salida=$(en_raiz cargo --version) || morir 'cargo está instalado pero no funciona: lo que dijo está arriba.'
  read -r _ actual _ <<<"$salida"
  printf '%s\n%s\n' "${minima:-0}" "$actual" | sort -VC ||
    morir "hace falta Rust $minima o posterior y hay $actual: rustup toolchain install $minima && rustup default $minima"
}

instalar_paquetes() {
  local paquetes=("$@") como=()
  local orden_manual="apt-get update && apt-get install -y --no-install-recommends ${paquetes[*]}"
  ((EUID == 0)) || como=(sudo -n)
  command -v apt-get >/dev/null ||
    morir "aquí no hay apt-get. Instale lo equivalente a estos paquetes de Debian: ${paquetes[*]}"
  ((EUID == 0)) || sudo -n true 2>/dev/null ||
    morir "sin permiso para instalar. Hacen falta estos paquetes: ${paquetes[*]}. Como root: $orden_manual"
  decir "se va a instalar con apt-get: ${paquetes[*]}"
  confirmar '¿Instalar ahora?' || morir "no se instaló nada. Como root: $orden_manual"
  como+=(env DEBIAN_FRONTEND=noninteractive apt-get -q)
  "${como[@]}" update >&2 || decir 'apt-get update falló; se intenta con las listas que hay.'
  "${como[@]}" install -y --no-install-recommends "${paquetes[@]}" >&2 ||
    morir "apt-get no pudo instalar: ${paquetes[*]}"
}

# ¿Está lo que esta fila pide? De algunas órdenes no basta con el nombre.
hay_orden() {
  case $1 in
    protoc) [[ -x ${PROTOC:-} ]] || command -v protoc ;;
    java) buscar_java ;;
    chromium) buscar_chromium ;;
    wrk) buscar_wrk ;;
    pgbench) buscar_pgbench ;;
    mvn) pulsar_valido "$(carpeta_cache)/$PULSAR_CARPETA" || command -v mvn ;;
    python3) python_valido "$(carpeta_cache)/$PYTHON_CARPETA" || buscar_python ;;
    *) command -v "$1" ;;
  esac >/dev/null 2>&1
}

# ¿Hay alguna palabra en las dos listas?
en_comun() {
  local palabra
  for palabra in $1; do
    [[ " $2 " == *" $palabra "* ]] && return
  done
  return 1
}

# Prepara lo que necesitan los que se le nombran, y nada más: servir no pide Java.
preparar() {
  local fila quienes orden paquetes motivo faltan=() de_la_fila
  buscar_cargo
  comprobar_version_rust
  for fila in "${NECESIDADES[@]}"; do
    IFS='|' read -r quienes orden paquetes motivo <<<"$fila"
    if ! en_comun "$quienes" "$*" || hay_orden "$orden"; then continue; fi
    decir "falta «$orden» ($motivo)"
    IFS=' ' read -r -a de_la_fila <<<"$paquetes"
    faltan+=("${de_la_fila[@]}")
  done
  ((${#faltan[@]} == 0)) || instalar_paquetes "${faltan[@]}"
}

# Deja en la caché la carpeta NOMBRE, que `HACER CARPETA` llena y `VALIDA CARPETA` acepta. Se hace
# aparte y se le da su nombre al final: o está entera o no está.
cache_asegurar() {
  local nombre=$1 valida=$2 hacer=$3 cache temporal
  cache=$(carpeta_cache) || return 1
  "$valida" "$cache/$nombre" && return
  (
    flock -w "$PLAZO_DESCARGA" 8 || { decir 'otra descarga sigue en marcha' && exit 1; }
    if "$valida" "$cache/$nombre"; then exit 0; fi # la hizo otro mientras tanto
    rm -rf -- "${cache:?}/$nombre" "$cache"/a-medias.*
    temporal=$(mktemp -d "$cache/a-medias.XXXXXXXX") || exit 1
    "$hacer" "$temporal" >&2 && mv -T -- "$temporal" "$cache/$nombre" && "$valida" "$cache/$nombre" && exit 0
    rm -rf -- "$temporal"
    exit 1
  ) 8>"$cache/candado" || {
    decir "no se pudo preparar $nombre: lo que pasó está arriba."
    return 1
  }
}

buscar_python() {
  local python
  for python in "$(command -v python3)" /usr/bin/python3; do
    "$python" -c 'import ensurepip, venv' 2>/dev/null || continue
    printf '%s' "$python"
    return
  done
  return 1
}

# Un entorno de Python en CARPETA, con lo que se diga a pip detrás de QUÉ.
venv_crear() {
  local carpeta=$1 que=$2 python
  shift 2
  python=$(buscar_python) || { decir 'no hay un Python con venv' && return 1; }
  decir "se instala $que (una sola vez)…"
  "$python" -m venv "$carpeta" &&
    timeout --foreground "$PLAZO_DESCARGA" "$carpeta/bin/python" -m pip install --quiet --disable-pip-version-check \
      --only-binary :all: "$@" </dev/null
}

# --- Un entorno de Python con lo que pide un archivo: NOMBRE ARCHIVO [MÓDULO que prueba que está entero] ---

requisitos_carpeta() {
  local suma
  suma=$(sha256sum <"$2") || return 1
  printf '%s-%s' "$1" "${suma:0:12}"
}

requisitos_preparar() {
  local entorno=$1 archivo=$2 modulo=$3
  cache_asegurar "$(requisitos_carpeta "$entorno" "$archivo")" requisitos_valido requisitos_descargar
}

# Las dos las llama cache_asegurar, y ven lo que declara requisitos_preparar.
requisitos_valido() { "$1/bin/python" -c "import $modulo" 2>/dev/null; }

requisitos_descargar() { venv_crear "$1" "$entorno" --requirement "$archivo"; }

requisitos_python() { printf '%s/%s/bin/python' "$(carpeta_cache)" "$(requisitos_carpeta "$1" "$2")"; }

binario() { printf '%s/%s/aeroalpes' "$CARGO_TARGET_DIR" "$1"; }

construir_release() {
  preparar construir
  decir 'se construye el servicio (la primera vez tarda unos minutos)…'
  en_raiz cargo build --release --locked >&2
}

construir_depuracion() {
  decir 'se construye el programa (perfil de depuración)…'
  en_raiz cargo build --locked --quiet >&2 9>&-
}

# Construye un programa de tests/ que no es una prueba más, e imprime dónde queda. Cargo lo dice al final: «Executable
# tests/caos/main.rs (…/caos-…)».
construir_prueba() {
  local nombre=$1 programa
  shift
  programa=$(en_raiz cargo test --locked --no-run "$@" --test "$nombre" 2>&1 | tee >(cat >&2) |
    sed -n 's/^ *Executable .*(\(.*\))$/\1/p') && [[ -n $programa ]] && printf '%s' "$programa"
}
