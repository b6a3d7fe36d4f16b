#!/usr/bin/env python3
"""Recorre AeroAlpes con el cliente que se genera de su OpenAPI: `./dev cliente CARPETA` lo deja en CARPETA.

Uso: PYTHONPATH=CARPETA reservar.py [URL_DEL_API]

Registra un usuario, reserva a su nombre de las dos formas, paga, lista por páginas y lee un problema.
"""

import re
import sys
import time
import uuid
from datetime import datetime, timezone
from typing import TypeVar

from aeroalpes import AuthenticatedClient, Client
from aeroalpes.api.clientes import iniciar_sesion, registrar, reservas
from aeroalpes.api.comandos import dar_resultado
from aeroalpes.api.vuelos import pagar, reservar, reservar_asincrona
from aeroalpes.models import (
    CuerpoAeropuerto,
    CuerpoItinerario,
    CuerpoLeg,
    CuerpoOdo,
    CuerpoReserva,
    CuerpoSegmento,
    CuerpoSesion,
    CuerpoUsuario,
    EstadoDeComando,
    Problema,
    RespuestaAceptado,
    RespuestaComando,
    RespuestaReserva,
    RespuestaSesion,
    RespuestaUsuario,
)
from aeroalpes.types import UNSET, Response, Unset

PLAZO = 30.0  # segundos que se espera un resultado
PAUSA = 0.1  # segundos entre dos preguntas
CONTRASENA = "correcta-y-larga"

T = TypeVar("T")


def exigir(respuesta: Response, tipo: type[T]) -> T:
    """Lo que se pidió; si el servicio respondió con un problema, se termina diciéndolo."""
    if isinstance(respuesta.parsed, tipo):
        return respuesta.parsed
    detalle = respuesta.parsed.detail if isinstance(respuesta.parsed, Problema) else respuesta.content
    raise SystemExit(f"{respuesta.status_code}: {detalle}")


def viaje(destino: str, usuario: uuid.UUID) -> CuerpoReserva:
    """Un vuelo desde Bogotá."""
    leg = CuerpoLeg(
        fecha_salida=datetime(2022, 11, 22, 13, 10, tzinfo=timezone.utc),
        fecha_llegada=datetime(2022, 11, 22, 15, 10, tzinfo=timezone.utc),
        origen=CuerpoAeropuerto(codigo="BOG"),
        destino=CuerpoAeropuerto(codigo=destino),
    )
    itinerario = CuerpoItinerario(odos=[CuerpoOdo(segmentos=[CuerpoSegmento(legs=[leg])])])
    return CuerpoReserva(id_cliente=usuario, itinerarios=[itinerario])


def entrar(url: str) -> tuple[Client | AuthenticatedClient, uuid.UUID]:
    """Un usuario nuevo y con qué llamar en su nombre: en modo cerrado, su ficha."""
    cliente, email = Client(base_url=url), f"ana-{uuid.uuid4()}@ejemplo.co"
    datos = CuerpoUsuario(
        nombres="Ana María", apellidos="Pérez", email=email, password=CONTRASENA, es_empresarial=False
    )
    usuario = exigir(registrar.sync_detailed(client=cliente, body=datos), RespuestaUsuario)
    print(f"usuario {usuario.id}: {usuario.estado.value}")
    credenciales = CuerpoSesion(email=email, password=CONTRASENA)
    sesion = exigir(iniciar_sesion.sync_detailed(client=cliente, body=credenciales), RespuestaSesion)
    if sesion.ficha:
        cliente = AuthenticatedClient(base_url=url, token=sesion.ficha)
    return cliente, usuario.id


def reservar_ahora(cliente: Client | AuthenticatedClient, usuario: uuid.UUID) -> uuid.UUID:
    """La respuesta llega cuando la reserva ya está guardada. Con la misma clave, repetir no reserva otra vez."""
    clave, cuerpo = str(uuid.uuid4()), viaje("JFK", usuario)
    ids = set()
    for _ in range(2):
        respuesta = reservar.sync_detailed(client=cliente, body=cuerpo, idempotency_key=clave)
        ids.add(exigir(respuesta, RespuestaReserva).id)
    print(f"reserva {', '.join(map(str, ids))}: creada una vez, pedida dos")
    return ids.pop()


def reservar_despues(cliente: Client | AuthenticatedClient, usuario: uuid.UUID) -> uuid.UUID:
    """La respuesta (202) dice dónde preguntar; el comando se cumple después."""
    clave = str(uuid.uuid4())
    respuesta = reservar_asincrona.sync_detailed(client=cliente, body=viaje("MIA", usuario), idempotency_key=clave)
    aceptado = exigir(respuesta, RespuestaAceptado)
    print(f"comando {aceptado.id_comando}: aceptado")
    limite = time.monotonic() + PLAZO
    while True:
        resultado = exigir(dar_resultado.sync_detailed(client=cliente, id=aceptado.id_comando), RespuestaComando)
        if resultado.estado is not EstadoDeComando.PENDIENTE:
            break
        if time.monotonic() > limite:
            raise SystemExit(f"el comando {aceptado.id_comando} sigue pendiente")
        time.sleep(PAUSA)
    print(f"comando {aceptado.id_comando}: {resultado.estado.value}, {resultado.recurso}")
    return aceptado.id


def listar(cliente: Client | AuthenticatedClient, usuario: uuid.UUID) -> None:
    """De una en una: el cursor de la página siguiente viene en la cabecera `Link`."""
    cursor: str | Unset = UNSET
    while True:
        pagina = reservas.sync_detailed(client=cliente, id=usuario, limite=1, cursor=cursor)
        for reserva in exigir(pagina, list):
            print(f"página: {reserva.id}, {reserva.estado.value}")
        siguiente = re.search(r"[?&]cursor=([^&>]+)[^>]*>; rel=\"next\"", pagina.headers.get("link", ""))
        if siguiente is None:
            return
        cursor = siguiente[1]


def equivocarse(cliente: Client | AuthenticatedClient, usuario: uuid.UUID) -> None:
    """De Bogotá a Bogotá: un problema (RFC 9457) que dice qué regla se rompió y en qué dato."""
    respuesta = reservar.sync_detailed(client=cliente, body=viaje("BOG", usuario))
    problema = exigir(respuesta, Problema)
    print(f"problema {problema.status} en {problema.puntero}: {problema.detail}")


def principal(url: str = "http://localhost:5000") -> int:
    cliente, usuario = entrar(url)
    reserva = reservar_ahora(cliente, usuario)
    reservar_despues(cliente, usuario)
    pagada = exigir(pagar.sync_detailed(client=cliente, id=reserva), RespuestaReserva)
    print(f"reserva {pagada.id}: {pagada.estado.value}")
    listar(cliente, usuario)
    equivocarse(cliente, usuario)
    return 0


if __name__ == "__main__":
    sys.exit(principal(*sys.argv[1:2]))
