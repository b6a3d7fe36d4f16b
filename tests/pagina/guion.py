"""Corre un caso de la página: `guion.py CASO URL`. Lo que sólo sabe quien arrancó el servicio se le pregunta por la salida."""

import sys

import accesibilidad
import acceso
import capturas
import cuidado
import reservas
import usuarios

MODULOS = (accesibilidad, acceso, capturas, cuidado, reservas, usuarios)


def preguntar(*palabras):
    """Pregunta algo a quien arrancó el servicio, y espera lo que responda."""
    print("?", *palabras, flush=True)
    return sys.stdin.readline().strip()


def main():
    nombre, url = sys.argv[1:]
    caso = next(getattr(modulo, nombre) for modulo in MODULOS if hasattr(modulo, nombre))
    caso(url, preguntar)


if __name__ == "__main__":
    main()
