# shellcheck shell=bash
# PostgreSQL: lo arranca y lo para el propio programa, que sabe crear sus datos y su contraseña.

postgresql_preparar() { construir_depuracion; }

postgresql_puertos() {
  case $1 in
    trabajo) puerto_para_servicios AEROALPES_PG_PUERTO "${AEROALPES_PG_PUERTO:-5432}" ;;
    pruebas) puerto_para_pruebas ;;
  esac
}

postgresql_lanzar() {
  proceso_arrancar "$1/postgresql" \
    "$(binario debug)" postgres --datos "$2/postgresql" --puerto "$3"
}

postgresql_esperar() {
  proceso_esperar "$1/postgresql" postgresql_lineas "$1" || {
    decir 'PostgreSQL no está arriba'
    return 1
  }
  decir "PostgreSQL arriba en $(postgresql_direccion "$1")"
}

postgresql_lineas() { proceso_linea "$1/postgresql" 'export DATABASE_URL='; }

# Dónde atiende, sin la contraseña que lleva la dirección completa.
postgresql_direccion() {
  local linea
  linea=$(postgresql_lineas "$1") || return 0
  linea=${linea##*@}
  printf '%s' "${linea%%[/?\']*}"
}
