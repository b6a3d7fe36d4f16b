# shellcheck shell=bash
# Lo que necesita `./dev rendimiento`: los generadores de carga, y el servicio y quien lo mide, en release.

# Si faltan, de Debian y desplegados en la caché: para medir no hace falta ser root.
readonly CARGA_CARPETA=carga-debian

buscar_wrk() { command -v wrk || carga_buscar usr/bin/wrk; }

# Con el servidor de PostgreSQL viene pgbench, que no siempre está en PATH; el que está puede ser un guion que elige otro.
buscar_pgbench() {
  local ruta
  for ruta in $(printf '%s\n' /usr/lib/postgresql/*/bin/pgbench | sort -Vr) "$(command -v pgbench)"; do
    [[ -x $ruta ]] && printf '%s' "$ruta" && return
  done
  carga_buscar 'usr/lib/postgresql/*/bin/pgbench'
}

# El programa de la caché que casa con ese patrón.
carga_buscar() {
  local ruta
  for ruta in "$(carpeta_cache)/$CARGA_CARPETA"/$1; do
    [[ -x $ruta ]] && printf '%s' "$ruta" && return
  done
  return 1
}

carga_valido() {
  local programa
  for programa in "$1"/usr/bin/wrk "$1"/usr/lib/postgresql/*/bin/pgbench; do
    # De wrk, la versión es un error.
    [[ $(LD_LIBRARY_PATH=$1/usr/lib/$(uname -m)-linux-gnu "$programa" --version 2>&1) =~ ^(wrk|pgbench)\  ]] || return 1
  done
}

# Cada uno con las bibliotecas que pide él; lo demás está en cualquier Debian.
carga_descargar() {
  local servidor archivo
  servidor=$(apt-cache depends postgresql | sed -n 's/^ *Depends: \(postgresql-[0-9]*\)$/\1/p') &&
    (cd -- "$1" && apt-get -q download wrk libluajit2-5.1-2 libluajit-5.1-common "$servidor" libpq5) || return 1
  for archivo in "$1"/*.deb; do
    dpkg -x "$archivo" "$1" && rm -- "$archivo" || return 1
  done
}

carga_preparar() {
  if ! { hay_orden wrk && hay_orden pgbench; } && command -v apt-get >/dev/null; then
    cache_asegurar "$CARGA_CARPETA" carga_valido carga_descargar || true # si no se pudo, se instalan
  fi
  preparar carga
  # Lo que está instalado no necesita sus bibliotecas.
  [[ $(buscar_wrk)$(buscar_pgbench) == *"/$CARGA_CARPETA/"* ]] || return 0
  LD_LIBRARY_PATH=${LD_LIBRARY_PATH:+$LD_LIBRARY_PATH:}$(carpeta_cache)/$CARGA_CARPETA/usr/lib/$(uname -m)-linux-gnu
  export LD_LIBRARY_PATH
}

# Quien mide se construye antes: al construirlo, cargo deja un servicio con las características que piden las pruebas, y
# el que se mide ha de ser el que se publica.
orden_rendimiento() {
  local programa
  preparar construir pulsar
  carga_preparar
  pulsar_preparar || exit 2
  decir 'se construyen quien mide y el servicio (release; la primera vez tarda unos minutos)…'
  programa=$(construir_prueba rendimiento --release) || morir 'no se pudo construir quien mide'
  construir_release
  preparar_corrida "$@"
  en_raiz env TMPDIR="$TEMPORAL" AEROALPES_WRK="$(buscar_wrk)" AEROALPES_PGBENCH="$(buscar_pgbench)" \
    "$programa" --programa "$(binario release)" "$@"
}
