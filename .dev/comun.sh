# shellcheck shell=bash
# Lo que comparten los servicios de ./dev: mensajes, procesos de fondo, puertos y carpetas.

readonly PLAZO_ARRANQUE=120 # segundos hasta que un servicio dice que está listo; con la máquina muy ocupada, Pulsar pasa de 60
readonly PLAZO_PARADA=60   # segundos para una parada ordenada

# --- Mensajes: siempre por la salida de errores, la normal es para los datos ---

decir() { printf 'dev: %s\n' "$*" >&2; }

morir() {
  decir "$@"
  exit 1
}

uso_incorrecto() {
  decir "$1"
  ayuda >&2
  exit 2
}

# --- Procesos de fondo: FICHA es el prefijo de sus archivos (.pid, .salida, .registro) ---

# Imprime el instante de arranque del proceso; falla si no existe o es un zombi.
inicio_de_proceso() {
  local linea campos
  linea=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
  read -r -a campos <<<"${linea##*) }"
  [[ ${campos[0]} != Z && ${campos[0]} != X ]] || return 1
  printf '%s %s' "${campos[19]}" "$(</proc/sys/kernel/random/boot_id)"
}

# Un pid solo es nuestro si además arrancó cuando lo anotamos: los números se reutilizan.
proceso_vivo() {
  local ficha=$1 pid inicio
  [[ -s $ficha.pid ]] || return 1
  read -r pid inicio <"$ficha.pid" || return 1
  [[ $pid =~ ^[0-9]+$ && -n $inicio && $(inicio_de_proceso "$pid" || true) == "$inicio" ]]
}

proceso_pid() {
  local pid
  read -r pid _ <"$1.pid" && printf '%s' "$pid"
}

# En una sesión propia: Ctrl-C en esta terminal no le llega. Se anota él mismo, antes de empezar a
# ser otro programa: si esta orden muere en ese instante, no queda un proceso que nadie conozca.
proceso_arrancar() {
  local ficha=$1 pid
  shift
  (umask 077 && : >"$ficha.salida" && : >"$ficha.registro" && : >"$ficha.pid")
  (
    pid=$BASHPID # antes de la sustitución, que tiene el suyo
    printf '%s %s\n' "$pid" "$(inicio_de_proceso "$pid")" >"$ficha.pid" && cd / && exec setsid "$@"
  ) </dev/null >>"$ficha.salida" 2>>"$ficha.registro" 9>&- &
  pid=$!
  while [[ ! -s $ficha.pid ]] && kill -0 "$pid" 2>/dev/null; do sleep 0.01; done
}

# Imprime la primera línea completa de su salida que empieza por PREFIJO.
proceso_linea() {
  local ficha=$1 prefijo=$2 linea
  while IFS= read -r linea; do
    [[ $linea == "$prefijo"* ]] && printf '%s\n' "$linea" && return
  done <"$ficha.salida"
  return 1
}

# Espera a que se cumpla CONDICIÓN; si no llega a cumplirse, para el proceso y cuenta qué dijo.
proceso_esperar() {
  local ficha=$1 limite=$((SECONDS + PLAZO_ARRANQUE))
  shift
  until "$@" >/dev/null; do
    if ! proceso_vivo "$ficha" || ((SECONDS >= limite)); then
      proceso_vivo "$ficha" && decir "no estuvo listo en $PLAZO_ARRANQUE s; se para."
      decir 'no arrancó. Lo último que dijo:'
      tail -n 20 -- "$ficha.registro" >&2 || true
      proceso_parar "$ficha" || true
      return 1
    fi
    sleep 0.1
  done
}

proceso_parar() {
  local ficha=$1 limite=$((SECONDS + PLAZO_PARADA)) pid
  if proceso_vivo "$ficha"; then
    pid=$(proceso_pid "$ficha")
    kill -TERM "$pid" 2>/dev/null || true
    while proceso_vivo "$ficha"; do
      if ((SECONDS >= limite)); then
        decir "el proceso $pid no terminó en $PLAZO_PARADA s"
        return 1
      fi
      sleep 0.1
    done
  fi
  rm -f -- "$ficha.pid" "$ficha.salida"
}

# --- Puertos y carpetas ---

puerto_libre() { ! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# Los argumentos que siguen a DESDE son puertos ya comprometidos.
primer_puerto_libre() {
  local desde=$1 puerto
  shift
  for ((puerto = desde; puerto < desde + 200 && puerto < 65536; puerto++)); do
    [[ " $* " != *" $puerto "* ]] && puerto_libre "$puerto" && printf '%s' "$puerto" && return
  done
  morir "no hay un puerto libre desde $desde"
}

# Lejos de los que el sistema reparte a las conexiones salientes.
puerto_para_pruebas() { primer_puerto_libre $((10000 + RANDOM % 20000)) "$@"; }

puerto_para_servicios() {
  local variable=$1 pedido=$2 puerto
  shift 2
  [[ $pedido =~ ^[1-9][0-9]{0,4}$ && $pedido -le 65535 ]] ||
    morir "$variable=$pedido: se esperaba un puerto entre 1 y 65535"
  puerto=$(primer_puerto_libre "$pedido" "$@")
  [[ $puerto == "$pedido" ]] || decir "el puerto $pedido está ocupado; se usa el $puerto"
  printf '%s' "$puerto"
}

# Imprime el cuerpo de una respuesta 200; falla con cualquier otra. Sin curl, que no siempre está. CABECERA puede faltar.
http_leer() {
  local puerto=$1 ruta=$2 cabecera=${3:-} respuesta
  # shellcheck disable=SC2016
  respuesta=$(CABECERA=${cabecera:+$cabecera$'\r\n'} timeout 5 bash -c '
    exec 3<>"/dev/tcp/127.0.0.1/$1" && printf "GET %s HTTP/1.0\r\n%s\r\n" "$2" "$CABECERA" >&3 && cat <&3
  ' _ "$puerto" "$ruta" 2>/dev/null) || return 1
  [[ $respuesta =~ ^HTTP/[0-9.]+\ 200\  ]] || return 1
  printf '%s\n' "${respuesta#*$'\r\n\r\n'}"
}

# ¿Puede otro usuario llegar hasta la carpeta? Como root, PostgreSQL corre bajo otro usuario.
alcanzable_por_otros() {
  local carpeta
  carpeta=$(readlink -f -- "$1") || return 1
  while :; do
    [[ -n $(find "$carpeta" -maxdepth 0 -perm -001) ]] || return 1
    [[ $carpeta == / ]] && return
    carpeta=$(dirname -- "$carpeta")
  done
}

# Las carpetas se dejan pasar (755); lo reservado son los archivos, y los datos los cierra PostgreSQL.
carpeta_estado() {
  local base=${XDG_STATE_HOME:-}
  [[ $base == /* ]] || base=~/.local/state
  (umask 022 && mkdir -p -- "$base/aeroalpes/servicios") >&2
  printf '%s' "$base/aeroalpes/servicios"
}

carpeta_cache() {
  local base=${XDG_CACHE_HOME:-}
  [[ $base == /* ]] || base=~/.cache
  mkdir -p -- "$base/aeroalpes" >&2
  printf '%s' "$base/aeroalpes"
}

carpeta_datos() {
  local carpeta=$1/datos
  ((EUID != 0)) || alcanzable_por_otros "$1" || carpeta=/var/lib/aeroalpes/servicios
  (umask 022 && mkdir -p -- "$carpeta") >&2
  printf '%s' "$carpeta"
}

carpeta_temporal() {
  local base=${TMPDIR:-/tmp} carpeta
  ((EUID != 0)) || alcanzable_por_otros "$base" || base=/tmp
  carpeta=$(mktemp -d "$base/aeroalpes-pruebas.XXXXXXXX")
  chmod 755 "$carpeta"
  printf '%s' "$carpeta"
}
