# shellcheck shell=bash
# El cliente de Python que se genera de `/spec`.

readonly CLIENTE_REQUISITOS=$RAIZ/ejemplos/requisitos.txt

cliente_preparar() { requisitos_preparar cliente "$CLIENTE_REQUISITOS" openapi_python_client; }

# Deja en CARPETA el paquete `aeroalpes`, y escribe la orden que ejecuta el ejemplo con él. Si el generador no entiende
# algo del documento, falla.
orden_cliente() {
  (($# == 1 || $# == 2)) || uso_incorrecto 'cliente espera una carpeta y quizá la dirección del servicio'
  local carpeta url=${2:-http://127.0.0.1:5000} python
  carpeta=$(realpath -m -- "$1")
  preparar cliente
  cliente_preparar || exit 1
  python=$(requisitos_python cliente "$CLIENTE_REQUISITOS")
  mkdir -p -- "$carpeta"
  # Después de generar da formato, con el ruff de ese mismo entorno.
  PATH=$(dirname -- "$python"):$PATH "$python" -m openapi_python_client generate --url "$url/spec" --meta none \
    --output-path "$carpeta/aeroalpes" --overwrite --fail-on-warning >&2 || morir 'no se pudo generar el cliente'
  decir "el cliente está en $carpeta/aeroalpes. Para probarlo:"
  printf 'PYTHONPATH=%q %q %q %q\n' "$carpeta" "$python" "$RAIZ/ejemplos/reservar.py" "$url"
}
